"""``trainer.together``: jobs trained in one program leave the same files as trained alone."""

import json
import sys

import pytest
from tiny_run import TINY
from torch import nn

from ib_runner import cli
from ib_runner.runs.folder import Run

NORMED = "network._target_=normed_networks.normed"
BINNED = "measure.measurements=[binned_entropy]"
SWEPT = ["noise.beta=0.1,0.2", "seed=0,1"]


def normed(n_inputs, n_outputs, noise):
    """A chain that the compiled kernels don't know."""
    return nn.Sequential(
        nn.Linear(n_inputs, 3, bias=False), nn.BatchNorm1d(3), nn.Tanh(), noise(), nn.Linear(3, 1)
    )


@pytest.fixture
def sweep(tmp_path, monkeypatch, capsys):
    """Train a sweep by the command line in a folder of its own: its path."""
    monkeypatch.setitem(sys.modules, "normed_networks", sys.modules[__name__])

    def train(name, *overrides, stage="train", status=0):
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / name)
        begins = not any(word.startswith("run=") for word in overrides)
        assert cli.main([stage, "-m", *(TINY if begins else []), *overrides]) == status
        out, err = capsys.readouterr()
        return err if status == 2 else tmp_path / name / out.strip().splitlines()[-1]

    return train


def files(run):
    """What is in a run folder, but for its log and the times in run.json."""
    paths = [path for path in run.rglob("*") if path.is_file() and path.suffix != ".log"]
    found = {str(path.relative_to(run)): path.read_bytes() for path in paths}
    state = json.loads(found.pop("run.json"))
    return found, {key: value for key, value in state.items() if key not in ("started", "finished")}


def jobs_of(path):
    return sorted(one.parent.name for one in path.glob("*/run.json"))


def test_a_sweep_of_two_by_two_leaves_the_same_bytes(sweep):
    together = sweep("a", *SWEPT, "trainer.together=4")
    alone = sweep("b", *SWEPT)
    jobs = jobs_of(alone)
    assert len(jobs) == 4
    assert jobs_of(together) == jobs
    for job in jobs:
        assert files(together / job) == files(alone / job)
        assert Run(together / job).state == "complete"


def test_stacked_networks_leave_the_same_files(sweep):
    own = [NORMED, "~network.widths", "~network.activation", *SWEPT]
    together = sweep("a", *own, "trainer.together=3")
    alone = sweep("b", *own)
    for job in jobs_of(alone):
        ours, theirs = files(together / job), files(alone / job)
        assert ours[0].keys() == theirs[0].keys()
        assert ours[0]["config.yaml"] == theirs[0]["config.yaml"]
        assert ours[1] == theirs[1]
        tables = [Run(path / job).table("training") for path in (together, alone)]
        assert (tables[0].loss - tables[1].loss).abs().max() < 1e-5


@pytest.mark.slow
def test_all_stages_go_on_from_there(sweep):
    path = sweep("a", *SWEPT, "trainer.together=2", BINNED, stage="all")
    for job in jobs_of(path):
        assert len(Run(path / job).table("binned_entropy")) > 0
    again = sweep("a", f"run={path}", "trainer.epochs=6", "trainer.together=4")
    assert again == path
    assert all(Run(path / job).epochs[-1] == 6 for job in jobs_of(path))


def test_what_does_not_go_together_is_refused(sweep):
    assert "trainer.together=0" in sweep("a", *SWEPT, "trainer.together=0", status=2)
    assert "hydra/launcher" in sweep(
        "b", *SWEPT, "trainer.together=2", "hydra/launcher=joblib", status=2
    )
    assert "one trainer.together" in sweep("c", *SWEPT, "trainer.together=1,2", status=2)
