"""What single keys accept: key, predicate, and the sentence a user reads."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ib_runner.config.suggest import one_of


@dataclass(frozen=True)
class Rule:
    """``accepts`` a value, or the user reads that the key ``needs`` something else.

    ``choices`` are the accepted words, for a near miss.
    """

    accepts: Callable[[Any], bool]
    needs: str
    choices: Sequence[str] = ()


def is_whole(value: Any) -> bool:
    """A whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """A finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def whole(least: int, most: float = math.inf) -> Rule:
    """A whole number between ``least`` and ``most``."""
    needs = f"a whole number ≥ {least}" + (f" and ≤ {most}" if most < math.inf else "")
    return Rule(lambda value: is_whole(value) and least <= value <= most, needs)


def number(condition: Callable[[float], bool], needs: str) -> Rule:
    """A finite number that meets ``condition``."""
    return Rule(lambda value: is_number(value) and condition(value), needs)


def choice(*words: str) -> Rule:
    """One of ``words``."""
    return Rule(lambda value: isinstance(value, str) and value in words, one_of(words), words)


def optional(rule: Rule, meaning: str) -> Rule:
    """What ``rule`` accepts, or null, which stands for ``meaning``."""
    return Rule(
        lambda value: value is None or rule.accepts(value),
        f"{rule.needs}, or null for {meaning}",
        rule.choices,
    )


def each(rule: Rule, needs: str, least: int = 1, repeated: bool = False) -> Rule:
    """A list of ``least`` or more values that ``rule`` accepts, different unless ``repeated``."""

    def accepts(values: Any) -> bool:
        return (
            isinstance(values, list)
            and len(values) >= least
            and all(rule.accepts(value) for value in values)
            and (repeated or len({repr(value) for value in values}) == len(values))
        )

    return Rule(accepts, needs, rule.choices)


def either(word: str, rule: Rule) -> Rule:
    """``word``, or what ``rule`` accepts."""
    return Rule(lambda value: value == word or rule.accepts(value), f"{word}, or {rule.needs}")


def text(pattern: str, needs: str) -> Rule:
    """A text that ``pattern`` matches as a whole."""
    return Rule(lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value)), needs)


POSITIVE = number(lambda value: value > 0, "a number > 0")
NOT_NEGATIVE = number(lambda value: value >= 0, "a finite number ≥ 0")
ANY_LIST = Rule(lambda value: isinstance(value, list), "a list of names")
ENTRIES = Rule(
    lambda value: isinstance(value, dict) and all(isinstance(v, dict) for v in value.values()),
    "named entries, each with its keys",
)

#: nodes whose keys are all known
PLAIN: dict[str, Rule] = {
    "seed": whole(0, 2**63 - 1),
    "device": choice("auto", "cpu", "cuda"),
    "output_root": text(r".*\S.*", "a folder"),
    "experiment": text(r"[A-Za-z0-9][A-Za-z0-9._-]*", "a name of letters, digits and ._-"),
    "allow_targets": each(text(r"[A-Za-z_]\w*", "a package"), "a list of different packages", 0),
    "measurement": ENTRIES,
    "figure": ENTRIES,
    "findings": ENTRIES,
    "trainer.epochs": whole(1),
    "trainer.batch_size": optional(whole(1), "the whole training set"),
    "trainer.loss": choice("cross_entropy", "mse"),
    "trainer.schedule": choice("constant", "geometric"),
    "trainer.lr_ratio": POSITIVE,
    "trainer.horizon": optional(whole(2), "none"),
    "trainer.checkpoint_every": whole(1),
    "trainer.shard_epochs": whole(1),
    "measure.epochs": optional(
        either("all", each(whole(0), "a list of different epochs ≥ 0")), "84 log-spaced epochs"
    ),
    "measure.inputs": choice("all", "train", "test"),
    "measure.measurements": ANY_LIST,
    "measure.methods": each(
        choice("coupled", "paper", "pairwise_lower", "pairwise_upper", "quadrature"),
        "a list of different ones of coupled, paper, pairwise_lower, pairwise_upper, quadrature",
    ),
    "measure.n_x": optional(whole(1), "as target_width needs"),
    "measure.n_o": optional(whole(1), "as target_width needs"),
    "measure.n_mc": optional(whole(2), "as target_width needs"),
    "measure.target_width": POSITIVE,
    "measure.budget": optional(POSITIVE, "as many kernel evaluations as target_width needs"),
    "measure.bin_widths": optional(
        each(POSITIVE, "a list of different widths > 0"), "10 times noise.beta"
    ),
    "measure.n_jobs": Rule(
        lambda value: is_whole(value) and (value == -1 or value >= 1),
        "a whole number ≥ 1, or -1 for every processor",
    ),
    "plot.figures": ANY_LIST,
    "plot.epochs": optional(
        each(whole(0), "a list of different epochs ≥ 0"), "what the figures choose"
    ),
    "plot.formats": each(choice("png", "pdf"), "a list of png, pdf or both"),
    "plot.unit": choice("nats", "bits"),
}

#: keys of our own entries, by their target; a user's own targets check themselves
ENTRY: dict[str, dict[str, Rule]] = {
    "ib_runner.datasets.szt.szt": {
        "train_fraction": number(lambda value: 0 < value < 1, "a number between 0 and 1"),
    },
    "ib_runner.networks.fcn.FCN": {
        "widths": each(whole(1), "a list of whole numbers ≥ 1", repeated=True),
        "activation": choice("tanh", "relu", "leaky_relu", "identity"),
    },
    "ib_runner.networks.noise.GaussianNoise": {"beta": NOT_NEGATIVE},
    "ib_runner.networks.noise.DropoutNoise": {
        "p": number(lambda value: 0 <= value < 1, "a number ≥ 0 and < 1"),
    },
    "ib_runner.networks.noise.NoNoise": {},
    "ib_runner.training.parseval.Parseval": {"alpha": NOT_NEGATIVE},
    "torch.optim.Adam": {"lr": POSITIVE},
    "torch.optim.SGD": {"lr": POSITIVE},
}
