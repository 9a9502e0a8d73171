"""Changes of I(X;T_ℓ) between two epochs, as intervals that follow from those of I."""

from typing import NamedTuple

import pandas as pd


class Change(NamedTuple):
    """A change of I by an amount in [``low``, ``high``] nats, from row ``before`` to ``after``."""

    before: pd.Series
    after: pd.Series
    low: float
    high: float

    @property
    def middle(self) -> float:
        """The middle of [``low``, ``high``], nats."""
        return (self.low + self.high) / 2


def fall(rows: pd.DataFrame) -> Change:
    """The fall of I, nats, from its highest value in one layer's ``rows`` to the last row's."""
    before, after = rows.loc[rows["mi"].idxmax()], rows.iloc[-1]
    return _between(before, after, upper=before, lower=after)


def rise(rows: pd.DataFrame) -> Change:
    """The rise of I, nats, to its highest value in one layer's ``rows`` from the lowest before."""
    peak = rows["mi"].idxmax()
    before, after = rows.loc[rows["mi"][: peak + 1].idxmin()], rows.loc[peak]
    return _between(before, after, upper=after, lower=before)


def _between(before: pd.Series, after: pd.Series, upper: pd.Series, lower: pd.Series) -> Change:
    if before["epoch"] == after["epoch"]:
        return Change(before, after, 0.0, 0.0)
    low, high = upper["lower"] - lower["upper"], upper["upper"] - lower["lower"]
    return Change(before, after, float(low), float(high))
