"""The class of stages. A new stage is a class in ``stages/NAME.py`` and a file ``conf/NAME.yaml``.

::

    class Report(Stage):
        name = "report"
        summary = "one HTML file for a run or a sweep"
        place = 45                              # its place on the help page
        may_change = ("plot",)

        def work(self, config, run): ...        # one run
        def over_runs(self, sweep): ...         # a sweep's runs together, after each of them
        def cost(self, config, run, builder): return Cost("an HTML file; seconds")

``conf/report.yaml`` is ``defaults: [base, _self_]``. Nothing else refers to a stage by its name:
``run=``, ``--dry-run``, ``--help``, ``--cfg``, completion and the help page follow. Modules of
stages are imported to print the help: they import torch, pandas and the like in their methods.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import import_module, resources
from typing import TYPE_CHECKING, ClassVar

from ib_runner.errors import IbRunError
from ib_runner.stages.cost import Cost

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from ib_runner.config.builder import Builder
    from ib_runner.runs.folder import Run
    from ib_runner.stages.sweep_of_runs import SweepOfRuns


class Stage:
    """One stage of the command line; a subclass with a ``name`` is registered under it."""

    name: ClassVar[str]
    #: the stage's line on the help page
    summary: ClassVar[str]
    #: the help page lists the stages by increasing ``place``
    place: ClassVar[int] = 100
    #: whether the stage, without ``run=``, begins a new run (with ``-m`` a sweep) instead of taking
    #: the newest run
    makes_runs: ClassVar[bool] = False
    #: whether the stage works on run folders
    on_runs: ClassVar[bool] = True
    #: whether ``run=`` must be given, because the stage removes something for good
    needs_run: ClassVar[bool] = False
    #: whether the stage's keys are those of ``conf/NAME.yaml`` alone, without an experiment's or a
    #: run's configuration
    own_keys: ClassVar[bool] = False
    #: the stage's own keys that take a list: ``format=latex,csv`` is ``format=[latex,csv]``
    lists: ClassVar[tuple[str, ...]] = ()
    #: keys and nodes in which the configuration may differ from the one saved with the run
    may_change: ClassVar[tuple[str, ...]] = ()
    #: whether the work on one run takes seconds, after which the process may have kept all it made
    is_brief: ClassVar[bool] = False
    #: whether the folder's path is printed as the last line on standard output
    says_path: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        if "name" in cls.__dict__:
            _REGISTERED[cls.name] = cls

    @property
    def steps(self) -> tuple["Stage", ...]:
        """The stages that this one consists of: itself, or several others."""
        return (self,)

    def is_or_has(self, name: str) -> bool:
        """Whether this stage, or one of its steps, is called ``name``."""
        return any(step.name == name for step in self.steps)

    def answer(self, config: "DictConfig") -> str:
        """The text that a stage without runs (``on_runs`` false) prints."""
        raise NotImplementedError

    def validate(self, config: "DictConfig", new: bool) -> None:
        """Raise ``UsageError`` for combinations of values that make no sense to this stage.

        ``config`` has passed ``config.validate``; ``new``: it is for a run that is to be made.
        """

    def check(self, config: "DictConfig", run: "Run") -> None:
        """Raise ``UsageError`` where ``run`` does not allow ``config``; called before any work."""

    def is_done(self, config: "DictConfig", run: "Run") -> bool:
        """Whether nothing is left to do on ``run``, so that a resumed sweep may skip it."""
        return False

    def preparing(
        self, config: "DictConfig", allow_targets: Sequence[str]
    ) -> AbstractContextManager[object]:
        """What other processes make ready for ``work`` on one run, within a block.

        The block has ``work``, and before it the notice of how long that will take.
        """
        return nullcontext()

    def work(self, config: "DictConfig", run: "Run") -> None:
        """Do the stage's work on one run with ``config``."""
        raise NotImplementedError

    def work_in_sweep(self, config: "DictConfig", run: "Run") -> None:
        """Do the work on one run of a sweep, without results that ``over_runs`` makes instead."""
        self.work(config, run)

    def work_on_all(self, configs: Mapping["Run", "DictConfig"]) -> dict["Run", IbRunError]:
        """Do the work on all runs of a sweep; returns the errors by run. A failure stops no run."""
        return on_each(configs, self.work_in_sweep)

    def over_runs(self, sweep: "SweepOfRuns") -> None:
        """Do the work about all runs of a sweep together, after that on each run."""

    def report(self, config: "DictConfig", run: "Run") -> None:
        """Print the results of a single run on standard output, if the stage has any to print."""

    def cost(
        self, config: "DictConfig", run: "Run | None", builder: "Callable[[], Builder]"
    ) -> Cost:
        """The cost of ``work``; ``run`` is None for a run that is still to be made.

        ``builder()`` makes the builder for ``config``, only where the stage needs data or network.
        """
        raise NotImplementedError

    def cost_in_sweep(
        self, config: "DictConfig", run: "Run | None", builder: "Callable[[], Builder]"
    ) -> Cost:
        """The cost of ``work_in_sweep``; arguments as for ``cost``."""
        return self.cost(config, run, builder)

    def cost_over_runs(self, configs: "Sequence[DictConfig]") -> Cost | None:
        """The cost of ``over_runs``; None where it takes less than a second or so."""
        return None

    def may_take_long(
        self,
        config: "DictConfig",
        run: "Run | None",
        builder: "Callable[[], Builder]",
        times: int = 1,
    ) -> bool:
        """Whether ``work``, done ``times`` times, may take over a minute: asked before ``cost``."""
        return False


def on_each(
    configs: Mapping["Run", "DictConfig"], work: "Callable[[DictConfig, Run], None]"
) -> dict["Run", IbRunError]:
    """Do ``work`` on each run; returns the errors by run. A failure stops no run."""
    failed = {}
    for run, config in configs.items():
        try:
            work(config, run)
        except IbRunError as error:
            failed[run] = error
    return failed


_REGISTERED: dict[str, type[Stage]] = {}


@cache
def _discover() -> None:
    """Import ``stages/NAME.py`` for every ``conf/NAME.yaml`` that has such a module."""
    modules = {one.name for one in resources.files("ib_runner.stages").iterdir()}
    for entry in resources.files("ib_runner.conf").iterdir():
        name = entry.name.removesuffix(".yaml")
        if entry.name.endswith(".yaml") and f"{name}.py" in modules:
            import_module(f"ib_runner.stages.{name}")


def stages() -> dict[str, Stage]:
    """All stages by name, in the order of the help page."""
    _discover()
    ordered = sorted(_REGISTERED.values(), key=lambda cls: (cls.place, cls.name))
    return {cls.name: cls() for cls in ordered}
