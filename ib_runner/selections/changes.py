"""By how much I(X;T_ℓ) changes between two epochs, counted only as far as the intervals reach."""

from typing import NamedTuple

import pandas as pd


class Change(NamedTuple):
    """From row ``before`` to row ``after`` I grows or falls by something in [``low``, ``high``]."""

    before: pd.Series
    after: pd.Series
    low: float
    high: float

    @property
    def middle(self) -> float:
        """Half way between both ends, nats."""
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
