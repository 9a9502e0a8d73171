"""A sweep's tables: the runs' rows with run and swept values, and the findings over runs."""

import json
import math

import pandas as pd
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from ib_runner.runs.folder import Run
from ib_runner.runs.sweep_folder import swept_values
from ib_runner.tables.collect import ALL_RUNS, SweptRun, collect_findings
from ib_runner.tables.files import read_table, write_table


def finding(name, holds):
    share = {"yes": 1.0, "no": 0.0}.get(holds)
    row = {"finding": name, "expected": "e", "measured": "m", "holds": holds, "share": share}
    low, high = {"undecided": (None, None), "yes": (1.0, 3.0), "no": (0.5, 0.9)}[holds]
    return {**row, "n_runs": 1, "low": low, "high": high, "why": "w"}


@pytest.fixture
def runs(tmp_path):
    made = []
    for k, (beta, holds) in enumerate([(0.1, "yes"), (1, "no"), (0.2, "undecided"), (0.3, "yes")]):
        config = OmegaConf.create(
            {"experiment": "e", "seed": k, "noise": {"beta": beta}, "network": {"widths": [k, 2]}}
        )
        run = Run.create(config, tmp_path / f"job-{k}")
        (run.path / "measurements").mkdir()
        rows = [finding("compression", holds), finding("accuracy", "yes")]
        write_table(run.table_path("findings"), pd.DataFrame(rows), "findings")
        made.append(run)
    return made


def swept(runs, keys):
    return [
        SweptRun(
            run.path.name,
            swept_values(run.config, keys, ["+exp=e", f"condition=c{run.config.seed}"]),
            run.table_path,
        )
        for run in runs
    ]


def test_rows_carry_run_and_swept_values_verbatim(runs, tmp_path):
    keys = ["noise.beta", "seed", "network.widths"]
    collect_findings(tmp_path, swept(runs, keys))
    found = pq.read_schema(tmp_path / "measurements" / "findings.parquet").metadata
    assert found[b"sweep"].decode() == tmp_path.name
    assert json.loads(found[b"runs"]) == ["job-0", "job-1", "job-2", "job-3"]
    assert "torch" in json.loads(found[b"packages"])
    table = read_table(tmp_path / "measurements" / "findings.parquet")
    one = table[table.run == "job-1"]
    assert len(one) == 2
    assert one["noise.beta"].tolist() == [1.0, 1.0]
    assert one["seed"].tolist() == [1, 1]
    assert one["network.widths"].tolist() == ["[1, 2]"] * 2


def test_chosen_entries_of_groups_come_by_name(runs, tmp_path):
    """``noise`` is a group whose entry is in the configuration, ``condition`` and ``exp`` not."""
    overrides = ["+exp=e", "condition=c1", "noise=gaussian", "trainer.batch_size=null"]
    keys = ["exp", "condition", "noise", "seed", "trainer.batch_size"]
    expected = ["e", "c1", "gaussian", 1, None]
    assert list(swept_values(runs[1].config, keys, overrides).values()) == expected
    collect_findings(tmp_path, swept(runs, ["condition", "exp"]))
    table = read_table(tmp_path / "measurements" / "findings.parquet")
    assert table[table.run == "job-2"].condition.tolist() == ["c2", "c2"]
    assert set(table.exp.dropna()) == {"e"}


def test_findings_over_runs_count_those_that_can_tell(runs, tmp_path):
    collect_findings(tmp_path, swept(runs, ["seed"]))
    table = read_table(tmp_path / "measurements" / "findings.parquet")
    over = table[table.run == ALL_RUNS].set_index("finding")
    assert over.loc["compression", "share"] == pytest.approx(2 / 3)
    assert over.loc["compression", "n_runs"] == 4
    assert over.loc["compression", "holds"] == "undecided"
    assert over.loc["compression", "measured"] == (
        "holds in 2 of 3 runs that can tell; median 2 (0.7 to 2)"
    )
    assert over.loc["accuracy", "holds"] == "yes"
    assert over.seed.isna().all()


def test_shares_say_what_of_which_rule_and_between_which_ends(runs, tmp_path):
    rules = {run.path.name: {"compression": "the fall (nats) must be at least 1"} for run in runs}
    rows = {
        row["finding"]: row for row in collect_findings(tmp_path, swept(runs, ["seed"]), (), rules)
    }
    assert rows["compression"]["measured"] == (
        "holds in 2 of 3 runs that can tell; the fall (nats) must be at least 1; "
        "median 2 (0.7 to 2)"
    )
    assert rows["compression"]["why"] == (
        "the fall (nats) must be at least 1; over the runs it is between 0.5 and 3; "
        "the runs disagree"
    )
    table = read_table(tmp_path / "measurements" / "findings.parquet").set_index("finding")
    over = table[table.run == ALL_RUNS]
    assert (over.low["compression"], over.high["compression"]) == (0.5, 3.0)
    assert over.why["accuracy"] == "over the runs it is between 1 and 3"


@pytest.mark.parametrize(
    ("peaks", "measured", "range_"),
    [
        (
            [50, 70, math.inf],
            "median 60 (50 to 70); 1 of 3 runs have none",
            "over the runs it is 50 or more",
        ),
        ([math.inf, math.inf], "2 of 2 runs have none", "no run has one"),
    ],
)
def test_what_some_runs_lack_is_counted_and_never_infinite(runs, tmp_path, peaks, measured, range_):
    for run, peak in zip(runs, peaks, strict=False):
        row = {**finding("peak", "no"), "low": peak, "high": peak}
        write_table(run.table_path("findings"), pd.DataFrame([row]), "findings")
    (over,) = collect_findings(tmp_path, swept(runs[: len(peaks)], ["seed"]))
    assert over["measured"].endswith(f"runs that can tell; {measured}")
    assert over["why"] == range_


def test_where_no_run_can_tell_the_share_says_why(runs, tmp_path):
    rows = {row["finding"]: row for row in collect_findings(tmp_path, swept([runs[2]], ["seed"]))}
    assert rows["compression"]["low"] is None
    assert (rows["compression"]["holds"], rows["compression"]["why"]) == ("undecided", "w")


def test_runs_that_differ_in_more_than_their_seed_are_counted_apart(runs, tmp_path):
    rows = collect_findings(tmp_path, swept(runs[:2], ["noise.beta", "seed"]))
    shares = {(row["run"], row["finding"]): row["share"] for row in rows}
    assert shares[f"{ALL_RUNS} noise.beta=0.1", "compression"] == 1
    assert shares[f"{ALL_RUNS} noise.beta=1.0", "compression"] == 0
    table = read_table(tmp_path / "measurements" / "findings.parquet")
    over = table[table.run.str.startswith(ALL_RUNS)]
    assert over["noise.beta"].tolist() == [0.1, 0.1, 1.0, 1.0]
    assert over.seed.isna().all()
