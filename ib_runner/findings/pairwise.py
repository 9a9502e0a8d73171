"""The distance of the pairwise bounds from I(X;T_ℓ) (supplement 7)."""

import pandas as pd

from ib_runner.findings.finding import Quantity, Undecidable
from ib_runner.findings.trajectory import Trajectory
from ib_runner.selections.context import Context, Tables
from ib_runner.selections.information import pairwise


class PairwiseBounds(Trajectory):
    """The largest distance, over epochs, of a pairwise bound from I(X;T_ℓ), nats."""

    quantity = "the largest distance of a pairwise bound from I(X;T_ℓ) (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = self.information(tables, context).set_index("epoch")
        bounds = pairwise(self.table(tables, "mutual_information"), self.facts(tables))
        bounds = bounds[bounds["layer"] == rows["layer"].iloc[0]].reset_index(drop=True)
        if bounds.empty:
            raise Undecidable(f"layer {self.layer} has no pairwise bounds")
        distance = (bounds["mi"] - bounds["epoch"].map(rows["mi"])).abs()
        worst = bounds.loc[distance.idxmax()]
        text = f"{_name(worst)} is {distance.max():.3f} nats off at epoch {worst['epoch']}"
        return Quantity(text, float(distance.max()), float(distance.max()))


def _name(row: pd.Series) -> str:
    return f"the {row['method'].removeprefix('pairwise_')} bound"
