"""ib-run: how information flows through a neural network, with certified intervals.

>>> import ib_runner
>>> run = ib_runner.open_run("outputs/szt_tanh/…")            # doctest: +SKIP
>>> run.table("mutual_information")                           # doctest: +SKIP
"""

from importlib import import_module
from typing import Any

__all__ = ["Recorder", "information", "networks", "open_run"]


def __getattr__(name: str) -> Any:
    # imported when asked for: torch takes seconds to import, and `ib-run --help` does without torch
    if name == "open_run":
        return import_module("ib_runner.runs.find").open_run
    if name == "Recorder":
        return import_module("ib_runner.recording").Recorder
    if name in ("information", "networks"):
        return import_module(f"ib_runner.{name}")
    raise AttributeError(f"module 'ib_runner' has no attribute {name!r}")
