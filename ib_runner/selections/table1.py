"""Conditions: the noise that a network was trained with, and the errors that Table 1 reports."""

from typing import NamedTuple

from ib_runner.selections.context import Tables
from ib_runner.tables.layers import Layers

#: the kind of noise that drops whole feature maps, as the table ``layers`` calls it
DROPPED_MAPS = "dropout_maps"


class Condition(NamedTuple):
    """The noise of a network: dropout with probability ``p``, or Gaussian noise ``beta``.

    Dropout is of units, or of whole ``feature_maps``. Conditions sort as in Table 1: deterministic,
    increasing noise, dropout.
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
    # the paper does not say whether units or whole feature maps are dropped: both have its numbers
    Condition(p=0.2): Errors(39, 3.9),
    Condition(p=0.2, feature_maps=True): Errors(39, 3.9),
}


def condition(layers: Layers) -> Condition:
    """The condition of a network with these ``layers``; the largest β or p of its layers counts."""
    dropped, kinds = layers.hidden["p"].fillna(0.0), set(layers.hidden["noise"])
    return Condition(float(dropped.max()), float(layers.betas.max()), DROPPED_MAPS in kinds)


def conditions_of(tables: Tables) -> dict[str, Condition]:
    """The condition of each run of a sweep, from the sweep's table ``layers``."""
    return {str(run): condition(Layers(rows)) for run, rows in tables("layers").groupby("run")}
