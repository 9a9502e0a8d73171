"""Reading Hydra's YAML files with libyaml, which is faster than Hydra's own way."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

import yaml
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.core_plugins.importlib_resources_config_source import (
    ImportlibResourcesConfigSource,
)
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf

from ib_runner.files.yaml_text import parsed


class _Packaged(ImportlibResourcesConfigSource):
    def load_config(self, config_path: str) -> ConfigResult:
        file = resources.files(self.path).joinpath(self._normalize_file_name(config_path))
        found = _read(self, file.read_text(encoding="utf-8"))
        return found or super().load_config(config_path)


class _InFolder(FileConfigSource):
    def load_config(self, config_path: str) -> ConfigResult:
        path = os.path.join(self.path, self._normalize_file_name(config_path))
        with open(path, encoding="utf-8") as file:
            found = _read(self, file.read())
        return found or super().load_config(config_path)


def _read(source: ConfigSource, text: str) -> ConfigResult | None:
    """The content ``text`` of one file; None where it is not valid YAML.

    Hydra then reads the file itself, since its error names the file.
    """
    header = ConfigSource._get_header_dict(text[:512])
    try:
        config = OmegaConf.create(parsed(text))
    except yaml.YAMLError:
        return None
    return ConfigResult(
        config=config,
        path=f"{source.scheme()}://{source.path}",
        provider=source.provider,
        header=header,
    )


@contextmanager
def quick_sources() -> Iterator[None]:
    """Within the block, new configuration loaders of Hydra read YAML with this module's sources."""
    Plugins.instance()  # which registers Hydra's own
    registry = SourcesRegistry.instance()
    theirs = registry.types
    registry.types = theirs | {one.scheme(): one for one in (_Packaged, _InFolder)}
    try:
        yield
    finally:
        registry.types = theirs
