"""Descriptions of the configuration's keys, from the comments in ``conf/`` and the keys' rules.

``STAGE --help`` and the reference in ``docs/`` are made from them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from omegaconf import OmegaConf

from ib_runner.config.keys import PLAIN
from ib_runner.wording import show

#: nodes of ``base.yaml`` and the files that hold their keys
FILES = {"trainer": "trainer/default", "measure": "measure/default", "plot": "plot/default"}
_KEY = re.compile(r"^(\w+):[^#]*(?:#\s*(.*))?$")


@dataclass(frozen=True)
class Described:
    """A ``key``, its purpose, the values it accepts in words (None: unchecked), and its default."""

    key: str
    sentence: str
    accepts: str
    default: Any

    @property
    def text(self) -> str:
        """``key=default`` as on a command line; for a list of names, the number of names."""
        value = self.default
        if isinstance(value, list) and len(value) > 3:
            return f"{self.key}=[{value[0]},… {len(value)}]"
        return f"{self.key}={show(value)}"


def keys_of_node(node: str) -> list[Described]:
    """The keys of ``trainer``, ``measure`` or ``plot``, in the order of their file."""
    return [
        Described(f"{node}.{key}", sentence, _accepts(f"{node}.{key}"), default)
        for key, sentence, default in _read(FILES[node])
    ]


def top_level_keys() -> list[Described]:
    """The keys of ``base.yaml`` that are in no group, such as ``seed``."""
    return [
        Described(key, sentence, _accepts(key), default)
        for key, sentence, default in _read("base")
        if key in PLAIN and not isinstance(default, dict)
    ]


def own_keys(stage: str) -> list[Described]:
    """The keys of a stage that has all of its keys in ``conf/STAGE.yaml``."""
    found = _read(stage)
    return [Described(key, words, "", default) for key, words, default in found if key != "hydra"]


def _accepts(key: str) -> str:
    return PLAIN[key].needs if key in PLAIN else ""


@cache
def _read(name: str) -> tuple[tuple[str, str, Any], ...]:
    """Key, sentence and default of each key at the top of ``conf/NAME.yaml``."""
    text = resources.files("ib_runner.conf").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    defaults = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    sentences = dict(_sentences(text))
    return tuple(
        (key, sentences.get(key, ""), value) for key, value in defaults.items() if key != "defaults"
    )


def _sentences(text: str) -> Iterator[tuple[str, str]]:
    """Each top-level key of YAML ``text``, with the comment behind it or in the lines before it."""
    above: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            above.append(line.lstrip("# "))
        elif found := _KEY.match(line):
            yield found[1], found[2] or " ".join(above)
            above = []
        else:
            above = []
