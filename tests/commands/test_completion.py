"""The words that the shell's completion offers."""

import pytest

from ib_runner.commands.completion import complete
from ib_runner.errors import UsageError

STAGES = ["train", "thin", "measure"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ib-run ", "train thin measure"),
        ("ib-run t", "train thin"),
        ("ib-run x", ""),
        ("ib-run train --c", "--cfg --config-dir"),
        ("ib-run train run=a --dry-run -", "-m --dry-run --help --cfg --resolve --package"),
    ],
)
def test_stages_and_flags_are_ours(line, offered, monkeypatch, capsys):
    monkeypatch.setenv("COMP_LINE", line)
    assert complete(["query=bash"], STAGES) == 0
    assert capsys.readouterr().out.startswith(offered)


def test_keys_are_hydras(monkeypatch, capsys):
    monkeypatch.setenv("COMP_LINE", "ib-run train run=somewhere --dry-run noise.b")
    assert complete(["query=bash"], STAGES) == 0
    assert capsys.readouterr().out.split() == ["noise.beta="]


def test_nothing_is_offered_after_what_is_no_stage(monkeypatch, capsys):
    monkeypatch.setenv("COMP_LINE", "ib-run trian --c")
    assert complete(["query=bash"], STAGES) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [([], "install=bash, install=zsh or install=fish"), (["install=fihs"], "Did you mean fish")],
)
def test_mistakes(words, message):
    with pytest.raises(UsageError, match=message):
        complete(words, STAGES)
