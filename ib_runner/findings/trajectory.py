"""Rise and fall of I(X;T_ℓ) over training, where changes within the intervals do not count."""

import math
from typing import Any, Literal

import pandas as pd

from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.selections.changes import Change, fall, rise
from ib_runner.selections.context import Context, Tables
from ib_runner.selections.information import best, of_layer
from ib_runner.selections.turning import turning_points
from ib_runner.wording import interval_text


class Trajectory(Finding):
    """A finding about I(X;T_ℓ) of one ``layer``, counted from 1 or backwards from −1."""

    def __init__(self, layer: int, **bounds: Any):
        super().__init__(**bounds)
        self.layer = layer

    def information(self, tables: Tables, context: Context, since: int = 0) -> pd.DataFrame:
        """The layer's rows from epoch ``since`` on. Raises ``Undecidable`` for fewer than two."""
        table = self.table(tables, "mutual_information")
        rows = of_layer(best(table, self.facts(tables)), self.layer)
        rows = rows[rows["epoch"] >= since].reset_index(drop=True)
        if len(rows) < 2:
            from_then_on = f" from epoch {since} on" if since else ""
            raise Undecidable(
                f"I(X;T) of layer {self.layer} has intervals at {len(rows)} epochs{from_then_on}"
            )
        return rows


class Compression(Trajectory):
    """The fall of I(X;T_ℓ) from its highest value since epoch ``since`` to the last epoch, nats."""

    def __init__(self, layer: int, since: int = 0, **bounds: Any):
        super().__init__(layer, **bounds)
        self.since = since
        self.quantity = f"the fall from the peak{after(since)} to the end (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        return _told(fall(self.information(tables, context, self.since)), "falls")


class Rise(Trajectory):
    """The rise of I(X;T_ℓ) from its lowest value before the highest one to the latter, nats."""

    quantity = "the rise to the peak (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        return _told(rise(self.information(tables, context)), "rises")


class Variation(Trajectory):
    """The highest minus the lowest I(X;T_ℓ) from epoch ``since`` on, nats."""

    def __init__(self, layer: int, since: int, **bounds: Any):
        super().__init__(layer, **bounds)
        self.since = since
        self.quantity = f"the range of I(X;T_ℓ){after(since)} (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = self.information(tables, context, self.since)
        highest, lowest = rows.loc[rows["mi"].idxmax()], rows.loc[rows["mi"].idxmin()]
        low, high = highest["lower"] - lowest["upper"], highest["upper"] - lowest["lower"]
        return Quantity(f"between {value(lowest)} and {value(highest)}", max(low, 0.0), high)


class GapToInput(Trajectory):
    """H(X) minus the highest I(X;T_ℓ), nats."""

    quantity = "H(X) minus the highest I(X;T_ℓ) (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = self.information(tables, context)
        highest = rows.loc[rows["mi"].idxmax()]
        h_x = self.facts(tables).h_x
        text = f"{value(highest)}, H(X) = {h_x:.3f}"
        return Quantity(text, h_x - highest["upper"], h_x - highest["lower"])


class Peak(Trajectory):
    """The epoch of the first or last peak of I(X;T_ℓ).

    An interval of epochs: all neighbouring ones whose upper end reaches the peak's lower end. The
    last peak is where the final fall begins. Without a peak the finding does not hold.
    """

    def __init__(self, which: Literal["first", "last"], **bounds: Any):
        super().__init__(**bounds)
        self.which = which
        self.quantity = f"the epoch of the {which} peak"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = self.information(tables, context)
        peaks = [turn.position for turn in turning_points(rows) if turn.peak]
        if not peaks:
            return Quantity("no peak", math.inf, math.inf)
        position = peaks[0 if self.which == "first" else -1]
        first, last = _as_high(rows, position)
        text = f"{self.which} of {len(peaks)} peaks: {value(rows.loc[position])}"
        return Quantity(text, int(rows["epoch"][first]), int(rows["epoch"][last]))


def after(since: int) -> str:
    """The words of a rule for "from epoch ``since`` on"; "" for 0."""
    return f" after epoch {since}" if since else ""


def _as_high(rows: pd.DataFrame, position: int) -> tuple[int, int]:
    """First and last of the positions around ``position`` whose upper ends reach its lower end."""
    high = rows["upper"] >= rows["lower"][position]
    below = rows.index[~high]
    first = max((k + 1 for k in below if k < position), default=0)
    last = min((k - 1 for k in below if k > position), default=len(rows) - 1)
    return first, last


def _told(change: Change, verb: str) -> Quantity:
    """``change`` as a quantity in nats, described with ``verb`` (rises, falls)."""
    before, after, low, high = change
    if before["epoch"] == after["epoch"]:
        return Quantity(f"never {verb}: {value(before)} is the extreme", low, high)
    size = f"{verb} by {abs(after['mi'] - before['mi']):.2f} {interval_text(low, high, 2)} nats"
    return Quantity(f"{size}: {value(before)}, {value(after)}", low, high)


def value(row: pd.Series) -> str:
    """I of ``row`` in words: value, interval and epoch."""
    interval = interval_text(row["lower"], row["upper"], 2)
    return f"{row['mi']:.2f} {interval} nats at epoch {row['epoch']}"
