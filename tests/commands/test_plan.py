"""Planning command lines: jobs and mistakes, before any folder is made."""

from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl

from ib_runner.commands.arguments import parse_command
from ib_runner.commands.launcher import make_launcher
from ib_runner.commands.plan import make_plan
from ib_runner.config import compose
from ib_runner.config.compose import open_hydra
from ib_runner.errors import UsageError
from ib_runner.runs.find import open_found
from ib_runner.stages.stage import stages

TINY = ("network.widths=[2]", "trainer.epochs=2", "measure.measurements=[]")


@pytest.fixture
def hydra(tmp_path, monkeypatch):
    """Hydra with the experiments ``mine``, which asks for joblib, and ``optimised``."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "conf" / "exp"
    folder.mkdir(parents=True)
    package = "# @package _global_\n"
    (folder / "mine.yaml").write_text(
        f"{package}defaults:\n  - override /hydra/launcher: joblib\nexperiment: mine\n"
    )
    (folder / "optimised.yaml").write_text(
        f"{package}hydra:\n  sweeper:\n    params:\n      seed: 0,1\nexperiment: optimised\n"
    )
    return open_hydra(str(tmp_path / "conf"))


def planned(hydra, stage, *words):
    return make_plan(hydra, parse_command(stages()[stage], [*words, *TINY]))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (
            ['network.activation=tanh,"tanh",relu'],
            ["network.activation-tanh", "network.activation-relu"],
        ),
        (["noise.beta=0.1,0.10,1e-1"], ["noise.beta-0.1"]),
        (["optimizer.lr=1,1.0", "seed=0,1"], ["optimizer.lr-1_seed-0", "optimizer.lr-1_seed-1"]),
        (["+exp=szt_tanh", "seed=3"], ["job"]),
    ],
)
def test_every_job_is_another_one(words, names, hydra):
    plan = planned(hydra, "train", "-m", *words)
    assert [job.name for job in plan.jobs] == list(plan.sweep.jobs) == names


def launcher_of(hydra, plan):
    configs = {tuple(plan.sweep.overrides(name)): one for name, one in plan.composed.items()}
    return type(make_launcher(hydra, configs, print, "outputs")).__name__


def test_an_experiments_launcher_is_used(hydra):
    plan = planned(hydra, "train", "-m", "+exp=mine", "seed=0,1")
    assert launcher_of(hydra, plan) == "JoblibLauncher"


def test_the_command_line_has_the_last_word(hydra):
    plan = planned(hydra, "train", "-m", "+exp=mine", "seed=0,1", "hydra/launcher=basic")
    assert launcher_of(hydra, plan) == "BasicLauncher"
    assert planned(hydra, "train", "+exp=mine", "hydra/launcher=basic").jobs


def test_a_job_is_composed_once(ib_run, monkeypatch):
    composed, by_hydra = [], []

    def noting(hydra, name, overrides, typed):
        composed.append([one for one in overrides if one.startswith("seed=")])
        return ours(hydra, name, overrides, typed)

    def noting_too(self, config_name, overrides, **rest):
        by_hydra.append(overrides)
        return load(self, config_name, overrides=overrides, **rest)

    ours, load = compose.compose_config, ConfigLoaderImpl.load_configuration
    monkeypatch.setattr(compose, "compose_config", noting)
    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", noting_too)
    four = ["dataset=points4", "trainer.loss=mse"]
    status, out, err = ib_run("train", "-m", "seed=0,1", *four, *TINY)
    assert status == 0, err
    assert composed == [["seed=0"], ["seed=1"]]
    assert len(by_hydra) <= 1  # the entries of both
    assert [run.config.seed for run in open_found(out[-1]).runs] == [0, 1]


def test_a_sweep_whose_defaults_have_changed_goes_on_with_those_it_began_with(ib_run):
    four = ["dataset=points4", "trainer.loss=mse"]
    status, out, err = ib_run("train", "-m", "seed=0,1", *four, "trainer.shard_epochs=8", *TINY)
    assert status == 0, err
    saved = Path(out[-1]) / "sweep.json"  # as if 8 had been the default then
    saved.write_text(saved.read_text().replace('"trainer.shard_epochs=8",', ""))
    more = ("train", "-m", f"run={out[-1]}", "trainer.epochs=7")
    status, _, err = ib_run(*more)
    assert status == 2
    assert "trainer.shard_epochs=100, it has 8" in err
    assert "if the values that its runs have are given" in err
    status, _, err = ib_run(*more, "trainer.shard_epochs=9")
    assert status == 2
    assert "trainer.shard_epochs=9: the sweep" in err
    status, out, err = ib_run(*more, "trainer.shard_epochs=8")
    assert status == 0, err
    assert [run.epochs[-1] for run in open_found(out[-1]).runs] == [7, 7]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["+exp=mine"], "hydra/launcher=joblib: .*\nAdd -m"),
        (["hydra/launcher=joblib"], "hydra/launcher=joblib: .*\nAdd -m"),
        (["+exp=optimised"], "hydra.sweeper.params: seed"),
        (["-m", "+exp=optimised"], "hydra.sweeper.params: seed"),
        (["-m", "+exp=mine,szt_tanh"], "hydra/launcher: .*joblib, basic.*\nGive one"),
    ],
)
def test_a_launcher_or_sweeper_is_never_passed_over(words, expected, hydra):
    with pytest.raises(UsageError, match=expected) as refusal:
        planned(hydra, "train", *words)
    assert len(str(refusal.value).splitlines()) <= 3
