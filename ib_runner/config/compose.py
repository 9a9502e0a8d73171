"""Composing a configuration from ``conf/``, the user's own YAML and overrides."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.version import setbase
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ib_runner.config.explain import explain
from ib_runner.config.keys import PLAIN
from ib_runner.config.quick_compose import compose_config
from ib_runner.config.yaml_source import quick_sources
from ib_runner.differences import LATE_NODES
from ib_runner.errors import UsageError

CONF = "pkg://ib_runner.conf"
VERSION_BASE = "1.3"
DEFAULT_EXPERIMENT = "+exp=szt_tanh"
#: groups whose choice on the command line leaves the default experiment (see ``with_experiment``)
OWN = ("network", "dataset")


def open_hydra(config_dir: str | None = None) -> Hydra:
    """Hydra reading the user's ``config_dir`` first, then ``conf/``.

    Raises ``UsageError`` where ``config_dir`` is no folder.
    """
    setbase(VERSION_BASE)
    search_path = create_config_search_path(CONF)
    if config_dir is not None:
        folder = Path(config_dir).resolve()
        if not folder.is_dir():
            raise UsageError(f"--config-dir {config_dir}: no such folder.")
        search_path.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
    GlobalHydra.instance().clear()
    with quick_sources():
        return Hydra.create_main_hydra2("ib-run", search_path)


@contextmanager
def our_hydra() -> Iterator[Hydra]:
    """Hydra reading ``conf/`` within the block; afterwards, the caller's own Hydra again."""
    theirs = GlobalHydra.instance().hydra
    try:
        yield open_hydra()
    finally:
        GlobalHydra.instance().hydra = theirs


def compose(hydra: Hydra, name: str, overrides: Sequence[str], typed: bool = False) -> DictConfig:
    """Configuration ``name`` with ``overrides``, Hydra's own node included.

    ``typed``: that node is an instance of Hydra's classes, which launchers need. Raises
    ``UsageError`` naming the wrong override.
    """
    try:
        return compose_config(hydra, name, overrides, typed)
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
        raise UsageError(explain(error, hydra, name, overrides)) from error


def with_experiment(overrides: Sequence[str]) -> list[str]:
    """``overrides`` with the default experiment added, unless they choose ``exp`` or an ``OWN``.

    A run with another network or data set starts from ``base`` alone, since the settings and
    findings of the default experiment belong to its own network; such a run's ``experiment`` is
    named after the chosen entry.
    """
    given = dict(one.lstrip("+~").partition("=")[::2] for one in overrides)
    if "exp" in given:
        return [*overrides]
    chosen = next((given[group] for group in OWN if group in given), None)
    if chosen is None:
        return [DEFAULT_EXPERIMENT, *overrides]
    name = chosen.rpartition("/")[2]
    called = "experiment" in given or not PLAIN["experiment"].accepts(name)
    return [*overrides] if called else [f"experiment={name}", *overrides]


def parse(hydra: Hydra, overrides: Sequence[str]) -> list[Override]:
    """The parsed overrides. Raises ``UsageError`` for the first that cannot be parsed."""
    parser = OverridesParser.create(config_loader=hydra.config_loader)
    try:
        return parser.parse_overrides(list(overrides))
    except HydraException as error:
        raise UsageError(explain(error, hydra, "base", overrides)) from error


def settings(config: DictConfig) -> DictConfig:
    """``config`` without Hydra's node, resolved but for references inside ``LATE_NODES``.

    References there stay unresolved in saved configurations, so that overriding ``measure`` or
    ``plot`` later still changes the values that refer to it. Raises ``UsageError`` for a reference
    to a missing key.
    """
    keys = [key for key in config if key != "hydra"]
    try:
        resolved = {key: _container(config, key) for key in keys}
    except OmegaConfBaseException as error:
        key = f"{error.full_key}: " if error.full_key else ""
        raise UsageError(f"{key}{str(error).splitlines()[0]}.") from error
    late = {key: OmegaConf.to_container(config[key]) for key in keys if key in LATE_NODES}
    return OmegaConf.create({**resolved, **late})


def _container(config: DictConfig, key: Any) -> Any:
    """Node ``key`` as plain Python, its references resolved."""
    if OmegaConf.is_missing(config, key):
        return "???"
    node = config[key]
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
