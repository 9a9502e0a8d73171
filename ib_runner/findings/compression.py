"""The compression of the whole network: the largest fall of I(X;T_ℓ) of any layer."""

from collections.abc import Mapping
from typing import Any

from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.findings.trajectory import after
from ib_runner.selections.changes import Change, fall
from ib_runner.selections.context import Context, Tables
from ib_runner.selections.information import best

#: the smallest fall that is listed, nats
LEAST = 0.01


class LargestCompression(Finding):
    """The largest fall of I(X;T_ℓ), nats, of any layer, from its highest value to the last epoch.

    The highest value is taken from epoch ``since`` on, which excludes early fluctuations.
    """

    def __init__(self, since: int = 0, **bounds: Any):
        super().__init__(**bounds)
        self.since = since
        self.quantity = f"the largest fall from a layer's peak{after(since)} to the end (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = best(self.table(tables, "mutual_information"), self.facts(tables))
        rows = rows[rows["epoch"] >= self.since]
        falls = {
            layer: fall(one.reset_index(drop=True))
            for layer, one in rows.groupby("layer")
            if len(one) > 1
        }
        if not falls:
            raise Undecidable(f"no layer has intervals at two epochs{after(self.since)}")
        low, high = (
            max(ends) for ends in zip(*((one.low, one.high) for one in falls.values()), strict=True)
        )
        return Quantity(_listed(falls), low, high)


def _listed(falls: Mapping[int, Change]) -> str:
    """The layers whose falls may reach ``LEAST``, in words."""
    shown = [
        f"{max(one.low, 0.0):.2f} to {one.high:.2f} in layer {layer}"
        for layer, one in falls.items()
        if one.high >= LEAST
    ]
    if not shown:
        return f"no layer falls by {LEAST} nats or more"
    return f"falls by {', '.join(shown)} (nats)"
