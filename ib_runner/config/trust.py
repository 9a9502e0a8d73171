"""Which packages a ``_target_`` may come from: ib_runner, torch, and those that the user names.

A run folder may come from a stranger, so the ``allow_targets`` of a *saved* configuration does not
count: only that of the command line or of ``open_run`` does. All targets of a configuration that
the user has just composed are trusted.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ib_runner.errors import UsageError

#: packages that are always trusted
OURS = ("ib_runner", "torch")
#: nodes that hold one entry with a ``_target_`` (ONE), or several named entries (NAMED)
ONE = ("dataset", "network", "noise", "regularizer", "optimizer", "logging")
NAMED = ("measurement", "figure", "findings")


def vouch(config: DictConfig) -> tuple[str, ...]:
    """Write the packages of all targets of ``config``, which the user composed, into its
    ``allow_targets``; returns them.
    """
    packages = {target.partition(".")[0] for _, target in _targets(config)} - set(OURS)
    config.allow_targets = sorted({*config.allow_targets, *packages})
    return tuple(config.allow_targets)


def check_package(key: str, target: str, allow_targets: Sequence[str]) -> None:
    """Raise ``UsageError`` where the package of ``target`` is neither ours nor allowed."""
    package = target.partition(".")[0]
    if package not in (*OURS, *allow_targets):
        raise UsageError(
            f"{key}._target_={target}: from a saved configuration it is used only with\n"
            f"allow_targets=[{package}]. Give that if you trust the package."
        )


def targets_in(key: str, node: Any) -> Iterator[tuple[str, str]]:
    """Every ``_target_`` in and below ``node``, each with the dotted key of its node."""
    if isinstance(node, Mapping):
        for word, child in node.items():
            if word == "_target_":
                yield key, str(child)
            else:
                yield from targets_in(f"{key}.{word}", child)
    elif isinstance(node, list):
        for child in node:
            yield from targets_in(key, child)


def _targets(config: DictConfig) -> Iterator[tuple[str, str]]:
    tree = OmegaConf.to_container(config, resolve=True)
    for key in ONE:
        yield from targets_in(key, tree[key])
    for group in NAMED:
        for name, node in tree[group].items():
            yield from targets_in(f"{group}.{name}", node)
