"""I(X;T_ℓ) over epochs from the table ``mutual_information``."""

import pandas as pd

from ib_runner.tables.layers import Layers
from ib_runner.tables.settings import settings_of

CERTIFIED = "coupled"
EXACT = "quadrature"
BINNED = "binned"
#: width, as a share of H(X), up to which an interval that ends at 0 or H(X) counts as two-sided
NARROW = 0.1
#: an upper bound of the relative rounding error of H(X) in double precision
ROUNDING = 1e-9
BOUNDS = ("pairwise_lower", "pairwise_upper")


def certified(table: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """The rows about X with an interval, at the network's own noise, sorted by layer and epoch.

    Only those of the coupled estimator, so that no trend is due to a change of method.
    """
    return _intervals(layers.at_own_noise(table))


def one_sided(rows: pd.DataFrame, layers: Layers, target: str = "x") -> pd.Series:
    """Which end of each certified row's interval is informative, where not both are.

    "lower" where the upper end is H(X) (H(Y) for ``target`` y), "upper" where the lower end is 0,
    "none" where both hold, and "" for two-sided intervals, which include those narrower than
    ``NARROW`` times that entropy.
    """
    highest = {"x": layers.h_x, "y": layers.h_y}[target]
    wide = (rows["upper"] - rows["lower"]) > NARROW * highest
    no_lower = wide & (rows["lower"] <= 0)
    no_upper = wide & (rows["upper"] >= highest * (1 - ROUNDING))
    side = pd.Series("", index=rows.index)
    side[no_upper], side[no_lower], side[no_lower & no_upper] = "lower", "upper", "none"
    return side


def paper(table: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """The values of the paper's estimator, sorted by layer and epoch."""
    return _of_method(layers.at_own_noise(table), "paper").dropna(subset=["mi"])


def exact(table: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """The exact values, by quadrature, of layers with one unit, sorted by layer and epoch."""
    return _of_method(layers.at_own_noise(table), EXACT).dropna(subset=["mi"])


def best(table: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """For each layer the rows of one method: exact ones if there are any, else certified ones."""
    return _best(layers.at_own_noise(table))


def best_at(table: pd.DataFrame, beta: float) -> pd.DataFrame:
    """As ``best``, for the network with noise ``beta`` in every layer, its trained level or not."""
    return _best(table[table["beta"] == beta])


def pairwise(table: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """The rows of the lower, then of the upper pairwise bound."""
    own = layers.at_own_noise(table)
    return pd.concat([_of_method(own, one) for one in BOUNDS]).dropna(subset=["mi"])


def of_layer(rows: pd.DataFrame, layer: int) -> pd.DataFrame:
    """One layer's rows; a negative ``layer`` counts backwards from the last, −1."""
    return rows[rows["layer"] == layer_number(rows, layer)]


def layer_number(rows: pd.DataFrame, layer: int) -> int:
    """``layer``, or for a negative one the layer it stands for, −1 being the last in ``rows``."""
    return int(layer if layer >= 0 else rows["layer"].max() + 1 + layer)


def about_both(table: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """epoch, layer, and mi, lower, upper of I(X;T_ℓ) (``mi_x``, …) and I(Y;T_ℓ) (``mi_y``, …).

    In nats. Certified intervals, some of which have no value within; for networks without noise
    binned values, which have no interval.
    """
    method, known = (CERTIFIED, "lower") if layers.gaussian else (BINNED, "mi")
    own = layers.at_own_noise(table)
    columns = ["layer", "epoch", "mi", "lower", "upper"]
    sides = [
        _of_method(own, method, target).dropna(subset=[known])[columns] for target in ("x", "y")
    ]
    return pd.merge(*sides, on=["layer", "epoch"], suffixes=("_x", "_y"))


def binned_widths(table: pd.DataFrame) -> list[float]:
    """The bin widths of the rows by the method ``binned``, from the settings of these rows."""
    known = settings_of(table)
    rows = table[table["method"] == BINNED]
    used = set(rows["settings"].dropna()) if "settings" in rows else set()
    widths = {
        known[one].get("measurement", {}).get("binned_information", {}).get("bin_width")
        for one in used & known.keys()
    }
    return sorted(widths - {None})


def _best(table: pd.DataFrame) -> pd.DataFrame:
    known, others = _of_method(table, EXACT).dropna(subset=["mi"]), _intervals(table)
    others = others[~others["layer"].isin(known["layer"].unique())]
    return pd.concat([one for one in (known, others) if len(one)] or [known], ignore_index=True)


def _intervals(table: pd.DataFrame) -> pd.DataFrame:
    return _of_method(table, CERTIFIED).dropna(subset=["lower", "upper"])


def _of_method(table: pd.DataFrame, method: str, target: str = "x") -> pd.DataFrame:
    chosen = (table["target"] == target) & (table["method"] == method)
    return table[chosen].sort_values(["layer", "epoch"], ignore_index=True)
