"""Outlines: signatures of this package's targets, read from the source without importing it.

So a mistake in a command line is reported before torch, pandas and matplotlib are imported. An
outline has a target's signature, base classes and the constants of ``SAID``, and no body.
"""

import ast
import builtins
import collections.abc
import typing
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ib_runner import rules

PACKAGE = "ib_runner"
#: class constants that an outline includes
SAID = ("depth", "table", "tables_needed", "keys_needed", "least_widths", "targets_needed")
ROOT = Path(rules.__file__).parent


class _AnyAttribute(type):
    def __getattr__(cls, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls


class _Unknown(metaclass=_AnyAttribute):
    """Stands for a name of another module, as ``nn`` in ``nn.Module``: a type without a rule."""


class _Names(dict):
    """The names that annotations may refer to; unknown names give ``_Unknown``."""

    def __missing__(self, name: str) -> Any:
        for known in (rules, typing, collections.abc, builtins):
            if hasattr(known, name):
                return getattr(known, name)
        return _Unknown


@cache
def outline(target: str) -> Callable[..., Any] | None:
    """The outline of ``target``, a dotted ``ib_runner.module.name``; None where it does not exist.

    Base classes from other packages are left out.
    """
    module, _, name = target.rpartition(".")
    for node in _statements(module):
        if isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                if name == (one.asname or one.name):
                    return outline(f"{node.module}.{one.name}")
        elif isinstance(node, ast.FunctionDef) and node.name == name:
            return _function(node)
        elif isinstance(node, ast.ClassDef) and node.name == name:
            return _class(module, node)
    return None


def is_defined(target: str, room: str) -> bool:
    """Whether ``target`` is a class that a module in folder ``room`` of this package defines."""
    module, _, name = target.rpartition(".")
    return module.startswith(f"{PACKAGE}.{room}.") and any(
        isinstance(node, ast.ClassDef) and node.name == name for node in _statements(module)
    )


@cache
def _statements(module: str) -> list[ast.stmt]:
    """The statements of ``module``; none where it is not a module of this package."""
    package, *words = module.split(".")
    stem = ROOT.joinpath(*words)
    for path in (stem.with_suffix(".py"), stem / "__init__.py") if package == PACKAGE else ():
        if path.is_file():
            return ast.parse(path.read_text(encoding="utf-8")).body
    return []


def _function(node: ast.FunctionDef) -> Callable[..., Any]:
    """A function with the signature of ``node``; defaults that are not constants become ``...``."""
    given = node.args
    given.defaults = [
        one if isinstance(one, ast.Constant) else ast.Constant(...) for one in given.defaults
    ]
    node.body, node.decorator_list, node.returns = [ast.Pass()], [], None
    found = _Names()
    code = ast.fix_missing_locations(ast.Module([node], type_ignores=[]))
    exec(compile(code, "<outline>", "exec"), {}, found)
    return found[node.name]


def _class(module: str, node: ast.ClassDef) -> type:
    found: dict[str, Any] = {}
    for one in node.body:
        match one:
            case ast.FunctionDef(name="__init__"):
                found["__init__"] = _function(one)
            case ast.FunctionDef(name="over_runs"):
                found["over_runs"] = True
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in SAID:
                found[name] = ast.literal_eval(value)
    named = [outline(f"{module}.{base.id}") for base in node.bases if isinstance(base, ast.Name)]
    return type(node.name, tuple(one for one in named if isinstance(one, type)), found)
