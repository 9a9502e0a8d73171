"""Parsing command lines."""

import pytest

from ib_runner.commands.arguments import parse_command
from ib_runner.errors import UsageError
from ib_runner.stages.stage import stages


def parsed(stage, *words):
    return parse_command(stages()[stage], words)


def test_what_is_ours_is_taken_out_and_the_rest_is_hydras():
    command = parsed("train", "seed=3", "--dry-run", "run=a b/[x],y=1", "-m", "noise.beta=1,2")
    assert command.stage.name == "train"
    assert command.run == "a b/[x],y=1"  # verbatim
    assert command.dry_run
    assert command.flags.multirun
    assert command.overrides == ["seed=3", "noise.beta=1,2"]


def test_nothing_given():
    command = parsed("measure")
    assert (command.run, command.dry_run, command.overrides) == (None, False, [])
    assert not command.flags.multirun


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run="], "run=: needs one path"),
        (["run=a", "run=b"], "run=a run=b: needs one path"),
        (["--config-name=x"], "--config-name: not for ib-run"),
        (["--no-such-flag"], "--no-such-flag"),
        (["output_root=[1]"], "output_root=.*needs a folder"),
        (["output_root="], "output_root=: needs a folder"),
    ],
)
def test_mistakes(words, message):
    with pytest.raises(UsageError, match=message.replace("[", r"\[")):
        parsed("train", *words)


def test_sweeps_are_for_stages_that_make_runs():
    with pytest.raises(UsageError, match="train and all; `ib-run plot run=SWEEP` works on all"):
        parsed("plot", "-m", "seed=0,1")
