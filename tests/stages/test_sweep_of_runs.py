"""A sweep's tables, figures and findings over its runs, by the command line."""

from pathlib import Path

import pytest

from ib_runner import cli
from ib_runner.tables.files import read_table

TOGETHER = [
    "measure.measurements=[binned_entropy,squared]",
    "+measurement.squared._target_=runs_together.SquaredWeights",
    "plot.figures=[binned_entropy,losses_of_all,needs_beta]",
    "plot.formats=[png]",
    "+figure.losses_of_all._target_=runs_together.Losses",
    "+figure.needs_beta._target_=runs_together.NeedsBeta",
    "~findings",
    "+findings.accuracy._target_=ib_runner.findings.accuracy.Accuracy",
    "+findings.accuracy.expected=some",
    "+findings.accuracy.at_least=0.01",
    "+findings.two_runs={_target_:runs_together.NumberOfRuns,expected:two,at_least:2,at_most:2}",
]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A sweep of two seeds, of tiny networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("sweep"))
        tiny = ["network.widths=[2]", "trainer.epochs=2"]
        status = cli.main(["all", "-m", "seed=0,1", *tiny, *TOGETHER])
        assert status == 0
        (path,) = Path("outputs/szt_tanh").resolve().iterdir()
    return path


def table(sweep, name):
    return read_table(sweep / "measurements" / f"{name}.parquet")


def test_a_measurement_of_several_runs(sweep):
    (row,) = table(sweep, "cosine_similarity").to_dict("records")
    assert (row["epoch"], row["run_a"], row["run_b"]) == (2, "seed-0", "seed-1")
    assert row["count"] == 2 * (12 * 2 + 2 + 2 * 2 + 2)
    assert not list(sweep.glob("seed-*/measurements/cosine_similarity.parquet"))


def test_figures_of_the_sweep_and_of_its_runs(sweep):
    assert [path.name for path in sweep.glob("figures/*")] == ["losses_of_all.png"]
    assert not list(sweep.glob("seed-*/figures/*"))  # those of each run are drawn when asked for
    assert (
        cli.main(["plot", f"run={sweep}", "plot.each_run=true", "allow_targets=[runs_together]"])
        == 0
    )
    for run in sweep.glob("seed-*"):
        assert [path.name for path in run.glob("figures/*")] == ["binned_entropy.png"]


def test_a_figure_of_the_sweep_is_drawn_without_a_word_about_each_run(sweep, caplog):
    words = ["plot.figures=[losses_of_all]", "allow_targets=[runs_together]"]
    assert cli.main(["plot", f"run={sweep}", *words]) == 0
    assert [record.getMessage() for record in caplog.records] == [f"{sweep}/figures: losses_of_all"]


def test_a_finding_over_runs(sweep):
    (row,) = table(sweep, "findings").query("finding == 'two_runs'").to_dict("records")
    assert (row["run"], row["finding"]) == ("all", "two_runs")
    assert (row["holds"], row["measured"], row["n_runs"]) == ("yes", "2 runs", 2)


def test_the_shares_have_the_quantity_and_the_rule(sweep, capsys):
    assert cli.main(["check", f"run={sweep}", "allow_targets=[runs_together]"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("szt_tanh\nyes       accuracy: ")
    rule = "the test accuracy must be at least 0.01"
    assert f"holds in 2 of 2 runs that can tell; {rule}; median " in " ".join(shown.split())
    over = table(sweep, "findings").set_index("run").loc["all"].set_index("finding")
    assert over.why["accuracy"].startswith(f"{rule}; over the runs it is between ")
    assert 0 < over.low["accuracy"] <= over.high["accuracy"] <= 1


def test_tables_of_the_runs_in_one(sweep):
    assert set(table(sweep, "training")["run"]) == {"seed-0", "seed-1"}
    assert set(table(sweep, "binned_entropy")["seed"]) == {0, 1}
