"""A plan told to people, and what is said before long work."""

import logging
from dataclasses import replace

import pytest

from ib_runner.commands.arguments import parse_command
from ib_runner.commands.dry_run import announce, describe
from ib_runner.commands.plan import make_plan
from ib_runner.stages.cost import Cost
from ib_runner.stages.stage import Stage, stages
from ib_runner.wording import duration_text, size_text

TINY = ("network.widths=[2]", "dataset=points4", "trainer.loss=mse")


@pytest.fixture
def costs(monkeypatch):
    """What each step of a stage costs, by its name: seconds, bytes and why it takes long."""
    known = {"train": (90.0, 2e6, "trainer.epochs=1 is shorter"), "measure": (30.0, 1e6, "")}

    def cost(self, config, run, builder):
        seconds, size, why = known.get(self.name, (0.0, 0.0, ""))
        # jobs with a seed of their own do the same
        return Cost(f"{self.name} of {config.trainer.loss}", seconds, size, why)

    for name in ("train", "measure", "plot", "check"):
        monkeypatch.setattr(type(stages()[name]), "cost", cost)
        monkeypatch.setattr(type(stages()[name]), "may_take_long", lambda *of: True)
    return known


def one_after_the_other(seconds, size):
    return f"about {duration_text(seconds)} one after the other, {size_text(size)}"


def planned(opened, stage, *words):
    return make_plan(opened, parse_command(stages()[stage], [*TINY, *words]))


def test_a_new_run_step_by_step_and_in_all(opened, costs):
    lines = describe(planned(opened, "all")).splitlines()
    assert lines[0] == "a new run of points4"
    assert lines[1:3] == ["  train: train of mse", "  measure: measure of mse"]
    assert lines[-1] == f"in all {one_after_the_other(120.0, 3e6)}"


def test_one_step_has_no_sum(opened, costs):
    assert describe(planned(opened, "train")).splitlines() == [
        "a new run of points4",
        "  train: train of mse",
    ]


def test_jobs_that_do_the_same_are_described_once_and_all_are_counted(opened, costs):
    plan = planned(opened, "train", "-m", "seed=0,1,2")
    assert describe(plan).splitlines() == [
        "seed-0: a new run of points4",
        "  train: train of mse",
        "seed-1: as seed-0",
        "seed-2: as seed-0",
        f"3 jobs, 0 done; in all {one_after_the_other(270.0, 6e6)}",
    ]
    jobs = (replace(plan.jobs[0], done=True), *plan.jobs[1:])
    lines = describe(replace(plan, jobs=jobs)).splitlines()
    assert lines[0] == "seed-1: a new run of points4"
    assert lines[-2:] == [
        "done: seed-0",
        f"3 jobs, 1 done; in all {one_after_the_other(180.0, 4e6)}",
    ]


def test_long_work_is_announced_with_what_avoids_it(opened, costs, caplog):
    caplog.set_level(logging.INFO, logger="ib_runner")
    announce(planned(opened, "all"))
    assert caplog.messages == [
        f"train will take about {duration_text(90.0)}: trainer.epochs=1 is shorter",
    ]


def test_of_a_sweep_all_its_jobs_count(opened, costs, caplog):
    caplog.set_level(logging.INFO, logger="ib_runner")
    announce(planned(opened, "all", "-m", "seed=0,1,2"))
    each = [duration_text(seconds) for seconds in (90.0, 30.0)]
    assert [line.partition(":")[0] for line in caplog.messages] == [
        f"train will take about {duration_text(270.0)} (3 runs, {each[0]} each)",
        f"measure will take about {duration_text(90.0)} (3 runs, {each[1]} each)",
    ]


def test_what_is_done_is_not_announced(opened, costs, caplog):
    caplog.set_level(logging.INFO, logger="ib_runner")
    plan = planned(opened, "train", "-m", "seed=0,1")
    announce(replace(plan, jobs=tuple(replace(job, done=True) for job in plan.jobs)))
    assert caplog.messages == []


def test_a_step_that_is_short_for_sure_is_not_timed(opened, monkeypatch, caplog):
    def refuse(self, config, run, builder):
        raise AssertionError("timed")

    monkeypatch.setattr(type(stages()["train"]), "may_take_long", lambda *of: False)
    monkeypatch.setattr(type(stages()["train"]), "cost", refuse)
    assert isinstance(stages()["train"], Stage)
    announce(planned(opened, "train"))
    assert caplog.messages == []
