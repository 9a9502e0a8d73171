"""I(X;T_ℓ) over epochs from the table ``mutual_information``."""

import pandas as pd

from ib_runner.tables.layers import Layers
from ib_runner.tables.settings import settings_of

CERTIFIED = "coupled"
EXACT = "quadrature"
BINNED = "binned"
#: widest interval, as a share of H(X), that is still read as a value where it ends at 0 or H(X)
NARROW = 0.1
#: relative error of H(X) in double precision, with much to spare
ROUNDING = 1e-9
BOUNDS = ("pairwise_lower", "pairwise_upper")


def certified(table: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """The rows about X, at the network's own noise, that have an interval; by layer and epoch.

    They come from the coupled estimator: one method, so that trends are not changes of method.
    """
    return _intervals(layers.at_own_noise(table))


def one_sided(rows: pd.DataFrame, layers: Layers) -> pd.Series:
    """Of each certified row about X: the end of its interval that alone says anything, ``lower``
    or ``upper``; ``none`` where neither does, and empty where both do.

    An end at 0 or H(X) is what every layer has. Narrow intervals there are whole all the same.
    """
    wide = (rows["upper"] - rows["lower"]) > NARROW * layers.h_x
    no_lower = wide & (rows["lower"] <= 0)
    no_upper = wide & (rows["upper"] >= layers.h_x * (1 - ROUNDING))
    side = pd.Series("", index=rows.index)
    side[no_upper], side[no_lower], side[no_lower & no_upper] = "lower", "upper", "none"
    return side


def paper(table: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """The values of the paper's estimator, sorted by layer and epoch."""
    return _of_method(layers.at_own_noise(table), "paper").dropna(subset=["mi"])


def exact(table: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """The values of layers of one unit by quadrature, sorted by layer and epoch."""
    return _of_method(layers.at_own_noise(table), EXACT).dropna(subset=["mi"])


def best(table: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """Of each layer one method's rows: the exact ones where there are any, else the certified."""
    return _best(layers.at_own_noise(table))


def best_at(table: pd.DataFrame, beta: float) -> pd.DataFrame:
    """As ``best``, of the network with noise ``beta`` in every layer, its own or not."""
    return _best(table[table["beta"] == beta])


def pairwise(table: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """The rows of both pairwise bounds, the lower one's first."""
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

    Certified values; without noise binned ones, which have no interval.
    """
    method = CERTIFIED if layers.gaussian else BINNED
    own = layers.at_own_noise(table)
    sides = [
        _of_method(own, method, target).dropna(subset=["mi"])[
            ["layer", "epoch", "mi", "lower", "upper"]
        ]
        for target in ("x", "y")
    ]
    return pd.merge(*sides, on=["layer", "epoch"], suffixes=("_x", "_y"))


def binned_widths(table: pd.DataFrame) -> list[float]:
    """The widths of the bins behind the binned rows, as these rows' own settings have them."""
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
