"""Rules for single keys: the key, a predicate for its value, and the sentence for a wrong one."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ib_runner.wording import one_of


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
FRACTION = number(lambda value: 0 < value < 1, "a number between 0 and 1")
NUMBERS = each(number(lambda value: True, "a number"), "a list of finite numbers", repeated=True)
ACTIVATION = choice("tanh", "relu", "leaky_relu", "identity")
NAMES = each(text(r".+", "a name"), "a list of names", least=0, repeated=True)
EPOCHS = each(whole(0), "a list of different epochs ≥ 0")
LAYERS = each(whole(1), "a list of different layers ≥ 1")
YES_OR_NO = Rule(lambda value: isinstance(value, bool), "true or false")
ENTRIES = Rule(
    lambda value: isinstance(value, dict) and all(isinstance(v, dict) for v in value.values()),
    "named entries, each with its keys",
)

#: names of ``information.methods.registry.METHODS``, which takes long to import
METHODS = (
    "coupled",
    "paper",
    "pairwise_lower",
    "pairwise_upper",
    "quadrature",
    "nearest_neighbours",
)

#: what methods take, and which
ESTIMATE: dict[str, Rule] = {
    "methods": each(choice(*METHODS), f"a list of different ones of {', '.join(METHODS)}"),
    "n_x": optional(whole(2), "as target_width needs"),
    "n_o": optional(whole(1), "as target_width needs"),
    "n_mc": optional(whole(2), "as target_width needs"),
    "target_width": POSITIVE,
    "budget": optional(
        number(lambda value: value >= 1, "a number ≥ 1"),
        "as many kernel evaluations as target_width needs",
    ),
}

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
    "trainer.together": whole(1),
    "measure.epochs": optional(either("all", EPOCHS), "84 log-spaced epochs"),
    "measure.further_epochs": each(whole(0), "a list of different epochs ≥ 0", least=0),
    "measure.inputs": choice("all", "train", "test"),
    "measure.measurements": NAMES,
    **{f"measure.{key}": rule for key, rule in ESTIMATE.items()},
    "measure.bin_widths": optional(
        each(POSITIVE, "a list of different widths > 0"), "10 times noise.beta"
    ),
    "measure.n_jobs": Rule(
        lambda value: is_whole(value) and (value == -1 or value >= 1),
        "a whole number ≥ 1, or -1 for every processor",
    ),
    "measure.scheduler": optional(
        text(
            r"(tcp|tls|ws|wss|ucx)://\S+:\d+|.*\.json",
            "tcp://host:port or a scheduler file, *.json",
        ),
        "processes of this machine",
    ),
    "plot.figures": NAMES,
    "plot.epochs": optional(EPOCHS, "what the figures choose"),
    "plot.formats": each(choice("png", "pdf"), "a list of png, pdf or both"),
    "plot.unit": choice("nats", "bits"),
}

#: keys of our own entries, by their target; a user's own targets check themselves
ENTRY: dict[str, dict[str, Rule]] = {
    "ib_runner.datasets.szt.szt": {"train_fraction": FRACTION},
    "ib_runner.datasets.spiral.spiral": {
        "n": Rule(lambda n: is_whole(n) and n >= 4 and n % 2 == 0, "an even whole number ≥ 4"),
        "turns": POSITIVE,
        "radius": POSITIVE,
        "train_fraction": FRACTION,
    },
    "ib_runner.datasets.points.points": {"x": NUMBERS, "y": NUMBERS},
    "ib_runner.networks.fcn.FCN": {
        "widths": each(whole(1), "a list of whole numbers ≥ 1", repeated=True),
        "activation": ACTIVATION,
    },
    "ib_runner.networks.neurons.Neurons": {
        "weights": NUMBERS,
        "biases": NUMBERS,
        "activation": ACTIVATION,
    },
    "ib_runner.datasets.mnist.mnist": {},
    "ib_runner.networks.cnn.CNN": {},
    "ib_runner.networks.noise.GaussianNoise": {"beta": NOT_NEGATIVE},
    "ib_runner.networks.noise.DropoutNoise": {
        "p": number(lambda value: 0 <= value < 1, "a number ≥ 0 and < 1"),
        "feature_maps": YES_OR_NO,
    },
    "ib_runner.networks.noise.NoNoise": {},
    "ib_runner.training.parseval.Parseval": {"alpha": NOT_NEGATIVE},
    "ib_runner.training.tensorboard.TensorBoard": {},
    "torch.optim.Adam": {"lr": POSITIVE},
    "torch.optim.SGD": {"lr": POSITIVE},
}

#: of a measurement; a network of the user's own may have another one, and name it
BINNED_ACTIVATION = optional(ACTIVATION, "an unbounded one")
#: of all our findings
FINDING: dict[str, Rule] = {
    "at_least": optional(number(lambda value: True, "a finite number"), "no such bound"),
    "at_most": optional(number(lambda value: True, "a finite number"), "no such bound"),
    "min_epoch": whole(0),
}
FIGURE_EPOCHS = {"epochs": optional(EPOCHS, "what the figure chooses")}
#: keys of our own measurements and figures, where they are given
NAMED_ENTRY: dict[str, dict[str, Rule]] = {
    "ib_runner.measurements.binned_entropy.BinnedEntropy": {
        "bin_widths": optional(
            each(POSITIVE, "a list of different widths > 0"), "10 times noise.beta"
        ),
        "activation": BINNED_ACTIVATION,
        "layers": optional(LAYERS, "all hidden layers"),
        "whole": YES_OR_NO,
        "units": YES_OR_NO,
    },
    "ib_runner.measurements.binned_information.BinnedInformation": {
        "bin_width": POSITIVE,
        "activation": BINNED_ACTIVATION,
    },
    "ib_runner.measurements.distance_histogram.DistanceHistogram": {
        "bins": whole(1),
        "epochs": optional(EPOCHS, "all that are measured"),
    },
    "ib_runner.measurements.activation_histogram.ActivationHistogram": {
        "bins": whole(1),
        "activation": BINNED_ACTIVATION,
    },
    "ib_runner.measurements.cosine_similarity.CosineSimilarity": {"bins": whole(1)},
    "ib_runner.measurements.density.Density": {
        "spacing": number(lambda value: 0 < value <= 1, "a number > 0 and ≤ 1, in units of beta"),
    },
    "ib_runner.measurements.guarantee.Guarantee": {
        "error": POSITIVE,
        "eps": FRACTION,
        "activation": BINNED_ACTIVATION,
    },
    "ib_runner.measurements.mutual_information.MutualInformation": {
        **ESTIMATE,
        "targets": each(choice("x", "y"), "a list of x, y or both"),
        "sparse_methods": each(
            choice(*METHODS), f"a list of different ones of {', '.join(METHODS)}", least=0
        ),
        "sparse_epochs": whole(1),
        "betas": optional(
            each(POSITIVE, "a list of different noise levels > 0"), "the network's own"
        ),
    },
    "ib_runner.measurements.representation.Representation": {
        "layers": each(Rule(is_whole, "a whole number"), "a list of different layers"),
        "epochs": optional(EPOCHS, "all that are measured"),
    },
    "ib_runner.figures.binned_entropy.BinnedEntropy": {"from_zero": YES_OR_NO},
    "ib_runner.figures.density.DensityAtEpochs": FIGURE_EPOCHS,
    "ib_runner.figures.fig4.Fig4": FIGURE_EPOCHS,
    "ib_runner.figures.fig5.Fig5": FIGURE_EPOCHS,
    "ib_runner.figures.fig6.Fig6": FIGURE_EPOCHS,
    "ib_runner.figures.representation.Representation": FIGURE_EPOCHS,
}
