"""Hydra's errors in one to three lines that name the key, its value and the accepted values."""

from collections.abc import Iterator, Sequence

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ib_runner.config.quick_compose import compose_config
from ib_runner.wording import near_miss, one_of


def explain(error: Exception, hydra: Hydra, name: str, overrides: Sequence[str]) -> str:
    """Why composing ``name`` with ``overrides`` failed with ``error``."""
    parsed = []
    for line in overrides:
        try:
            parsed += OverridesParser.create(hydra.config_loader).parse_overrides([line])
        except HydraException:
            return (
                f"{line}: cannot be read; write key=value, a list as 'key=[1,2]',\n"
                "and quote a value with blanks or special characters: 'key=\"a b\"'."
            )
    groups = [one for one in parsed if group_options(hydra, one.key_or_group)]
    for one in parsed:
        why = _why_sweep(one) or (_why_group(hydra, one) if one in groups else None)
        if why:
            return why
    try:
        base = compose_config(hydra, name, [one.input_line for one in groups], typed=False)
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError):
        return _shortened(error)
    for one in parsed:
        if one not in groups and (why := _why_key(hydra, one, base)):
            return why
    return _shortened(error)


def group_options(hydra: Hydra, group: str) -> list[str]:
    """The entries of ``group``; none where there is no such group."""
    return _listed(hydra, group, ObjectType.CONFIG)


def _groups(hydra: Hydra, above: str = "") -> Iterator[str]:
    """All groups that have entries, Hydra's own groups left out."""
    for name in _listed(hydra, above, ObjectType.GROUP):
        group = f"{above}/{name}" if above else name
        if group.partition("/")[0] == "hydra":
            continue
        if group_options(hydra, group):
            yield group
        yield from _groups(hydra, group)


def _listed(hydra: Hydra, group: str, kind: ObjectType) -> list[str]:
    """The names in ``group`` of the given ``kind``, from the loader's own repository.

    The loader's public method copies the whole repository at each call, which is slow.
    """
    loader = hydra.config_loader
    assert isinstance(loader, ConfigLoaderImpl)
    return loader.repository.get_group_options(group, kind)


def _why_sweep(one: Override) -> str | None:
    if not one.is_sweep_override():
        return None
    key = one.key_or_group
    return f"{one.input_line}: several values of {key} need -m; a list is written '{key}=[a,b]'."


def _why_group(hydra: Hydra, one: Override) -> str | None:
    group, value = one.key_or_group, one.value()
    options = group_options(hydra, group)
    if not isinstance(value, str | list):
        return f"{one.input_line}: {group} needs an entry, {one_of(sorted(options))}."
    for choice in value if isinstance(value, list) else [value]:
        if isinstance(choice, str) and choice not in options:
            return (
                f"{group}={choice}: there is no such entry.{near_miss(choice, options)}\n"
                f"Entries of {group}: {', '.join(sorted(options))}."
            )
    if group == "exp" and not one.is_add():
        return f"{one.input_line}: write +exp={value}."
    if group != "exp" and one.is_add():
        return f"{one.input_line}: write {one.input_line.lstrip('+')}, without the +."
    return None


def _why_key(hydra: Hydra, one: Override, base: DictConfig) -> str | None:
    key = one.key_or_group
    known = list(_keys(base))
    exists = key in known or key in set(_parents(known))
    if one.is_add() and exists:
        return f"{one.input_line}: {key} exists; write {one.input_line.lstrip('+')}, without the +."
    if one.is_add() or exists:
        return None
    parent = key.rpartition(".")[0]
    while parent and parent not in set(_parents(known)):
        if parent in known:
            entries = group_options(hydra, parent)
            if entries and OmegaConf.select(base, parent) is None:
                return (
                    f"{one.input_line}: {parent}=none has no keys.\n"
                    f"Choose an entry first: {parent}={one_of(sorted(set(entries) - {'none'}))}."
                )
            break
        parent = parent.rpartition(".")[0]
    own = [name for name in known if not name.endswith("_")]  # _target_ is not a user's key
    names = [*own, *_parents(own), *_groups(hydra)]
    siblings = [name for name in own if parent and name.startswith(f"{parent}.")]
    listed = f"\nKeys of {parent}: {_last_words(siblings)}." if siblings else ""
    if not any("." in name for name in own):  # a stage with own_keys, few enough to list
        listed = f"\nIts keys: {', '.join(own)}."
    return f"{one.input_line}: there is no key {key}.{near_miss(key, names)}{listed}"


def _last_words(keys: Sequence[str]) -> str:
    return ", ".join(key.rpartition(".")[2] for key in keys)


def _keys(node: DictConfig, prefix: str = "") -> Iterator[str]:
    """Every leaf of the configuration as a dotted key; Hydra's own node left out."""
    for key in node:
        if not prefix and key == "hydra":
            continue
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none() and len(child):
            yield from _keys(child, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _parents(keys: Sequence[str]) -> Iterator[str]:
    for key in keys:
        while key := key.rpartition(".")[0]:
            yield key


def _shortened(error: Exception) -> str:
    """The first lines of the error and of its cause, three at most."""
    lines = str(error).splitlines() + str(error.__cause__ or "").splitlines()
    lines = [line.strip() for line in lines if line.strip() and not line.startswith("See http")]
    return "\n".join(lines[:3]) or type(error).__name__
