"""The launcher that a sweep's jobs ask for."""

import pytest

from ib_runner.commands.launcher import check_launcher, check_together, make_launcher
from ib_runner.config.compose import compose, settings
from ib_runner.errors import UsageError

TWO = [["seed=0"], ["seed=1"]]


def composed(opened, *words):
    return {tuple(one): compose(opened, "train", [*words, *one], typed=True) for one in TWO}


def test_in_this_process_a_job_gets_the_configuration_that_was_composed(opened, tmp_path):
    configs = composed(opened)
    got = []
    launcher = make_launcher(opened, configs, lambda config: got.append(config), tmp_path)
    results = launcher.launch(TWO, initial_job_idx=0)
    assert len(results) == 2
    assert [settings(one) for one in got] == [settings(one) for one in configs.values()]
    got[0].seed = 9  # a job may change its own
    assert [one.seed for one in configs.values()] == [0, 1]


def test_elsewhere_a_job_is_composed_again(opened, tmp_path):
    configs = composed(opened, "hydra/launcher=joblib")
    launcher = make_launcher(opened, configs, print, tmp_path)
    assert type(launcher).__name__ == "JoblibLauncher"
    assert launcher.hydra_context.config_loader is opened.config_loader


def test_jobs_have_one_launcher(opened):
    one, other = (compose(opened, "train", [f"hydra/launcher={w}"]) for w in ("basic", "joblib"))
    check_together([one, one])
    with pytest.raises(UsageError, match=r"the jobs ask for different ones \(basic, joblib\)"):
        check_together([one, other])
    together = compose(opened, "train", ["hydra/launcher=joblib", "trainer.together=2"])
    with pytest.raises(UsageError, match=r"trainer.together=2: jobs are trained together in this"):
        check_together([together])


def test_a_launcher_that_cannot_be_made_is_named(opened):
    given = ["hydra/launcher=joblib", "hydra.launcher._target_=no.such.Launcher"]
    with pytest.raises(UsageError, match=r"no.such.Launcher: no launcher \(Invalid plugin"):
        check_launcher(opened, given, compose(opened, "train", given))
