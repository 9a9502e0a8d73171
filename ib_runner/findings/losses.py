"""Whether and when the test loss begins to rise (Fig. 5(a): at about epoch 3200)."""

import pandas as pd

from ib_runner.findings.finding import Finding, Quantity
from ib_runner.selections.context import Context, Tables

#: epochs in the running median that smooths the test loss
WINDOW = 51
#: epochs whose loss is at most this factor times the smallest loss count as minima, too
NEAR = 1.01


class LossRise(Finding):
    """The smoothed test loss at the last epoch over its minimum."""

    quantity = "the test loss at the end over its minimum"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        loss = _smooth_test_loss(self.table(tables, "training"))
        ratio = loss.iloc[-1] / loss.min()
        minimum = f"its minimum, {loss.min():.3f} at epoch {loss.idxmin()}"
        text = f"{ratio:.2f} times {minimum}, at epoch {loss.index[-1]}"
        return Quantity(text, ratio, ratio)


class LossTurn(Finding):
    """The epoch from which on the smoothed test loss rises: that of its minimum."""

    quantity = "the epoch of the smallest test loss"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        loss = _smooth_test_loss(self.table(tables, "training"))
        near = loss.index[loss <= NEAR * loss.min()]
        text = f"smallest at epoch {loss.idxmin()}, within 1 % of it from {near[0]} to {near[-1]}"
        return Quantity(text, int(near[0]), int(near[-1]))


def _smooth_test_loss(table: pd.DataFrame) -> pd.Series:
    """Running median of the test loss, by epoch."""
    loss = table[table["split"] == "test"].set_index("epoch")["loss"].sort_index()
    return loss.rolling(WINDOW, center=True, min_periods=1).median()
