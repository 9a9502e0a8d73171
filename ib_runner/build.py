"""From configuration to objects: data set, network, optimizer, measurements, figures.

Every collaborator is a ``_target_`` entry. A run folder may come from a stranger, so a target is
used only if it is one of ours or lies in a package named in ``allow_targets``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from hydra.errors import HydraException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from ib_runner.datasets import Dataset
from ib_runner.datasets.checked import checked
from ib_runner.errors import UsageError
from ib_runner.measurements.trial import try_measuring
from ib_runner.seeds import stream_seed
from ib_runner.tables.schema import TABLES, define_table
from ib_runner.training.schedule import schedule
from ib_runner.training.targets import check_loss
from ib_runner.training.trial import try_training

#: the rooms of this package whose objects a configuration may name
ROOMS = ("datasets", "networks", "training", "measurements", "figures", "findings")
#: nodes with a ``_target_``, alone or under a name
ONE = ("dataset", "network", "noise", "regularizer", "optimizer", "logging")
NAMED = ("measurement", "figure")
#: modules by the names that configurations of earlier versions have them under
MOVED = {"ib_runner.findings.errors": "ib_runner.findings.misclassification"}


def build_dataset(config: DictConfig, allow_targets: Sequence[str] = ()) -> Dataset:
    """The data set, split as ``config.seed`` says, its inputs and targets checked."""
    dataset = _call(config, "dataset", allow_targets, seed=config.seed)
    try:
        return checked(dataset)
    except ValueError as error:
        raise UsageError(f"dataset: {error}") from error


def build_network(
    config: DictConfig, dataset: Dataset, allow_targets: Sequence[str] = ()
) -> nn.Module:
    """The network with its initial weights, a function of ``config.seed``.

    Its target is called with ``n_inputs`` (the second axis of x), ``n_outputs`` (classes, or the
    width of y) and ``noise``, which makes a new channel at each call.
    """
    noise = _target(config, "noise", allow_targets)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(config.seed, "initial weights"))
        return _call(
            config,
            "network",
            allow_targets,
            n_inputs=dataset.all.x.shape[1],
            n_outputs=dataset.n_classes or dataset.all.y[0].numel(),
            noise=noise,
        )


def for_runs(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the built ``entries`` that are for a single run."""
    return {name: one for name, one in entries.items() if not hasattr(one, "over_runs")}


def for_sweeps(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the built ``entries`` that are for all runs of a sweep together."""
    return {name: one for name, one in entries.items() if hasattr(one, "over_runs")}


def build_measurements(config: DictConfig, allow_targets: Sequence[str] = ()) -> dict[str, Any]:
    """The measurements that ``config.measure.measurements`` names, in that order."""
    built = {
        name: _call(config, f"measurement.{name}", allow_targets)
        for name in config.measure.measurements
    }
    for name, one in built.items():
        _define_table(f"measurement.{name}", one)
    return built


def build_figures(config: DictConfig, allow_targets: Sequence[str] = ()) -> dict[str, Any]:
    """The figures that ``config.plot.figures`` names, in that order."""
    return {name: _call(config, f"figure.{name}", allow_targets) for name in config.plot.figures}


def build_findings(config: DictConfig, allow_targets: Sequence[str] = ()) -> dict[str, Any]:
    """The findings of ``config.findings``, in that order."""
    return {name: _call(config, f"findings.{name}", allow_targets) for name in config.findings}


def build_training(config: DictConfig, allow_targets: Sequence[str] = ()) -> dict[str, Any]:
    """What ``training.loop.train`` takes beside network, data, checkpoints and history."""
    trainer = config.trainer
    regularizer = None
    if config.regularizer is not None:
        regularizer = _call(config, "regularizer", allow_targets)
    return {
        "epochs": trainer.epochs,
        "batch_size": trainer.batch_size,
        "loss": trainer.loss,
        "optimizer": _target(config, "optimizer", allow_targets),
        "regularizer": regularizer,
        "schedule": schedule(trainer.schedule, trainer.lr_ratio, trainer.horizon),
        "seed": config.seed,
        "device": resolve_device(config.device),
        "checkpoint_every": trainer.checkpoint_every,
    }


def build_logging(config: DictConfig, allow_targets: Sequence[str] = ()) -> Any | None:
    """What logs the training beside its table, with a method ``open``; None where nothing does."""
    return None if config.logging is None else _call(config, "logging", allow_targets)


def try_out(config: DictConfig, allow_targets: Sequence[str] = ()) -> tuple[Dataset, nn.Module]:
    """Build everything once, so that what cannot be built is said before any folder is made.

    Raises ``UsageError``; returns the data set and the network.
    """
    dataset = build_dataset(config, allow_targets)
    check_loss(config.trainer.loss, dataset)
    network = build_network(config, dataset, allow_targets)
    try_training(network, dataset, build_training(config, allow_targets))
    try_measuring(network, dataset, config.seed)
    build_logging(config, allow_targets)
    build_measurements(config, allow_targets)
    build_figures(config, allow_targets)
    build_findings(config, allow_targets)
    return dataset, network


def resolve_device(device: str) -> torch.device:
    """``auto`` is the GPU where there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def _define_table(key: str, measurement: Any) -> None:
    """Make known the table of ``measurement``, where it brings one of its own."""
    table, columns = getattr(measurement, "table", None), getattr(measurement, "columns", None)
    try:
        if columns is not None:
            define_table(table, columns)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{key}: {error}.") from error
    if table not in TABLES:
        raise UsageError(
            f"{key}: {type(measurement).__name__} has the table {table}, which there is not.\n"
            "Give the class the columns of a table of its own: columns = {name: Column(…), …}."
        )


def packages_of(config: DictConfig) -> set[str]:
    """The packages, ours aside, of all the targets of ``config``."""
    found = {target.partition(".")[0] for _, target in _targets(config)}
    return found - {"ib_runner", "torch"}


def _targets(config: DictConfig) -> Iterator[tuple[str, str]]:
    tree = OmegaConf.to_container(config, resolve=True)
    for key in ONE:
        yield from _targets_in(key, tree[key])
    for group in (*NAMED, "findings"):
        for name, node in tree[group].items():
            yield from _targets_in(f"{group}.{name}", node)


def _targets_in(key: str, node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        for word, child in node.items():
            if word == "_target_":
                yield key, str(child)
            else:
                yield from _targets_in(f"{key}.{word}", child)
    elif isinstance(node, list):
        for child in node:
            yield from _targets_in(key, child)


def _call(config: DictConfig, key: str, allow_targets: Sequence[str], **arguments: Any) -> Any:
    target = _target(config, key, allow_targets)
    try:
        return target(**arguments)
    except (TypeError, ValueError) as error:
        name = OmegaConf.select(config, key)["_target_"]
        raise UsageError(f"{key}: {name} does not take its keys: {error}") from error


def _target(config: DictConfig, key: str, allow_targets: Sequence[str]) -> Callable[..., Any]:
    """The target of entry ``key`` with the entry's keys as arguments, not yet called."""
    node = _as_named_now(OmegaConf.to_container(OmegaConf.select(config, key), resolve=True))
    for where, target in _targets_in(key, node):
        _check_trusted(where, target, allow_targets)
    try:
        return instantiate({**node, "_partial_": True}, _convert_="all")
    except HydraException as error:
        raise UsageError(f"{key}: {_reason(error)}") from error


def _as_named_now(node: Any) -> Any:
    """``node`` with every ``_target_`` in a module that has ``MOVED`` under its present name."""
    if isinstance(node, Mapping):
        return {
            word: _target_now(child) if word == "_target_" else _as_named_now(child)
            for word, child in node.items()
        }
    return [_as_named_now(child) for child in node] if isinstance(node, list) else node


def _target_now(target: str) -> str:
    module, dot, name = str(target).rpartition(".")
    return f"{MOVED.get(module, module)}{dot}{name}"


def _check_trusted(key: str, target: str, allow_targets: Sequence[str]) -> None:
    package = target.partition(".")[0]
    if package in allow_targets:
        return
    if package not in ("ib_runner", "torch"):
        raise UsageError(
            f"{key}._target_={target}: from a saved configuration it is used only with\n"
            f"allow_targets=[{package}]. Say so if you trust that package."
        )
    try:
        found = get_object(target)
    except (HydraException, ImportError, ValueError) as error:
        raise UsageError(f"{key}._target_={target}: {_reason(error)}") from error
    # the object's own module counts: ib_runner.build.np.save is reached through us, yet not ours
    module = getattr(found, "__module__", None) or ""
    ours = module.startswith(tuple(f"ib_runner.{room}." for room in ROOMS))
    optimizer = isinstance(found, type) and issubclass(found, torch.optim.Optimizer)
    if not ours and not optimizer:
        raise UsageError(f"{key}._target_={target}: nothing that a configuration may use.")


def _reason(error: BaseException) -> str:
    """The first line of the innermost cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0] or type(error).__name__
