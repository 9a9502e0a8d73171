"""I(X;T_ℓ) over epochs from the table ``mutual_information``."""

import pandas as pd

CERTIFIED = "coupled"


def certified(table: pd.DataFrame, beta: float) -> pd.DataFrame:
    """The rows about X at noise level ``beta`` that have an interval, sorted by layer and epoch.

    They come from the coupled estimator: one method, so that trends are not changes of method.
    """
    return _method(table, CERTIFIED, beta).dropna(subset=["lower", "upper"])


def paper(table: pd.DataFrame, beta: float) -> pd.DataFrame:
    """The values of the paper's estimator, sorted by layer and epoch."""
    return _method(table, "paper", beta).dropna(subset=["mi"])


def of_layer(rows: pd.DataFrame, layer: int) -> pd.DataFrame:
    """One layer's rows; a negative ``layer`` counts backwards from the last, −1."""
    return rows[rows["layer"] == layer_number(rows, layer)]


def layer_number(rows: pd.DataFrame, layer: int) -> int:
    """``layer``, or for a negative one the layer it stands for, −1 being the last in ``rows``."""
    return int(layer if layer >= 0 else rows["layer"].max() + 1 + layer)


def _method(table: pd.DataFrame, method: str, beta: float) -> pd.DataFrame:
    chosen = (table["target"] == "x") & (table["method"] == method)
    chosen &= (table["beta"] - beta).abs() <= 1e-9 * beta
    return table[chosen].sort_values(["layer", "epoch"], ignore_index=True)
