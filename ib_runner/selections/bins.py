"""H(Bin(T_ℓ)) of whole layers from the table ``binned_entropy``, width by width."""

import numpy as np
import pandas as pd


def default_width(table: pd.DataFrame, beta: float) -> float:
    """The measured bin width nearest to the paper's 10β."""
    widths = table["bin_width"].drop_duplicates()
    return float(widths.iloc[(widths - 10 * beta).abs().argmin()])


def whole_layers(table: pd.DataFrame, width: float) -> pd.DataFrame:
    """The rows of ``binned_entropy`` about whole layers and bins of ``width``, sorted."""
    chosen = table["unit"].isna() & ((table["bin_width"] - width).abs() <= 1e-9 * width)
    return table[chosen].sort_values(["layer", "epoch"], ignore_index=True)


def widths_of_layers(table: pd.DataFrame) -> np.ndarray:
    """The bin widths at which ``binned_entropy`` has whole layers, increasing."""
    return np.unique(table.loc[table["unit"].isna(), "bin_width"])
