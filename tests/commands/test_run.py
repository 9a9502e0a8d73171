"""Running a parsed command: pages, answers, plans."""

import pytest

from ib_runner.commands.arguments import parse_command
from ib_runner.commands.run import run
from ib_runner.errors import UsageError
from ib_runner.stages.stage import stages


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def asked(stage, *words):
    return run(parse_command(stages()[stage], words))


def test_a_stage_that_works_on_no_runs_answers(capsys, tmp_path):
    assert asked("list", f"output_root={tmp_path}") == 0
    assert capsys.readouterr().out.strip()
    with pytest.raises(UsageError, match=r"run=a: `list` takes output_root, experiment, state"):
        asked("list", "run=a")


def test_a_dry_run_describes_the_plan_and_makes_nothing(capsys, tmp_path):
    words = ["dataset=points4", "trainer.loss=mse", "trainer.epochs=3", "network.widths=[2]"]
    assert asked("train", "--dry-run", "measure.measurements=[]", *words) == 0
    out = capsys.readouterr().out
    assert "a new run of points4" in out
    assert "3 epochs" in out
    assert list(tmp_path.iterdir()) == []


def test_what_hydra_shows_needs_no_plan(capsys, monkeypatch):
    monkeypatch.setattr("ib_runner.commands.plan.make_plan", None)
    assert asked("train", "--cfg", "job") == 0
    assert "seed: 0" in capsys.readouterr().out
