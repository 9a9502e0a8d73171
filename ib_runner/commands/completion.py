"""Completion in the shell: the stages are ours, the rest is Hydra's."""

import os
from collections.abc import Sequence

from ib_runner.errors import UsageError


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
        # Hydra knows nothing of the stage word
        os.environ["COMP_LINE"] = " ".join([line.split()[0], *typed[1:]])
        return show_with_hydra(stage, ["-sc", *words])
    if not any(word.startswith(("install=", "uninstall=")) for word in words):
        raise UsageError("-sc: needs install=bash, install=zsh or install=fish.")
    return show_with_hydra("train", ["-sc", *words])
