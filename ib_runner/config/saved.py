"""The configuration of a stage on an existing run: the one saved with the run, with overrides."""

import re
from collections.abc import Sequence
from typing import Any

from hydra._internal.hydra import Hydra
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from ib_runner.config.compose import compose, parse, settings
from ib_runner.config.explain import group_options
from ib_runner.config.validate import TOP_LEVEL
from ib_runner.differences import LATE_NODES, changed, leaves
from ib_runner.errors import DamagedFileError, UsageError
from ib_runner.wording import show

#: keys that may differ from a run's own configuration in every stage
ALWAYS = ("device", "logging", "output_root", "allow_targets", "hydra")
#: groups of which an existing run may be given another entry
GROUPS = ("measure", "plot", "findings", "logging")
SAVED = "saved"
REFERENCE = re.compile(r"\$\{(oc\.select:\s*)?[A-Za-z_][\w.]*(,\s*\w+)?\}")


def compose_saved(
    hydra: Hydra,
    stage: str,
    may_change: Sequence[str],
    saved: DictConfig,
    overrides: Sequence[str],
    path: object,
) -> DictConfig:
    """The configuration ``saved`` with the run at ``path``, changed by ``overrides``.

    Raises ``UsageError`` for an override that changes a key outside ``may_change``, the keys and
    nodes that ``stage`` may change, and ``DamagedFileError`` where ``saved`` is not valid.
    """
    parsed = parse(hydra, overrides)
    for one in parsed:
        _check_kind(hydra, one, path)
    if parsed:
        ours = register(hydra, saved, path)
        config = settings(compose(hydra, SAVED, overrides))
    else:  # Hydra would add nothing
        ours = OmegaConf.create(_with_new_keys(hydra, saved, path))
        config = settings(ours)
    changed = differences(ours, config, may_change)
    if changed:
        key, (before, after) = next(iter(changed.items()))
        allowed = ", ".join(may_change)
        raise UsageError(
            f"{key}={show(after)}: run={path} was made with {key}={show(before)}; on a run that "
            f"exists `{stage}`\nmay change {allowed} and device only. Start a new run to change it."
        )
    if config.trainer.epochs < ours.trainer.epochs:
        raise UsageError(
            f"trainer.epochs={config.trainer.epochs}: run={path} was made with "
            f"trainer.epochs={ours.trainer.epochs}; only more epochs can be added."
        )
    if not any(one.key_or_group == "allow_targets" for one in parsed):
        config.allow_targets = []  # packages that a saved configuration lists are not trusted
    forget_scheduler(config, parsed)
    return config


def forget_scheduler(config: DictConfig, given: Sequence[Override]) -> None:
    """Take ``measure.scheduler`` out of ``config`` unless it was ``given`` on the command line.

    A saved address may be a stranger's, and results from a scheduler are unpickled, which can run
    any code.
    """
    if not gives_scheduler(given):
        config.measure.scheduler = None


def gives_scheduler(given: Sequence[Override]) -> bool:
    """Whether the overrides ``given`` set ``measure.scheduler``."""
    return any(one.key_or_group in ("measure", "measure.scheduler") for one in given)


def register(hydra: Hydra, saved: DictConfig, path: object) -> DictConfig:
    """Register ``saved`` with Hydra as the primary configuration ``SAVED``, and return it.

    Entries and keys that were added to the program after the run was made, such as new findings of
    its experiment, are taken from ``conf/``.
    """
    check_saved(saved, path)
    new = _as_composed_today(hydra, str(saved.experiment))
    ours = OmegaConf.to_container(saved)
    ours.setdefault("logging", None)
    ours["trainer"].setdefault("together", 1)
    for node in ("measurement", "figure", "measure", "plot", "findings"):
        ours[node] = {**new[node], **(ours.get(node) or {})}
    quiet = {"help": "stages", "hydra_logging": "none", "job_logging": "none"}
    defaults = [
        "_self_",
        # lets an override such as measure=quick choose an entry
        *({group: None} for group in GROUPS),
        *({f"override /hydra/{key}": entry} for key, entry in quiet.items()),
    ]
    ConfigStore.instance().store(SAVED, {"defaults": defaults, **ours}, provider="ib_runner")
    return OmegaConf.create(ours)


def _with_new_keys(hydra: Hydra, saved: DictConfig, path: object) -> dict[str, Any]:
    """``saved``, with the entries and keys that came into the program after the run was made.

    They are taken from ``conf/``, the experiment's findings among them. Raises
    ``DamagedFileError`` where ``saved`` is none of ours.
    """
    check_saved(saved, path)
    new = _as_composed_today(hydra, str(saved.experiment))
    ours: dict[str, Any] = OmegaConf.to_container(saved)
    ours.setdefault("logging", None)
    ours["trainer"].setdefault("together", 1)
    for node in ("measurement", "figure", "measure", "plot", "findings"):
        ours[node] = {**new[node], **(ours.get(node) or {})}
    return ours


def _as_composed_today(hydra: Hydra, experiment: str) -> dict[str, Any]:
    """The configuration that ``conf/`` gives for ``experiment``, or ``base`` where it has none.

    Kept while the process lives, unless some of the YAML is in the user's own folder.
    """
    sources = hydra.config_loader.get_sources()
    key = (experiment, *(one.full_path() for one in sources))
    if key in _composed:
        return _composed[key]
    known = experiment in group_options(hydra, "exp")
    base = compose(hydra, "base", [f"+exp={experiment}"] if known else [])
    found = OmegaConf.to_container(settings(base))
    if all(one.scheme() in ("pkg", "structured") for one in sources):
        _composed[key] = found
    return found


#: kept configurations, by experiment and search path
_composed: dict[tuple[str, ...], dict[str, Any]] = {}


def check_saved(saved: DictConfig, path: object) -> None:
    """Raise ``DamagedFileError`` for unknown keys or resolvers: the folder may be a stranger's."""
    for key in saved:
        if key not in TOP_LEVEL:
            raise DamagedFileError(f"{path}/config.yaml: {key} is no key of a saved configuration.")
    for key, value in leaves(OmegaConf.to_container(saved)):
        if (
            isinstance(value, str)
            and "${" in value
            and (key.partition(".")[0] not in LATE_NODES or not REFERENCE.fullmatch(value))
        ):
            raise DamagedFileError(f"{path}/config.yaml: {key}={value} is not a plain value.")


def differences(
    saved: DictConfig, config: DictConfig, may_change: Sequence[str]
) -> dict[str, tuple[Any, Any]]:
    """The keys outside ``may_change`` whose values differ: key to (saved value, present value)."""
    before, after = (OmegaConf.to_container(one, resolve=True) for one in (saved, config))
    return changed(before, after, [*may_change, *ALWAYS])


def _check_kind(hydra: Hydra, one: Override, path: object) -> None:
    """Raise ``UsageError`` where override ``one`` chooses an entry that a run has for good.

    Hydra's own error would not say why.
    """
    group = one.key_or_group
    if group == "exp":
        raise UsageError(
            f"{one.input_line}: run={path} has its experiment saved with it; leave +exp out."
        )
    if group not in GROUPS and not one.is_hydra_override() and group_options(hydra, group):
        raise UsageError(
            f"{one.input_line}: run={path} was made with a {group} of its own;\non a run that "
            f"exists only {', '.join(GROUPS)} take another entry. Start a new run to change it."
        )
