"""One network's I(X;T_ℓ) at several noise levels (Fig. 4(d))."""

import numpy as np

from ib_runner.findings.finding import Quantity, Undecidable
from ib_runner.findings.trajectory import Trajectory
from ib_runner.selections.changes import fall
from ib_runner.selections.context import Context, Tables
from ib_runner.selections.information import best_at, of_layer


class FallAtLargestNoise(Trajectory):
    """The fall of I(X;T_ℓ) from its peak to the end at the largest β that was measured, nats."""

    quantity = "the fall from the peak to the end at the largest noise (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        table = self.table(tables, "mutual_information")
        falls = {}
        for beta in np.unique(table["beta"]):
            rows = of_layer(best_at(table, beta), self.layer).reset_index(drop=True)
            if len(rows) > 1:
                falls[beta] = fall(rows)
        if len(falls) < 2:
            raise Undecidable(f"I(X;T) was measured at {len(falls)} noise levels, not at two")
        listed = ", ".join(f"{one.high:.2f} (β = {beta:g})" for beta, one in falls.items())
        largest = falls[max(falls)]
        return Quantity(f"falls by {listed} nats", largest.low, largest.high)
