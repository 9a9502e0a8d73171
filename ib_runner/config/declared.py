"""The keys that an entry's target declares in its signature, and the rule of each key."""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, NamedTuple

from ib_runner.errors import UsageError
from ib_runner.rules import YES_OR_NO, Rule, choice, each, is_whole, optional
from ib_runner.wording import near_miss, show

TYPES = {
    bool: YES_OR_NO,
    int: Rule(is_whole, "a whole number"),
    float: Rule(
        lambda value: isinstance(value, int | float) and not isinstance(value, bool), "a number"
    ),
    str: Rule(lambda value: isinstance(value, str), "a text"),
}
#: the rule of arguments that are objects, which an entry of the configuration builds
ENTRY = Rule(
    lambda value: isinstance(value, Mapping) and "_target_" in value, "an entry with a _target_"
)


class Key(NamedTuple):
    """A key that a target takes; its ``rule`` is None where the target checks the value itself."""

    rule: Rule | None
    required: bool


def keys_of(target: Callable[..., Any]) -> tuple[dict[str, Key], bool]:
    """The keys that ``target`` declares, and whether it takes no others.

    A constructor with ``**keys`` also takes the keys of its base class, to which it passes them.
    """
    found: dict[str, Key] = {}
    for function in _constructors(target):
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            return found, False  # a constructor written in C has no signature to read
        hints = _hints(function)
        for one in parameters:
            if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) and one.name != "self":
                rule = rule_of(hints.get(one.name))
                if rule and one.default is None and not rule.accepts(None):
                    rule = optional(rule)
                found.setdefault(one.name, Key(rule, one.default is one.empty))
        if all(one.kind != one.VAR_KEYWORD for one in parameters):
            return found, True
    return found, isinstance(target, type)


def rule_of(hint: Any) -> Rule | None:
    """The rule that the type ``hint`` stands for, or None where nothing can be checked."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return next((one for one in parts if isinstance(one, Rule)), None) or rule_of(parts[0])
    if origin is typing.Literal and all(isinstance(one, str) for one in parts):
        return choice(*parts)
    if origin in (typing.Union, UnionType):
        rules = [rule_of(one) for one in parts if one is not NoneType]
        alone = rules[0] if len(rules) == 1 < len(parts) else None
        return optional(alone) if alone else None
    if origin in (list, Sequence):
        rule = rule_of(parts[0])
        return each(rule, f"a list, each {rule.needs}", 0, repeated=True) if rule else None
    return ENTRY if origin is Callable else TYPES.get(hint)


def check_declared(key: str, target: Callable[..., Any], node: Mapping[str, Any]) -> None:
    """Raise ``UsageError`` for the first value in entry ``key`` that breaks its rule."""
    for name, (rule, _) in keys_of(target)[0].items():
        if rule and name in node:
            check_value(f"{key}.{name}", node[name], rule)


def check_value(key: str, value: Any, rule: Rule) -> None:
    """Raise ``UsageError`` where ``rule`` does not accept the ``value`` of ``key``."""
    if rule.accepts(value):
        return
    words = value if isinstance(value, list) else [value]
    wrong = next((one for one in words if type(one) is str and one not in rule.choices), None)
    hint = near_miss(wrong, rule.choices) if wrong and rule.choices else ""
    raise UsageError(f"{key}={show(value)}: needs {rule.needs}.{hint}")


def _constructors(target: Callable[..., Any]) -> list[Callable[..., Any]]:
    if not isinstance(target, type):
        return [target]
    return [one.__dict__["__init__"] for one in target.__mro__[:-1] if "__init__" in one.__dict__]


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (AttributeError, NameError, TypeError):
        return {}  # annotations that only a type checker can read declare no rules
