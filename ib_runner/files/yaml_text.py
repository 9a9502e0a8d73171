"""YAML as OmegaConf reads it, parsed by libyaml.

OmegaConf reads a file with PyYAML's parser in Python: a third of the time until the first word of
an answer. Here libyaml parses, where PyYAML was built with it, by OmegaConf's own rules of what a
value is; and a text that this process has parsed before is not parsed again.
"""

from functools import cache, lru_cache
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver


@lru_cache(maxsize=1024)
def parsed(text: str) -> Any:
    """The content of ``text``, not to be changed; of an empty one {}. ``YAMLError`` for no YAML."""
    content = yaml.load(text, Loader=_loader())
    return {} if content is None else content


@cache
def _loader() -> type:
    """OmegaConf's loader, with libyaml's parser where there is one."""
    loader = get_yaml_loader()
    if not yaml.__with_libyaml__:
        return loader

    class Loader(yaml.cyaml.CParser, loader):  # type: ignore[misc, valid-type]
        def __init__(self, stream: Any):
            yaml.cyaml.CParser.__init__(self, stream)
            SafeConstructor.__init__(self)
            Resolver.__init__(self)

    return Loader
