"""Completion in the shell: the stages are ours, the rest is Hydra's."""

import os
from collections.abc import Sequence

from ib_runner.errors import UsageError
from ib_runner.wording import near_miss

SHELLS = ("bash", "zsh", "fish")
FLAGS = ("-m", "--dry-run", "--help", "--cfg", "--resolve", "--package", "--info", "--config-dir")


def complete(words: Sequence[str], stages: Sequence[str]) -> int:
    """Answer ``ib-run -sc query=bash`` with ``COMP_LINE`` set, or print the set-up for a shell."""
    from ib_runner.commands.show import show_with_hydra

    if any(word.startswith("query=") for word in words):
        line = os.environ.get("COMP_LINE", "")
        typed = line.split()[1:] + ([""] if line.endswith(" ") else [])
        if len(typed) <= 1:
            print(" ".join(stage for stage in stages if stage.startswith((typed or [""])[0])))
            return 0
        stage = typed[0]
        if stage not in stages:
            return 0
        if typed[-1].startswith("-"):
            print(" ".join(flag for flag in FLAGS if flag.startswith(typed[-1])))
            return 0
        # Hydra knows nothing of the stage word, nor of what we take out ourselves
        known = [word for word in typed[1:-1] if word != "--dry-run" and word[:4] != "run="]
        os.environ["COMP_LINE"] = " ".join([line.split()[0], *known, typed[-1]])
        return show_with_hydra(stage, ["-sc", *words])
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
