"""Carrying out plans: on one run, on a sweep's runs, and by a launcher."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ib_runner.commands.arguments import parse_command
from ib_runner.commands.execute import execute
from ib_runner.commands.launch import launch
from ib_runner.commands.plan import make_plan
from ib_runner.commands.together import train_in_groups
from ib_runner.errors import IbRunError
from ib_runner.runs.folder import Run
from ib_runner.stages.stage import Stage, stages

TINY = ("network.widths=[2]", "dataset=points4", "trainer.loss=mse", "measure.measurements=[]")


@pytest.fixture
def worked(monkeypatch):
    """Training only notes its run and is done at once; seed 1 fails."""
    notes = []

    def train(config, run):
        notes.append((run.path.name, config.seed, config.trainer.together))
        if config.seed == 1:
            raise IbRunError("seed 1 brings no luck")
        run.update(state="complete")

    monkeypatch.setattr("ib_runner.stages.train_run.train", train)
    return notes


def planned(opened, stage, *words):
    return make_plan(opened, parse_command(stages()[stage], [*words, *TINY]))


def test_a_new_run(opened, worked, capsys):
    assert execute(opened, planned(opened, "train", "seed=4")) == 0
    path = Path(capsys.readouterr().out.splitlines()[-1])
    assert worked == [(path.name, 4, 1)]
    assert Run(path).state == "complete"
    assert path.parent == Path("outputs/points4")


def test_a_run_that_fails_says_why(opened, worked, capsys):
    with pytest.raises(IbRunError, match="no luck"):
        execute(opened, planned(opened, "train", "seed=1"))
    assert capsys.readouterr().out == ""


def test_a_sweep_whose_job_fails(opened, worked, capsys):
    assert execute(opened, planned(opened, "train", "-m", "seed=0,1,2")) == 1
    out, err = capsys.readouterr()
    sweep = Path(out.splitlines()[-1])
    assert [note[0] for note in worked] == ["seed-0", "seed-1", "seed-2"]
    assert err.splitlines()[-2:] == [
        "ib-run: 1 of 3 failed:",
        "  seed-1: seed 1 brings no luck",
    ]
    written = json.loads((sweep / "sweep.json").read_text())
    assert list(written["jobs"]) == ["seed-0", "seed-1", "seed-2"]


def test_the_launcher_leaves_out_what_is_done(opened, worked, tmp_path):
    plan = planned(opened, "train", "-m", "seed=0,1")
    folder = tmp_path / "sweep"
    folder.mkdir()
    assert launch(opened, plan, folder) == {"seed-1": "seed 1 brings no luck"}
    Run(folder / "seed-0").update(state="complete")
    worked.clear()
    jobs = (replace(plan.jobs[0], done=True), plan.jobs[1])
    assert launch(opened, replace(plan, jobs=jobs), folder) == {"seed-1": "seed 1 brings no luck"}
    assert [note[0] for note in worked] == ["seed-1"]


def test_what_a_stage_adds_over_the_runs_of_a_sweep_may_fail(opened, worked, capsys, monkeypatch):
    def refuse(self, sweep):
        raise IbRunError(f"{len(sweep.runs)} runs are too many")

    monkeypatch.setattr(type(stages()["train"]), "over_runs", refuse)
    assert execute(opened, planned(opened, "train", "-m", "seed=0,2")) == 1
    assert "train over the runs: 2 runs are too many" in capsys.readouterr().err


def test_only_jobs_that_are_alike_train_together(opened, tmp_path, monkeypatch):
    groups = []

    def train_runs_together(runs):
        groups.append([run.path.name for run in runs])
        assert all(config.trainer.together == 1 for config in runs.values())
        return {run: IbRunError("not today") for run in runs if run.path.name.endswith("-3")}

    monkeypatch.setattr("ib_runner.stages.train_run.train_runs_together", train_runs_together)
    words = ["network.activation=tanh,relu", "seed=1,2,3", "trainer.together=2"]
    plan = planned(opened, "train", "-m", *words)
    failed = train_in_groups(plan, tmp_path)
    assert groups == [
        [f"network.activation-{kind}_seed-{seed}" for seed in some]
        for kind in ("tanh", "relu")
        for some in ((1, 2), (3,))
    ]
    assert failed == {f"network.activation-{kind}_seed-3": "not today" for kind in ("tanh", "relu")}


def test_without_trainer_together_nothing_is_trained_beforehand(opened, tmp_path):
    plan = planned(opened, "train", "-m", "seed=1,2")
    assert train_in_groups(plan, tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_the_runs_of_a_sweep_are_worked_on_in_this_process(opened, worked, capsys, monkeypatch):
    execute(opened, planned(opened, "train", "-m", "seed=0,2"))
    sweep = capsys.readouterr().out.splitlines()[-1]
    checked = []

    def work(self, config, run):
        checked.append(run.path.name)
        if run.path.name == "seed-0":
            raise IbRunError("unreadable")

    monkeypatch.setattr(type(stages()["check"]), "work", work)
    monkeypatch.setattr(type(stages()["check"]), "over_runs", Stage.over_runs)
    plan = make_plan(opened, parse_command(stages()["check"], [f"run={sweep}"]))
    assert plan.is_sweep
    assert execute(opened, plan) == 1
    assert checked == ["seed-0", "seed-2"]
    assert "1 of 2 failed:\n  seed-0: unreadable" in capsys.readouterr().err
    assert OmegaConf.load(Path(sweep) / "seed-2" / "config.yaml").seed == 2
