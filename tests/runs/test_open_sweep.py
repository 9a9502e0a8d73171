"""``open_run`` on a sweep: its runs, tables with the swept keys, summaries over the seeds."""

import re

import pandas as pd
import pytest
from tiny_run import TINY

import ib_runner
from ib_runner import cli
from ib_runner.errors import UsageError
from ib_runner.tables.files import read_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A measured sweep of two noise levels and three seeds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("opened"))
        words = ["-m", "noise.beta=0.1,0.2", "seed=0,1,2", *TINY, "experiment=mine"]
        assert cli.main(["train", *words]) == 0
        assert (
            cli.main(
                ["measure", "measure.epochs=[0,4]", "measure.measurements=[mutual_information]"]
            )
            == 0
        )
        patch.undo()
        (path,) = (tmp_path_factory.getbasetemp() / "opened0" / "outputs" / "mine").iterdir()
    return path


def test_runs_and_tables(folder):
    sweep = ib_runner.open_run(folder)
    assert sweep.keys == ["noise.beta", "seed"]
    assert [run.path.name for run in sweep.runs][:2] == [
        "noise.beta-0.1_seed-0",
        "noise.beta-0.1_seed-1",
    ]
    table = sweep.table("mutual_information")
    written = read_table(folder / "measurements" / "mutual_information.parquet")
    order = ["run", "epoch", "layer", "target", "method", "beta"]
    pd.testing.assert_frame_equal(
        table.sort_values(order, ignore_index=True)[written.columns],
        written.sort_values(order, ignore_index=True),
        check_dtype=False,
    )
    assert set(zip(table["noise.beta"], table["seed"], strict=True)) == {
        (beta, seed) for beta in (0.1, 0.2) for seed in (0, 1, 2)
    }
    assert len(sweep.table("training")) == 6 * 5 * 2


def test_a_summary_is_over_the_runs_of_each_value(folder):
    sweep = ib_runner.open_run(folder)
    found = sweep.summary("mutual_information", by="noise.beta")
    assert list(found.columns[:2]) == ["noise.beta", "epoch"]
    assert set(found["n"]) == {3}
    rows = sweep.table("mutual_information").query("layer == 2 and epoch == 4 and target == 'x'")
    for beta, values in rows.groupby("noise.beta")["mi"]:
        one = found[(found["noise.beta"] == beta) & (found.layer == 2) & (found.epoch == 4)]
        (row,) = one.query("target == 'x'").to_dict("records")
        low, middle, high = sorted(values)
        assert row["median"] == middle
        assert row["q25"] == pytest.approx((low + middle) / 2)
        assert row["q75"] == pytest.approx((high + middle) / 2)
    seeds = sweep.summary("training", by=["noise.beta", "seed"], value="loss")
    assert set(seeds["n"]) == {1}


def test_what_a_sweep_has_not(folder):
    sweep = ib_runner.open_run(folder)
    with pytest.raises(
        UsageError, match=r"by=noise.bet: .*noise.beta, seed.*Did you mean noise.beta"
    ):
        sweep.summary("mutual_information", by="noise.bet")
    with pytest.raises(UsageError, match=r"value=lowr: .*Did you mean lower"):
        sweep.summary("mutual_information", value="lowr")
    with pytest.raises(UsageError, match="value=errors: no run has one in its table training"):
        sweep.summary("training", value="errors")
    with pytest.raises(FileNotFoundError, match="ib-run check"):
        sweep.table("findings")
    with pytest.raises(AttributeError, match="is a sweep"):
        sweep.network(0)


def test_what_is_shown_of_a_run_and_a_sweep(folder, capsys):
    sweep = ib_runner.open_run(folder)
    assert "noise.beta=0.1,0.2 seed=0,1,2; 6 of 6 complete" in repr(sweep)
    shown = repr(sweep.runs[0])
    assert "mine, seed 0, β 0.1; complete, 4 epochs; measured mutual_information" in shown
    assert cli.main(["list", f"output_root={folder.parents[1]}"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert "noise.beta=0.1,0.2 seed=0,1,2" in row
    assert head.index("measured") == row.index("mutual_information")


@pytest.mark.parametrize("kind", ["latex", "markdown", "csv"])
def test_a_table_for_a_paper(folder, kind, capsys):
    words = ["layer=2", "epoch=last", "by=noise.beta", f"format={kind}"]
    assert cli.main(["table", f"run={folder}", *words]) == 0
    out = capsys.readouterr().out
    found = ib_runner.open_run(folder).summary("mutual_information", by="noise.beta")
    row = found.query("layer == 2 and epoch == 4 and target == 'x'").iloc[0]
    if kind == "csv":
        assert f"{row['median']},{row['q25']},{row['q75']},3" in out
        return
    digits = [f"{row[one]:#.3g}" for one in ("median", "q25", "q75")]
    assert f"{digits[0]} ({digits[1]} to {digits[2]})" in out
    assert (r"$\beta$ & $I(X;T_{2})$ & runs \\" if kind == "latex" else "| β   | I(X;T_2)") in out


def test_a_table_of_a_run_has_its_interval_and_bits(folder, capsys):
    run = folder / "noise.beta-0.1_seed-0"
    assert cli.main(["table", f"run={run}", "unit=bits", "digits=4", "layer=1", "epoch=4"]) == 0
    out = capsys.readouterr().out
    rows = ib_runner.open_run(run).table("mutual_information")
    (row,) = rows.query("layer == 1 and epoch == 4 and target == 'x'").to_dict("records")
    assert f"{row['mi'] / 0.6931471805599453:#.4g}" in out
    assert "in bits" in out


@pytest.mark.parametrize("digits", [1, 2, 3, 4, 5, 12])
def test_the_interval_in_a_table_encloses_the_certified_one(digits, folder, capsys):
    run = folder / "noise.beta-0.1_seed-0"
    assert cli.main(["table", f"run={run}", f"digits={digits}", "epoch=[0,4]"]) == 0
    printed = re.findall(r"\[([\d.e+-]+), ([\d.e+-]+)\]", capsys.readouterr().out)
    rows = ib_runner.open_run(run).table("mutual_information").query("target == 'x'")
    certified = list(rows[["lower", "upper"]].itertuples(index=False))
    assert len(printed) == len(certified) == 4
    for (low, high), (lower, upper) in zip(printed, certified, strict=True):
        assert float(low) <= lower <= float(low) * (1 + 10 ** (1 - digits))
        assert upper <= float(high) <= upper * (1 + 10 ** (1 - digits)) * (1 + 1e-12)


def test_numbers_below_a_million_are_written_out(folder, capsys):
    counts = ib_runner.open_run(folder).summary("mutual_information", value="n_x")
    row = counts.loc[counts["median"].idxmax()]
    choice = [f"{one}={row[one]}" for one in ("layer", "epoch", "target", "method")]
    words = ["value=n_x", "by=noise.beta", "digits=1", "format=latex", *choice]
    assert cli.main(["table", f"run={folder}", *words]) == 0
    out = capsys.readouterr().out
    assert row["median"] >= 10
    power = 10 ** (len(str(int(row["median"]))) - 1)
    assert f"& {round(row['median'] / power) * power} " in out
    assert "cdot" not in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["layer=7"], "layer=7: run="),
        (["layer=0.5"], "layer=0.5: needs"),
        (["epoch=3"], "it has 0, 4"),
        (["by=seeds"], "Did you mean seed"),
        (["format=latx"], "Did you mean latex"),
        (["table=mutual_informaton"], "Did you mean mutual_information"),
        (["methods=coupled"], "method"),
    ],
)
def test_a_mistake_in_a_table(folder, words, expected, capsys):
    assert cli.main(["table", f"run={folder}", *words]) == 2
    assert expected in capsys.readouterr().err
