"""I(X;T_ℓ) over epochs from the table ``mutual_information``."""

import json

import pandas as pd

CERTIFIED = "coupled"
EXACT = "quadrature"
BINNED = "binned"
BOUNDS = ("pairwise_lower", "pairwise_upper")


def certified(table: pd.DataFrame, beta: float) -> pd.DataFrame:
    """The rows about X at noise level ``beta`` that have an interval, sorted by layer and epoch.

    They come from the coupled estimator: one method, so that trends are not changes of method.
    """
    return _method(table, CERTIFIED, beta).dropna(subset=["lower", "upper"])


def paper(table: pd.DataFrame, beta: float) -> pd.DataFrame:
    """The values of the paper's estimator, sorted by layer and epoch."""
    return _method(table, "paper", beta).dropna(subset=["mi"])


def exact(table: pd.DataFrame, beta: float) -> pd.DataFrame:
    """The values of layers of one unit by quadrature, sorted by layer and epoch."""
    return _method(table, EXACT, beta).dropna(subset=["mi"])


def best(table: pd.DataFrame, beta: float) -> pd.DataFrame:
    """Of each layer one method's rows: the exact ones where there are any, else the certified."""
    known = exact(table, beta)
    others = certified(table, beta)
    others = others[~others["layer"].isin(known["layer"].unique())]
    return pd.concat([one for one in (known, others) if len(one)] or [known], ignore_index=True)


def pairwise(table: pd.DataFrame, beta: float) -> pd.DataFrame:
    """The rows of both pairwise bounds, the lower one's first."""
    return pd.concat([_method(table, one, beta) for one in BOUNDS]).dropna(subset=["mi"])


def of_layer(rows: pd.DataFrame, layer: int) -> pd.DataFrame:
    """One layer's rows; a negative ``layer`` counts backwards from the last, −1."""
    return rows[rows["layer"] == layer_number(rows, layer)]


def layer_number(rows: pd.DataFrame, layer: int) -> int:
    """``layer``, or for a negative one the layer it stands for, −1 being the last in ``rows``."""
    return int(layer if layer >= 0 else rows["layer"].max() + 1 + layer)


def about_both(table: pd.DataFrame, beta: float) -> pd.DataFrame:
    """epoch, layer, and mi, lower, upper of I(X;T_ℓ) (``mi_x``, …) and I(Y;T_ℓ) (``mi_y``, …).

    Certified values; without noise binned ones, which have no interval.
    """
    method = CERTIFIED if beta > 0 else BINNED
    sides = [
        _method(table, method, beta, target).dropna(subset=["mi"])[
            ["layer", "epoch", "mi", "lower", "upper"]
        ]
        for target in ("x", "y")
    ]
    return pd.merge(*sides, on=["layer", "epoch"], suffixes=("_x", "_y"))


def bin_width(table: pd.DataFrame) -> float | None:
    """The width of the bins behind the binned values, as the table's own settings have it."""
    settings = json.loads(table.attrs.get("settings", "{}"))
    return settings.get("measurement", {}).get("binned_information", {}).get("bin_width")


def _method(table: pd.DataFrame, method: str, beta: float, target: str = "x") -> pd.DataFrame:
    chosen = (table["target"] == target) & (table["method"] == method)
    chosen &= (table["beta"] - beta).abs() <= 1e-9 * beta
    return table[chosen].sort_values(["layer", "epoch"], ignore_index=True)
