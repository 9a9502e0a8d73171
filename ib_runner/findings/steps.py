"""Falls of I(X;T_ℓ) that come in steps, and spikes (Fig. 4(c), Fig. 9(d))."""

from typing import Any

import numpy as np
import pandas as pd

from ib_runner.findings.finding import Quantity
from ib_runner.findings.trajectory import Trajectory
from ib_runner.selections.context import Context, Tables
from ib_runner.selections.turning import SWING, turning_points

#: a fall is steep if I falls by at least so many nats while the epoch grows by the factor e
STEEP = 0.1


class Steps(Trajectory):
    """The number of steps in which I(X;T_ℓ) falls from its highest value on.

    A step is an unbroken stretch of steep falls, by 0.1 nats and more within a factor e of epochs,
    and goes down by 0.2 nats or more; between two of them I is about constant.
    """

    quantity = "the number of steps in which I(X;T_ℓ) falls"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = self.information(tables, context)
        found = steps(rows[rows["mi"].idxmax() :].reset_index(drop=True))
        listed = "; ".join(
            f"by {fall:.2f} nats from epoch {first} to {last}" for first, last, fall in found
        )
        return Quantity(f"{len(found)} steps: {listed}" if found else "no step", *2 * [len(found)])


class Spikes(Trajectory):
    """The number of peaks of I(X;T_ℓ): it goes up to and down from each by ``swing`` nats."""

    def __init__(self, layer: int, swing: float = SWING, **bounds: Any):
        super().__init__(layer, **bounds)
        self.swing = swing
        self.quantity = f"the number of peaks, {swing:g} nats high or more,"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = self.information(tables, context)
        peaks = [one.epoch for one in turning_points(rows, self.swing) if one.peak]
        text = f"peaks at epoch {', '.join(map(str, peaks))}" if peaks else "no peak"
        return Quantity(text, len(peaks), len(peaks))


def steps(rows: pd.DataFrame) -> list[tuple[int, int, float]]:
    """First and last epoch of each step down, and by how much it goes down, nats."""
    epochs, mi = rows["epoch"].to_numpy(), rows["mi"].to_numpy()
    steep = -np.diff(mi) >= STEEP * np.diff(np.log(np.maximum(epochs, 0.5)))
    edges = np.diff(np.concatenate([[0], steep.astype(int), [0]]))
    stretches = zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    found = [(int(epochs[a]), int(epochs[b]), float(mi[a] - mi[b])) for a, b in stretches]
    return [one for one in found if one[2] >= SWING]
