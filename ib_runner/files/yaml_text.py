"""YAML read by OmegaConf's rules, but parsed by libyaml.

OmegaConf uses PyYAML's parser in Python, which takes a third of a short command's time. Here
libyaml parses, where PyYAML was built with it, and a text is parsed once a process.
"""

from functools import cache, lru_cache
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver


@lru_cache(maxsize=1024)
def parsed(text: str) -> Any:
    """The content of the YAML ``text``, {} for an empty one; shared, so not to be changed.

    Raises ``YAMLError`` where ``text`` is not valid YAML.
    """
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
