"""Sweeps by submitit's launcher, whose local executor starts a process for each job."""

from pathlib import Path

import pytest

from ib_runner.runs.folder import Run

ROOT = Path(__file__).resolve().parents[1]
TINY = ["network.widths=[3,2]", "trainer.epochs=2", "dataset=points4", "trainer.loss=mse"]
LAUNCHER = ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=10"]

#: a network that kills its process where it is trained, and not where it is tried out
DEADLY = """
import os
from ib_runner.networks import FCN

class Deadly(FCN):
    def state_dict(self, *arguments, **keywords):
        if "SUBMITIT_EXECUTOR" in os.environ:
            os._exit(9)
        return super().state_dict(*arguments, **keywords)
"""


@pytest.mark.long
def test_a_sweep_and_its_continuation(ib_process, tmp_path):
    words = ["train", "-m", *LAUNCHER, *TINY]
    done = ib_process(*words, "seed=0,1")
    assert done.returncode == 0, done.stderr
    sweep = tmp_path / done.stdout.splitlines()[-1]
    before = [Run(sweep / f"seed-{seed}").info for seed in (0, 1)]
    assert [info["state"] for info in before] == ["complete", "complete"]
    again = ["train", "-m", f"run={sweep}", *LAUNCHER]
    done = ib_process(*again, "seed=1,2")
    assert done.returncode == 0, done.stderr
    assert "3 jobs, 2 done" in done.stderr
    assert [Run(sweep / f"seed-{seed}").info for seed in (0, 1)] == before
    assert Run(sweep / "seed-2").state == "complete"


@pytest.mark.long
def test_jobs_that_fail_and_die_are_named(ib_process, tmp_path):
    (tmp_path / "mine.py").write_text(DEADLY)
    words = ["train", "-m", *LAUNCHER, *TINY, "optimizer=sgd"]
    failed = ib_process(*words, "optimizer.lr=0.01,1e30")
    assert failed.returncode == 1
    assert "1 of 2 failed" in failed.stderr
    assert "optimizer.lr-1e-30: Epoch" in failed.stderr
    sweep = tmp_path / failed.stdout.splitlines()[-1]
    states = {path.name: Run(path).state for path in sweep.glob("optimizer*")}
    assert states == {"optimizer.lr-0.01": "complete", "optimizer.lr-1e-30": "failed"}

    targets = "network._target_=ib_runner.networks.fcn.FCN,mine.Deadly"
    died = ib_process(*words, targets)
    assert died.returncode == 1
    assert "1 of 2 failed" in died.stderr
    assert "mine.Deadly: it ended without a result" in died.stderr
