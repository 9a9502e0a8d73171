"""What a stage is. To add one: a class in ``stages/NAME.py`` and its keys in ``conf/NAME.yaml``.

::

    class Report(Stage):
        name = "report"
        summary = "one HTML file for a run or a sweep"
        place = 45                              # on the help page, along the way of the data
        may_change = ("plot",)

        def work(self, config, run): ...        # one run
        def over_runs(self, sweep): ...         # what a sweep adds, once its runs are through
        def cost(self, config, run, builder): return Cost("an HTML file; seconds")

``conf/report.yaml`` is ``defaults: [base, _self_]``. Nothing else refers to a stage by its name:
``run=``, ``--dry-run``, ``--help``, ``--cfg``, completion and the help page follow. Modules of
stages are imported to print the help: they import torch, pandas and the like in their methods.
"""

from collections.abc import Callable, Mapping, Sequence
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
    #: the folder's path is the last line on standard output
    says_path: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        if "name" in cls.__dict__:
            _REGISTERED[cls.name] = cls

    @property
    def steps(self) -> tuple["Stage", ...]:
        """The stages that it goes through, itself or several others."""
        return (self,)

    def is_or_has(self, name: str) -> bool:
        """Whether ``name`` is one of its steps."""
        return any(step.name == name for step in self.steps)

    def answer(self, config: "DictConfig") -> str:
        """What a stage that works on no runs has to say."""
        raise NotImplementedError

    def validate(self, config: "DictConfig", new: bool) -> None:
        """Raise ``UsageError`` for combinations of values that make no sense to this stage.

        ``new``: a run is to be made with ``config``, whose single values are right.
        """

    def check(self, config: "DictConfig", run: "Run") -> None:
        """Raise ``UsageError`` for what is wrong, before any run of a sweep is worked on."""

    def is_done(self, config: "DictConfig", run: "Run") -> bool:
        """Whether a sweep that goes on may skip ``run``."""
        return False

    def work(self, config: "DictConfig", run: "Run") -> None:
        """Treat one run with ``config``."""
        raise NotImplementedError

    def work_in_sweep(self, config: "DictConfig", run: "Run") -> None:
        """Treat a run as one of its sweep's: without what ``over_runs`` does better."""
        self.work(config, run)

    def work_on_all(self, configs: Mapping["Run", "DictConfig"]) -> dict["Run", IbRunError]:
        """Treat all runs of a sweep; those that failed. One failure does not stop the others."""
        failed = {}
        for run, config in configs.items():
            try:
                self.work_in_sweep(config, run)
            except IbRunError as error:
                failed[run] = error
        return failed

    def over_runs(self, sweep: "SweepOfRuns") -> None:
        """What is about all runs of a sweep together, once each of them was worked on."""

    def report(self, config: "DictConfig", run: "Run") -> None:
        """Print on standard output what a user wants to see of a single run."""

    def cost(
        self, config: "DictConfig", run: "Run | None", builder: "Callable[[], Builder]"
    ) -> Cost:
        """What ``work`` would do and take; ``run`` is None for one that is to be made.

        ``builder()`` makes the builder for ``config``: a stage that needs no data does without.
        """
        raise NotImplementedError

    def cost_in_sweep(
        self, config: "DictConfig", run: "Run | None", builder: "Callable[[], Builder]"
    ) -> Cost:
        """As ``cost``, of ``work_in_sweep``."""
        return self.cost(config, run, builder)

    def cost_over_runs(self, configs: "Sequence[DictConfig]") -> Cost | None:
        """What ``over_runs`` would do and take, where that is more than a moment."""
        return None

    def may_take_long(
        self, config: "DictConfig", run: "Run | None", builder: "Callable[[], Builder]"
    ) -> bool:
        """Whether ``cost`` is worth its time before ``work`` begins: it may be over a minute."""
        return False


_REGISTERED: dict[str, type[Stage]] = {}


@cache
def _discover() -> None:
    """Import the module of every ``conf/NAME.yaml`` that has one here."""
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
