"""H(Bin(T_ℓ)) beside I(X;T_ℓ) (section 5.1: a clear correspondence between the trends)."""

import numpy as np
import pandas as pd

from ib_runner.findings.context import Context, Tables
from ib_runner.findings.finding import Quantity, Undecidable
from ib_runner.findings.trajectory import Trajectory

#: with fewer epochs a rank correlation is mostly luck
FEWEST_EPOCHS = 10


class BinnedEntropyFollows(Trajectory):
    """Spearman's correlation, over epochs, of I(X;T_ℓ) and H(Bin(T_ℓ)) with bins of width 10β."""

    quantity = "the rank correlation of I and H(Bin) over epochs"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        information = self.information(tables, context).set_index("epoch")
        if information["lower"].max() <= information["upper"].min():
            raise Undecidable("I does not vary beyond its intervals: there is nothing to follow")
        table = self.table(tables, "binned_entropy")
        width = default_width(table, context.beta)
        rows = whole_layers(table, width)
        entropy = rows[rows["layer"] == information["layer"].iloc[0]].set_index("epoch")["entropy"]
        both = pd.concat([information["mi"], entropy], axis="columns", join="inner")
        if len(both) < FEWEST_EPOCHS:
            raise Undecidable(f"both are known at {len(both)} epochs, {FEWEST_EPOCHS} are needed")
        correlation = float(both["mi"].rank().corr(both["entropy"].rank()))
        text = f"rank correlation {correlation:.2f} over {len(both)} epochs, bin width {width:g}"
        return Quantity(text, correlation, correlation)


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
