"""Adding a stage takes one class and one YAML file."""

import pytest

from ib_runner.errors import IbRunError
from ib_runner.stages import stage as stages_module
from ib_runner.stages.cost import Cost
from ib_runner.stages.stage import Stage, stages

YAML = "defaults:\n  - base\n  - _self_\n"


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """A stage ``count`` that writes how many epochs each run has, and its flags."""
    stages()  # ours stay registered
    monkeypatch.setattr(stages_module, "_REGISTERED", dict(stages_module._REGISTERED))

    class Count(Stage):
        name = "count"
        summary = "count the epochs"
        place = 45
        may_change = ("plot",)

        def work(self, config, run):
            if config.plot.unit == "bits" and config.seed == 1:
                raise IbRunError("one is not to be counted")
            (run.path / "count.txt").write_text(str(len(run.epochs)))

        def over_runs(self, sweep):
            counts = [(run.path / "count.txt").read_text() for run in sweep.runs]
            (sweep.path / "counts.txt").write_text(",".join(counts))

        def report(self, config, run):
            print("counted", (run.path / "count.txt").read_text())

        def cost(self, config, run, builder):
            return Cost(f"{len(run.epochs)} epochs to count", seconds=3.0)

    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "count.yaml").write_text(YAML)
    return f"--config-dir={tmp_path / 'conf'}"


TINY = ["network.widths=[3,2]", "trainer.epochs=2", "measure.measurements=[]"]


def test_a_stage_of_ones_own(counted, ib_run):
    assert list(stages()) == [
        *(
            "train",
            "measure",
            "plot",
            "check",
            "count",
            "report",
            "export",
            "table",
            "all",
            "list",
            "thin",
        ),
    ]
    assert "  count    count the epochs" in ib_run("--help")[1]
    assert "count the epochs" in "\n".join(ib_run("count", counted, "--help")[1])
    assert "output_root: outputs" in ib_run("count", counted, "--cfg", "job")[1]
    path = ib_run("train", *TINY)[1][-1]

    status, out, _ = ib_run("count", counted, "--dry-run")
    assert status == 0
    assert out[:2] == [f"{path}: complete", "  count: 3 epochs to count"]
    status, out, err = ib_run("count", counted)
    assert (status, out) == (0, ["counted 3", path])
    assert path in err  # it says which run it took

    status, _, err = ib_run("count", counted, f"run={path}", "trainer.epochs=4")
    assert status == 2
    assert "`count`\nmay change plot and device only" in err
    assert "train and all" in ib_run("count", counted, "-m", "seed=0,1")[2]


def test_a_stage_of_ones_own_on_a_sweep(counted, ib_run, tmp_path):
    status, out, err = ib_run("train", "-m", "seed=0,1", *TINY)
    assert status == 0, err
    sweep = out[-1]
    status, out, _ = ib_run("count", counted)
    assert (status, out) == (0, [sweep])
    assert (tmp_path / sweep / "counts.txt").read_text() == "3,3"
    status, out, err = ib_run("count", counted, "plot.unit=bits")
    assert status == 1
    assert out == [sweep]
    assert "1 of 2 failed" in err
    assert "seed-1: one is not to be counted" in err
