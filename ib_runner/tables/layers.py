"""The facts about a run's layers (units, noise, range, H(X), H(Y)), read from its table ``layers``.

The noise is that of training; rows of other tables at another noise level have it in a column.
"""

import math
from functools import cached_property

import pandas as pd

#: width of the bins of H(Bin(T)) in standard deviations β of the noise (section 5.1)
BETAS_PER_BIN = 10
NONE = "none"


class Layers:
    """The facts in ``table``, the table ``layers`` of one run, for one choice of inputs.

    Layer 0 is the input. Raises ``ValueError`` where ``table`` has a layer twice.
    """

    def __init__(self, table: pd.DataFrame):
        if table["layer"].duplicated().any():
            raise ValueError("table layers: of one run and one choice of inputs, each layer once")
        # a frame that was not read from a file has None, not NaN, where no layer has a value
        numbers = {name: "float64" for name in ("beta", "low", "high") if name in table}
        self._rows = table.astype(numbers).set_index("layer").sort_index()

    @property
    def h_x(self) -> float:
        """H(X) in nats, where repeated inputs count as one input with their joint probability."""
        return float(self._rows["h_x"][0])

    @property
    def h_y(self) -> float:
        """H(Y), nats."""
        return float(self._rows["h_y"][0])

    @property
    def n_inputs(self) -> int:
        """The number of inputs, with repetitions."""
        return int(self._rows["n_inputs"][0])

    @cached_property
    def hidden(self) -> pd.DataFrame:
        """The rows of layers 1, 2, …, by layer."""
        return self._rows[self._rows.index > 0]

    @cached_property
    def betas(self) -> pd.Series:
        """Each layer's standard deviation of Gaussian noise, 0 where there is none, by layer."""
        return self.hidden["beta"].fillna(0.0)

    @property
    def gaussian(self) -> bool:
        """Whether any layer has Gaussian noise."""
        return bool((self.betas > 0).any())

    def at_own_noise(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The ``rows`` (columns ``layer``, ``beta``) whose β is the one of training."""
        return rows[rows["beta"] == rows["layer"].map(self.betas)]

    def beta(self, layer: int) -> float:
        """β of ``layer``, or the largest β of all layers where the layer has no Gaussian noise."""
        own = float(self.betas.get(layer, 0.0))
        return own or float(self.betas.max())

    def bounds(self, layer: int) -> tuple[float, float] | None:
        """The closed range of S of ``layer``; None where it is unbounded."""
        if layer not in self.hidden.index:
            return None
        low, high = (float(self.hidden[end][layer]) for end in ("low", "high"))
        return (low, high) if math.isfinite(low) and math.isfinite(high) else None

    def bin_width(self, layer: int) -> float:
        """The default width of the bins of H(Bin(T_ℓ)), in the unit of S."""
        return default_bin_width(self.beta(layer), self.bounds(layer))


def default_bin_width(beta: float, bounds: tuple[float, float] | None) -> float:
    """10β (section 5.1), but at most half the range of a bounded activation; in the unit of S.

    Wider bins could not distinguish the two ends of the range.
    """
    width = BETAS_PER_BIN * beta
    return width if bounds is None else min(width, (bounds[1] - bounds[0]) / 2)
