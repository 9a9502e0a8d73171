"""Rules that a target of the user's own declares for its keys.

::

    from ib_runner.config.rules import choice, whole

    class Mine:
        def __init__(self, depth: Annotated[int, whole(1)], form: Annotated[str, choice("a", "b")]):

A value that a rule does not accept is refused as one of ours is: key, value, what is needed.
"""

from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from ib_runner.config.rules import Rule
from ib_runner.config.validate import check_value


def check_declared(key: str, target: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Raise ``UsageError`` for the first of entry ``key``'s arguments that breaks its rule."""
    function = target.__init__ if isinstance(target, type) else target
    try:
        hints = get_type_hints(function, include_extras=True)
    except (AttributeError, NameError, TypeError):
        return  # annotations that only a type checker can read declare no rules
    for name, value in arguments.items():
        for rule in getattr(hints.get(name), "__metadata__", ()):
            if isinstance(rule, Rule):
                check_value(f"{key}.{name}", value, rule)
