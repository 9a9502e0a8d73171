"""Rules: which values a key of the configuration accepts, and the words that tell the user so.

A class or function that the configuration names declares the rules of its keys in its signature::

    class Mine:
        def __init__(self, depth: Annotated[int, whole(1)], form: Annotated[str, choice("a", "b")]):

Plain types are rules as well: ``bool``, ``int``, ``float``, ``str``, ``Literal``, lists of them,
``None`` beside them. A value that a rule does not accept is refused before any work starts.
Constructors of this package use the names of this module only, because they are also read without
importing them (``config.outline``).
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ib_runner.wording import one_of


@dataclass(frozen=True)
class Rule:
    """A predicate ``accepts`` and, for messages, the accepted values in words, ``needs``.

    ``choices`` are the accepted words, among which a message looks for the one that was meant.
    ``lists`` says what the members of a list are, where the network or the training decides which
    of them exist: "epochs", "layers", or "layers_from_end" (0 is the input, −1 the last layer).
    """

    accepts: Callable[[Any], bool]
    needs: str
    choices: Sequence[str] = ()
    lists: str = ""


def is_whole(value: Any) -> bool:
    """Whether ``value`` is a whole number, which true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether ``value`` is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def whole(least: int, most: float = math.inf) -> Rule:
    """A whole number between ``least`` and ``most``."""
    needs = f"a whole number ≥ {least}" + (f" and ≤ {most}" if most < math.inf else "")
    return Rule(lambda value: is_whole(value) and least <= value <= most, needs)


def even(least: int) -> Rule:
    """An even whole number, at least ``least``."""
    return Rule(
        lambda value: is_whole(value) and value >= least and value % 2 == 0,
        f"an even whole number ≥ {least}",
    )


def number(condition: Callable[[float], bool], needs: str) -> Rule:
    """A finite number that meets ``condition``."""
    return Rule(lambda value: is_number(value) and condition(value), needs)


def choice(*words: str) -> Rule:
    """One of ``words``."""
    return Rule(lambda value: isinstance(value, str) and value in words, one_of(words), words)


def optional(rule: Rule, meaning: str = "") -> Rule:
    """Whatever ``rule`` accepts, or null, which stands for ``meaning``."""
    needs = f"{rule.needs}, or null" + (f" for {meaning}" if meaning else "")
    return replace(rule, accepts=lambda value: value is None or rule.accepts(value), needs=needs)


def each(rule: Rule, needs: str, least: int = 1, repeated: bool = False, lists: str = "") -> Rule:
    """A list of ``least`` or more values that ``rule`` accepts, different unless ``repeated``."""

    def accepts(values: Any) -> bool:
        return (
            isinstance(values, list)
            and len(values) >= least
            and all(rule.accepts(value) for value in values)
            and (repeated or len({repr(value) for value in values}) == len(values))
        )

    return Rule(accepts, needs, rule.choices, lists)


def either(word: str, rule: Rule) -> Rule:
    """``word``, or whatever ``rule`` accepts."""
    return Rule(lambda value: value == word or rule.accepts(value), f"{word}, or {rule.needs}")


def text(pattern: str, needs: str) -> Rule:
    """A text that ``pattern`` matches as a whole."""
    return Rule(lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value)), needs)


YES_OR_NO = Rule(lambda value: isinstance(value, bool), "true or false")
FINITE = number(lambda value: True, "a finite number")
POSITIVE = number(lambda value: value > 0, "a number > 0")
NOT_NEGATIVE = number(lambda value: value >= 0, "a finite number ≥ 0")
FRACTION = number(lambda value: 0 < value < 1, "a number between 0 and 1")
PROBABILITY = number(lambda value: 0 <= value < 1, "a number ≥ 0 and < 1")
SPACING = number(lambda value: 0 < value <= 1, "a number > 0 and ≤ 1, in units of beta")
NUMBERS = each(FINITE, "a list of finite numbers", repeated=True)
WIDTHS = each(whole(1), "a list of whole numbers ≥ 1", repeated=True)
ACTIVATION = choice("tanh", "relu", "leaky_relu", "identity")
#: the activation whose range of values a measurement takes for S
RANGE_OF = optional(ACTIVATION, "an unbounded range")
EPOCHS = each(whole(0), "a list of different epochs ≥ 0", lists="epochs")
MADE_EPOCHS = optional(EPOCHS, "all that are measured")
SHOWN_EPOCHS = optional(EPOCHS, "what the figure chooses")
LAYERS = each(whole(1), "a list of different layers ≥ 1", lists="layers")
LAYERS_FROM_END = each(
    Rule(is_whole, "a whole number"), "a list of different layers", lists="layers_from_end"
)
TARGETS = each(choice("x", "y"), "a list of x, y or both")
NOISE_LEVELS = optional(each(POSITIVE, "a list of different noise levels > 0"), "the network's own")
BIN_WIDTHS = optional(each(POSITIVE, "a list of different widths > 0"), "10 times noise.beta")

#: names of ``information.methods.registry.METHODS``, which takes long to import
METHODS = (
    "coupled",
    "paper",
    "pairwise_lower",
    "pairwise_upper",
    "quadrature",
    "nearest_neighbours",
)
#: names of ``figures.seeds.DRAW``: a validated figure is not imported before it is drawn
PANELS = ("mutual_information", "training", "binned_entropy")
SOME_PANELS = each(choice(*PANELS), f"a list of {', '.join(PANELS)}", repeated=True)
SOME_METHODS, ANY_METHODS = (
    each(choice(*METHODS), f"a list of different ones of {', '.join(METHODS)}", least)
    for least in (1, 0)
)
#: numbers of draws in a cloud: at least 1, at least 2
DRAWS, TWO_DRAWS = (optional(whole(least), "as many as target_width needs") for least in (1, 2))
BUDGET = optional(
    number(lambda value: value >= 1, "a number ≥ 1"),
    "as many kernel evaluations as target_width needs",
)
