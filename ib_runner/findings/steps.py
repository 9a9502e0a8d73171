"""Steps in which I(X;T_ℓ) falls, and spikes (Fig. 4(c), Fig. 9(d))."""

from typing import Any

import numpy as np
import pandas as pd

from ib_runner.findings.finding import Quantity
from ib_runner.findings.trajectory import Trajectory
from ib_runner.selections.context import Context, Tables
from ib_runner.selections.turning import SWING, turning_points

#: slope of a steep fall: nats per factor e of epochs
STEEP = 0.1


class Steps(Trajectory):
    """The number of steps in which I(X;T_ℓ) falls after its highest value.

    A step is a stretch of epochs over which I falls by 0.2 nats or more, everywhere by at least 0.1
    nats per factor e of epochs. Between two steps I is about constant.
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
    """The number of peaks of I(X;T_ℓ), each at least ``swing`` nats above the dips beside it."""

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
    """First epoch, last epoch and fall (nats) of each step, from one layer's ``rows``."""
    epochs, mi = rows["epoch"].to_numpy(), rows["mi"].to_numpy()
    steep = -np.diff(mi) >= STEEP * np.diff(np.log(np.maximum(epochs, 0.5)))
    edges = np.diff(np.concatenate([[0], steep.astype(int), [0]]))
    stretches = zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    found = [(int(epochs[a]), int(epochs[b]), float(mi[a] - mi[b])) for a, b in stretches]
    return [one for one in found if one[2] >= SWING]
