"""Whose targets are trusted: those of packages that the user names, whatever a saved run says."""

from collections.abc import Sequence

from hydra._internal.hydra import Hydra
from omegaconf import DictConfig

from ib_runner.config.compose import parse
from ib_runner.errors import UsageError


def given(hydra: Hydra, overrides: Sequence[str], key: str, default: object) -> object:
    """The value of ``key`` in the overrides themselves."""
    values = [one.value() for one in parse(hydra, overrides) if one.key_or_group == key]
    return values[-1] if values else default


def given_targets(hydra: Hydra, overrides: Sequence[str]) -> tuple[str, ...]:
    """``allow_targets`` of the command line: what a saved configuration says does not count."""
    value = given(hydra, overrides, "allow_targets", [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise UsageError(f"allow_targets={value}: needs a list of packages, [mine].")
    return tuple(value)


def trust_own(config: DictConfig) -> tuple[str, ...]:
    """A configuration the user has just composed vouches for its targets; says so in it."""
    from ib_runner.build import packages_of

    config.allow_targets = sorted({*config.allow_targets, *packages_of(config)})
    return tuple(config.allow_targets)
