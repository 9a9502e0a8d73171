"""Hydra's own pages, on the configurations of stages and of runs."""

import logging

import pytest
from omegaconf import OmegaConf

from ib_runner.commands.arguments import parse_command
from ib_runner.commands.show import show
from ib_runner.errors import UsageError
from ib_runner.stages.stage import stages


def shown(opened, capsys, stage, *words):
    assert show(opened, parse_command(stages()[stage], words)) == 0
    return capsys.readouterr().out


def test_the_configuration_of_a_job(opened, capsys):
    config = OmegaConf.create(shown(opened, capsys, "train", "--cfg", "job", "seed=3"))
    assert (config.seed, config.experiment) == (3, "szt_tanh")


def test_one_package_of_it(opened, capsys):
    words = ["--cfg", "job", "--package", "noise", "noise.beta=0.25"]
    assert "beta: 0.25" in shown(opened, capsys, "train", *words)


def test_logging_is_left_as_it_was(opened, capsys):
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    shown(opened, capsys, "train", "--info", "searchpath")
    assert (list(root.handlers), root.level) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cfg", "job", "seed=1,2"], "seed=1,2: this page shows one job"),
        (["--cfg", "job", "sede=1"], "Did you mean seed"),
        (["--cfg", "job", "run=nowhere"], "run=nowhere: no such folder"),
    ],
)
def test_mistakes(opened, words, message):
    with pytest.raises(UsageError, match=message):
        show(opened, parse_command(stages()["train"], words))
