"""I(X;T) against the logarithm of the number of clusters that the noise resolves (section 4)."""

import numpy as np
import pandas as pd

from ib_runner.findings.finding import Quantity, Undecidable
from ib_runner.findings.trajectory import Trajectory
from ib_runner.selections.context import Context, Tables

#: maxima of the density that are lower than this share of its highest one do not count
LOWEST = 1e-3


class ResolvableClusters(Trajectory):
    """The median over epochs of |I(X;T_ℓ) − ln K| in nats, where K is the number of modes of p(t).

    K counts the clusters that noise β resolves: two equal Gaussians with standard deviation β have
    one mode if their centres are closer than 2β.
    """

    quantity = "the median of |I(X;T_ℓ) − ln(number of resolvable clusters)| (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = self.information(tables, context).set_index("epoch")
        density = self.table(tables, "density")
        density = density[density["layer"] == rows["layer"].iloc[0]]
        counts = density.groupby("epoch")[["t", "density"]].apply(n_modes).rename("clusters")
        both = rows.join(counts, how="inner") if len(counts) else rows.iloc[:0]
        if both.empty:
            raise Undecidable("no epoch has both the density and the information")
        distance = (both["mi"] - np.log(both["clusters"])).abs()
        first = both[~both["clusters"].eq(both["clusters"].shift())]
        listed = ", ".join(
            f"{one.clusters} from epoch {epoch} (exp(I) = {np.exp(one.mi):.2f})"
            for epoch, one in zip(first.index, first.itertuples(), strict=True)
        )
        median = float(distance.median())
        return Quantity(f"median {median:.2f} nats; clusters: {listed}", median, median)


def n_modes(rows: pd.DataFrame) -> int:
    """The number of modes of a density on a grid: ``t``, ``density``."""
    p = rows.sort_values("t")["density"].to_numpy()
    p = np.concatenate([[0.0], p, [0.0]])
    p = p[np.concatenate([[True], np.diff(p) != 0])]  # a flat top is one mode
    inner = p[1:-1]
    return int(((inner > p[:-2]) & (inner > p[2:]) & (inner > LOWEST * p.max())).sum())
