"""From configuration to objects: data set, network, optimizer, measurements, figures.

Every collaborator is a ``_target_`` entry; ``config.trust`` says which of them may be used. What
needs torch is imported where it is built: figures and findings are of tables alone.
"""

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from hydra.errors import HydraException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from ib_runner.config.declared import check_declared
from ib_runner.config.moved import as_named_now
from ib_runner.config.outline import is_defined
from ib_runner.config.trust import OURS, check_package, targets_in
from ib_runner.errors import UsageError
from ib_runner.seeds import stream_seed
from ib_runner.selections.context import OverRuns

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ib_runner.datasets import Dataset

#: the folders of this package whose classes and functions a ``_target_`` may name
ROOMS = ("datasets", "networks", "training", "measurements", "figures", "findings")


class Builder:
    """Builds what ``config`` describes.

    ``allow_targets`` names the packages that are trusted beside our own. All methods raise
    ``UsageError`` where an entry cannot be built, or may not be.
    """

    def __init__(self, config: DictConfig, allow_targets: Sequence[str] = ()):
        self.config = config
        self.allow_targets = tuple(allow_targets)
        #: targets and arguments of the entries read so far, but those with other targets inside
        self._plain: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {}

    def dataset(self) -> "Dataset":
        """The data set, its split drawn with ``seed``, its inputs and targets checked."""
        from ib_runner.datasets.checked import checked

        dataset = self._call("dataset", seed=self.config.seed)
        try:
            return checked(dataset)
        except ValueError as error:
            raise UsageError(f"dataset: {error}") from error

    def network(self, dataset: "Dataset") -> "nn.Module":
        """The network for ``dataset`` with its initial weights, a function of ``seed``.

        Its target is called with ``n_inputs`` (the second axis of x), ``n_outputs`` (classes, or
        the width of y) and ``noise``, which makes a new channel at each call.
        """
        import torch

        noise = self._target("noise")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_seed(self.config.seed, "initial weights"))
            return self._call(
                "network",
                n_inputs=dataset.all.x.shape[1],
                n_outputs=dataset.n_classes or dataset.all.y[0].numel(),
                noise=noise,
            )

    def training(self) -> dict[str, Any]:
        """The arguments of ``training.loop.train`` that come from ``config``, by name."""
        from ib_runner.training.schedule import schedule

        config, trainer = self.config, self.config.trainer
        return {
            "epochs": trainer.epochs,
            "batch_size": trainer.batch_size,
            "loss": trainer.loss,
            "optimizer": self._target("optimizer"),
            "regularizer": None if config.regularizer is None else self._call("regularizer"),
            "schedule": schedule(trainer.schedule, trainer.lr_ratio, trainer.horizon),
            "seed": config.seed,
            "device": resolve_device(config.device),
            "checkpoint_every": trainer.checkpoint_every,
        }

    def logging(self) -> Any | None:
        """The logger of the training (an object with a method ``open``), or None."""
        return None if self.config.logging is None else self._call("logging")

    def measurements(self) -> dict[str, Any]:
        """The measurements that ``measure.measurements`` names, in that order."""
        names = self.config.measure.measurements
        built = {name: self._call(f"measurement.{name}") for name in names}
        for name, one in built.items():
            _check_table(f"measurement.{name}", one)
        return built

    def figures(self) -> dict[str, Any]:
        """The figures that ``plot.figures`` names, in that order."""
        return {name: self._call(f"figure.{name}") for name in self.config.plot.figures}

    def findings(self) -> dict[str, Any]:
        """The findings, in the order of the configuration."""
        return {name: self._call(f"findings.{name}") for name in self.config.findings}

    @cached_property
    def tried(self) -> "tuple[Dataset, nn.Module]":
        """The data set and the network, after building every other object of ``config`` as well.

        Used before a folder is made: raises ``UsageError`` for an entry that cannot be built.
        """
        from ib_runner.measurements.trial import try_measuring
        from ib_runner.training.targets import check_loss
        from ib_runner.training.trial import try_training

        dataset = self.dataset()
        check_loss(self.config.trainer.loss, dataset)
        network = self.network(dataset)
        try_training(network, dataset, self.training())
        try_measuring(network, dataset, self.config.seed)
        self.logging()
        self.measurements()
        for name in self.config.plot.figures:
            if not self._is_our_figure(name):
                self._call(f"figure.{name}")
        self.findings()
        return dataset, network

    def _is_our_figure(self, name: str) -> bool:
        """Whether figure ``name`` is a class of ``ib_runner.figures``, whose keys are checked.

        ``validate`` has done so: to build it would import matplotlib and tell nothing more.
        """
        node = as_named_now(OmegaConf.to_container(self.config.figure[name], resolve=True))
        targets = [target for _, target in targets_in(name, node)]
        return len(targets) == 1 and is_defined(targets[0], "figures")

    def _call(self, key: str, **arguments: Any) -> Any:
        target = self._target(key)
        try:
            return target(**arguments)
        except (TypeError, ValueError) as error:
            name = OmegaConf.select(self.config, key)["_target_"]
            why = _not_given(key, target, arguments) or f"does not take its keys: {error}"
            raise UsageError(f"{key}: {name} {why}") from error

    def _target(self, key: str) -> Callable[..., Any]:
        """The target of entry ``key`` with the entry's keys as arguments, not yet called."""
        if key in self._plain:
            function, arguments = self._plain[key]
            return partial(function, **copy.deepcopy(arguments))
        node = as_named_now(
            OmegaConf.to_container(OmegaConf.select(self.config, key), resolve=True)
        )
        targets = list(targets_in(key, node))
        for where, target in targets:
            check_package(where, target, self.allow_targets)
            package = target.partition(".")[0]
            if package in OURS and package not in self.allow_targets:
                _check_meant_for_entries(where, target)
        name = node["_target_"]
        if name.partition(".")[0] not in OURS:
            _check_rules(key, name, node)
        try:
            made = instantiate({**node, "_partial_": True}, _convert_="all")
        except HydraException as error:
            raise UsageError(f"{key}: {_reason(error)}") from error
        if len(targets) == 1 and not made.args:  # objects inside are made anew for each call
            self._plain[key] = made.func, copy.deepcopy(made.keywords)
        return made


def _not_given(key: str, target: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """All arguments that ``target`` needs and entry ``key`` lacks, in words; or nothing."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):  # some compiled functions have no signature
        return ""
    needed = [
        f"{key}.{one.name}"
        for one in parameters
        if one.default is one.empty
        and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
        and one.name not in arguments
    ]
    return f"needs {', '.join(needed)}; give each a value in the entry." if needed else ""


def for_runs(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the built ``entries`` that are for a single run."""
    return {name: one for name, one in entries.items() if not isinstance(one, OverRuns)}


def for_sweeps(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the built ``entries`` that are for all runs of a sweep together."""
    return {name: one for name, one in entries.items() if isinstance(one, OverRuns)}


def resolve_device(device: str) -> "torch.device":
    """The torch device for the word ``device``; ``auto`` is the GPU where there is one."""
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def _check_table(key: str, measurement: Any) -> None:
    """Raise ``UsageError`` where ``measurement`` names no known table and declares no own one."""
    from ib_runner.measurements.measurement import table_of

    try:
        table_of(measurement)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{key}: {error}.") from error


def _check_meant_for_entries(key: str, target: str) -> None:
    """Raise ``UsageError`` for a target in ib_runner or torch that is not meant for entries.

    The module that defines the object counts, not the path that reaches it:
    ``ib_runner.config.builder.torch.save`` is refused.
    """
    try:
        found = get_object(target)
    except (HydraException, ImportError, ValueError) as error:
        raise UsageError(f"{key}._target_={target}: {_reason(error)}") from error
    module = getattr(found, "__module__", None) or ""
    ours = module.startswith(tuple(f"ib_runner.{room}." for room in ROOMS))
    if not ours and not _is_optimizer(found):
        raise UsageError(f"{key}._target_={target}: a configuration may not use this object.")


def _is_optimizer(found: Any) -> bool:
    from torch.optim import Optimizer

    return isinstance(found, type) and issubclass(found, Optimizer)


def _check_rules(key: str, target: str, node: Mapping[str, Any]) -> None:
    """Check the keys of a user's own target, as ``validate`` checks those of this package."""
    try:
        found = get_object(target)
    except (HydraException, ImportError, ValueError):
        return  # instantiating it says why
    check_declared(key, found, node)


def _reason(error: BaseException) -> str:
    """The first line of the innermost cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0] or type(error).__name__
