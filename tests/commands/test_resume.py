"""Folders for new runs, and runs that go on or may not."""

from datetime import datetime

import pytest
from omegaconf import OmegaConf

from ib_runner.commands.resume import check_resumable, new_folder, open_or_create
from ib_runner.config.compose import compose, settings
from ib_runner.errors import UsageError
from ib_runner.stages.stage import stages


@pytest.fixture
def config(opened):
    return settings(compose(opened, "train", ["+exp=szt_tanh", "trainer.epochs=5"]))


@pytest.fixture
def train():
    return stages()["train"]


def longer(config, epochs):
    return OmegaConf.merge(config, {"trainer": {"epochs": epochs}})


def interrupted_in(config, name):
    """Interrupted when the new folder holds the file ``name``."""
    with new_folder(config) as path:
        (path / name).touch()
        raise KeyboardInterrupt


def test_a_new_folder_is_named_by_the_time(config):
    with new_folder(config, "sweep_") as path:
        (path / "run.json").touch()
    assert path.parent.name == "szt_tanh"
    stamp = path.name.removeprefix("sweep_")
    assert abs((datetime.strptime(stamp, "%Y-%m-%d_%H-%M-%S.%f") - datetime.now()).days) <= 1
    assert path.is_dir()


def test_where_nothing_came_of_it_no_folder_is_left(config, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        interrupted_in(config, "draft")
    assert list(tmp_path.iterdir()) == []


def test_what_has_become_a_run_stays(config, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        interrupted_in(config, "run.json")
    assert list(tmp_path.glob("outputs/szt_tanh/*/run.json"))


def test_a_longer_training_is_written_down(config, train, tmp_path):
    run = open_or_create(train, config, tmp_path / "a")
    assert run.config.trainer.epochs == 5
    del run  # it held the folder
    assert open_or_create(train, longer(config, 9), tmp_path / "a").config.trainer.epochs == 9
    assert "epochs: 9" in (tmp_path / "a" / "config.yaml").read_text()


def test_another_network_or_fewer_epochs_are_refused(config, train, tmp_path):
    run = open_or_create(train, config, tmp_path / "a")
    other = OmegaConf.merge(config, {"seed": 1, "noise": {"beta": 0.5}, "optimizer": {"lr": 1.0}})
    with pytest.raises(UsageError, match=r"noise.beta=0.5, it has 0.005.* \(and 1 more\)"):
        check_resumable(train, other, run)
    with pytest.raises(UsageError, match=r"trainer.epochs=4: .* has 5; only more"):
        check_resumable(train, longer(config, 4), run)
    check_resumable(train, OmegaConf.merge(config, {"plot": {"unit": "bits"}}), run)
