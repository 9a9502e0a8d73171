"""Composing many configurations that differ in values only, such as those of a sweep's jobs.

Hydra first chooses entries of groups and merges some sixty files, then applies overrides of values.
The merged entries are kept here for the next job, and in ``composed_files`` for the next command.
"""

import copy
import os
from collections.abc import Sequence

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.hydra import Hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ib_runner.config import composed_files

#: merged entries, by configuration name, search path and overrides that choose entries
_KEPT: dict[tuple[str, ...], DictConfig] = {}
#: the search path where no plugin adds entries
_OURS = ["pkg://hydra.conf", "pkg://ib_runner.conf", "structured://"]
#: the most members of ``_KEPT``, which is emptied when full
_MOST = 16


def compose_config(
    hydra: Hydra, name: str, overrides: Sequence[str], typed: bool = True
) -> DictConfig:
    """The same as ``hydra.compose_config(name, overrides)``, errors included, but faster.

    Where ``typed``, Hydra's own node is an instance of Hydra's classes, which launchers need; else
    the node may have plain values, as read from a cached file.
    """
    loader = hydra.config_loader
    assert isinstance(loader, ConfigLoaderImpl)
    parsed = OverridesParser.create(loader).parse_overrides(list(overrides))
    sources = loader.get_sources()
    if (
        any(one.scheme() not in ("pkg", "structured") for one in sources)  # files may change
        or loader.repository.get_schema_source().is_config(name)  # a configuration from a run
        or any(one.is_hydra_override() or one.is_sweep_override() for one in parsed)
    ):
        return hydra.compose_config(name, list(overrides), RunMode.RUN)
    values = [one for one in parsed if _is_of_a_value(loader, one)]
    entries = [one.input_line for one in parsed if one not in values]
    paths = [one.full_path() for one in sources]
    key = (name, *paths, *entries)
    if key not in _KEPT and not typed and paths == _OURS and (found := composed_files.read(key)):
        config = OmegaConf.create(found)
        OmegaConf.set_struct(config, True)
    else:
        if key not in _KEPT:
            if len(_KEPT) == _MOST:
                _KEPT.clear()
            _KEPT[key] = hydra.compose_config(name, entries, RunMode.RUN)
            if paths == _OURS:
                composed_files.write(key, OmegaConf.to_container(_KEPT[key]))
        config = copy.deepcopy(_KEPT[key])
    loader._apply_overrides_to_config(values, config)
    _note(config, parsed)
    return config


def _is_of_a_value(loader: ConfigLoaderImpl, one: Override) -> bool:
    """Whether ``one`` sets a value, which Hydra applies last, rather than chooses an entry."""
    return isinstance(one.value(), dict) or not loader.repository.group_exists(one.key_or_group)


def _note(config: DictConfig, overrides: Sequence[Override]) -> None:
    """Write the overrides and the working folder into Hydra's node of ``config``, as Hydra does."""
    config.hydra.overrides.task = [one.input_line for one in overrides]
    config.hydra.runtime.cwd = os.getcwd()
    words = config.hydra.job.config.override_dirname
    config.hydra.job.override_dirname = get_overrides_dirname(
        overrides=list(overrides),
        kv_sep=words.kv_sep,
        item_sep=words.item_sep,
        exclude_keys=words.exclude_keys,
    )
