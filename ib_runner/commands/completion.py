"""Completion in the shell: of stages, of runs and of names in lists; Hydra completes the rest."""

import os
import re
from collections.abc import Iterable, Sequence

from ib_runner.errors import IbRunError, UsageError
from ib_runner.rules import METHODS
from ib_runner.wording import near_miss

SHELLS = ("bash", "zsh", "fish")
FLAGS = (
    *("-m", "--dry-run", "--help", "--cfg", "--resolve", "--package", "--info", "--config-dir"),
    "--help=all",
)
#: keys whose value is a list of words: the words themselves, or the node whose keys are the words
LISTS = {
    "measure.measurements": "measurement",
    "plot.figures": "figure",
    "measure.methods": METHODS,
    "plot.formats": ("png", "pdf", "svg"),
}
#: a key that ends in a list element's number (``plot.size.0``): such keys are not offered
_INDEX = re.compile(r"\.\d+(=|$)")


def complete(words: Sequence[str], stages: Sequence[str]) -> int:
    """Answer ``ib-run -sc query=bash`` with ``COMP_LINE`` set, or print the set-up for a shell."""
    from ib_runner.commands.show import show_with_hydra

    if any(word.startswith("query=") for word in words):
        line = os.environ.get("COMP_LINE", "")
        if answers := " ".join(_answers(line, words, stages)):
            print(answers)
        return 0
    asked = [word for word in words if word.startswith(("install=", "uninstall="))]
    if not asked:
        raise UsageError("-sc: needs install=bash, install=zsh or install=fish.")
    for word in asked:
        shell = word.partition("=")[2]
        if shell not in SHELLS:
            raise UsageError(
                f"{word}: there is {', '.join(SHELLS[:-1])} and {SHELLS[-1]}."
                f"{near_miss(shell, SHELLS)}"
            )
    return show_with_hydra("train", ["-sc", *words])


def _answers(line: str, words: Sequence[str], stages: Sequence[str]) -> Iterable[str]:
    """The words that may replace the last, unfinished word of ``line``."""
    typed = line.split()[1:] + ([""] if line.endswith(" ") else [])
    if len(typed) <= 1:
        return [stage for stage in stages if stage.startswith((typed or [""])[0])]
    stage, last = typed[0], typed[-1]
    if stage not in stages:
        return []
    if last.startswith("-"):
        return [flag for flag in FLAGS if flag.startswith(last)]
    # Hydra knows neither the stage word nor run= and the flags of ib-run
    known = [
        word
        for word in typed[1:-1]
        if word not in ("--dry-run", "--help=all") and not word.startswith("run=")
    ]
    if last.startswith("run="):
        return _runs(last, known)
    key, equals, value = last.partition("=")
    if equals and key in LISTS:
        return _names(stage, key, value, known)
    from ib_runner.commands.show import ask_hydra

    os.environ["COMP_LINE"] = " ".join([line.split()[0], *known, last])
    found = [one for one in ask_hydra(stage, ["-sc", *words])[0].split() if not _INDEX.search(one)]
    if key in LISTS and not found:
        return [f"{key}=["]
    ours = [f"{one}=[" for one in LISTS if one.startswith(last) and last.count(".") == 1]
    ours += ["run="] if "run=".startswith(last) and stage != "list" else []
    return [*(one for one in found if one.rstrip(".=") not in LISTS), *ours]


def _runs(last: str, known: Sequence[str]) -> list[str]:
    """``run=PATH`` for each run and sweep under the output root, where it begins with ``last``."""
    from ib_runner.runs.find import find_all

    roots = [word.partition("=")[2] for word in known if word.startswith("output_root=")]
    found = [f"run={one.path}" for one in find_all(roots[-1] if roots else "outputs")]
    return [one for one in found if one.startswith(last)]


def _names(stage: str, key: str, value: str, known: Sequence[str]) -> list[str]:
    """Completions of an open list ``key=[a,b``: one for each word that may come next."""
    head, comma, begun = value.lstrip("[").rpartition(",")
    choices = LISTS[key]
    given = head.split(",")
    names = _keys_of(stage, choices, known) if isinstance(choices, str) else choices
    return [
        f"{key}=[{head}{comma}{one}" for one in names if one.startswith(begun) and one not in given
    ]


def _keys_of(stage: str, node: str, known: Sequence[str]) -> list[str]:
    """The entries of ``node`` in the configuration that the words ``known`` compose."""
    from ib_runner.config.compose import compose, open_hydra, with_experiment

    hydra = open_hydra()
    try:
        return list(compose(hydra, stage, with_experiment(known))[node])
    except IbRunError:  # the words typed so far compose no valid configuration
        return list(compose(hydra, stage, with_experiment([]))[node])
