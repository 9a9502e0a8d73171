"""Repeating ``measure`` does nothing, unless rows are missing, or settings or code have changed."""

import pytest
from tiny_run import tables_of, train_tiny

from ib_runner.stages import forecast, measure_processes
from ib_runner.stages import measure as stages_measure

AGAIN = "nothing to do"


@pytest.fixture
def measured(ib_run, tmp_path):
    """A function that measures the run, and whether it had anything to do; and the run."""
    run = train_tiny(tmp_path / "outputs")

    def measure(*words):
        status, _, err = ib_run("measure", f"run={run.path}", *words)
        assert status == 0, err
        return AGAIN not in err

    return measure, run


def test_the_same_again_does_nothing(measured):
    measure, run = measured
    assert measure()
    before = {path: path.stat().st_mtime_ns for path in run.path.glob("measurements/*.parquet")}
    assert not measure()
    assert not measure("measure.n_jobs=2")  # where it is computed makes no difference
    after = {path: path.stat().st_mtime_ns for path in run.path.glob("measurements/*.parquet")}
    assert before == after


@pytest.mark.slow
def test_what_is_missing_or_other_is_measured(measured):
    measure, run = measured
    assert measure("measure.epochs=[0,2]")
    first = tables_of(run)
    assert measure("measure.epochs=[0,1,2]")
    assert measure("measure.epochs=[0,2]", "measure.n_x=16")  # replaces rows
    assert measure("measure.epochs=[0,2]")
    assert not measure("measure.epochs=[0,2]")
    run.table_path("binned_entropy").unlink()
    assert measure("measure.epochs=[0,2]")
    assert tables_of(run)["binned_entropy"].equals(first["binned_entropy"])


def test_dry_run_says_so(measured, ib_run):
    measure, run = measured
    assert measure()
    assert "nothing is left to do" in "\n".join(
        ib_run("measure", f"run={run.path}", "--dry-run")[1]
    )


def test_no_epoch_of_what_is_measured_is_timed(measured, monkeypatch):
    measure, _ = measured
    timed = []
    monkeypatch.setattr(stages_measure, "LONG_SECONDS", 0.0)
    monkeypatch.setattr(measure_processes, "compiled_before", lambda: True)
    monkeypatch.setattr(forecast, "seconds_of_an_epoch", lambda *of: timed.append(of) or 0.0)
    assert measure()
    assert len(timed) == 1
    assert not measure()
    assert len(timed) == 1
