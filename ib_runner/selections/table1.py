"""The noise that a network was trained with, and what Table 1 reports for it."""

from typing import NamedTuple


class Condition(NamedTuple):
    """Dropout with probability ``p``, of units or of whole ``feature_maps``, or Gaussian noise of
    standard deviation ``beta``.

    They sort as in Table 1: deterministic, less and more noise, dropout.
    """

    p: float = 0.0
    beta: float = 0.0
    feature_maps: bool = False

    def __str__(self) -> str:
        if self.p:
            return f"dropout{' of maps' if self.feature_maps else ''}, p = {self.p:g}"
        return f"β = {self.beta:g}" if self.beta else "deterministic"


class Errors(NamedTuple):
    """Mean and standard deviation over seeds of the number of errors."""

    mean: float
    sd: float


#: errors among the 10,000 validation images of MNIST after 128 epochs, over eight seeds
TABLE_1 = {
    Condition(): Errors(50, 4.6),
    Condition(beta=0.05): Errors(50, 5.0),
    Condition(beta=0.1): Errors(51, 6.9),
    Condition(beta=0.2): Errors(86, 9.8),
    Condition(beta=0.5): Errors(2200, 520),
    # the paper does not say what is dropped
    Condition(p=0.2): Errors(39, 3.9),
    Condition(p=0.2, feature_maps=True): Errors(39, 3.9),
}
