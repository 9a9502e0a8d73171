"""Whether single units compress: slopes of H(Bin(T_ℓ(k))) over training (section 5.2)."""

from typing import Any, Literal

from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.selections.context import Context, Tables

NAMES = {"mean": "mean", "sd": "standard deviation"}


class UnitSlope(Finding):
    """The mean or standard deviation (``statistic``) of the slopes of H(Bin(T_ℓ(k))) over units k.

    In nats per epoch, for units of ``layer``, at the bin width where the statistic is largest.
    """

    def __init__(self, layer: int, statistic: Literal["mean", "sd"], **bounds: Any):
        super().__init__(**bounds)
        if statistic not in NAMES:
            raise ValueError(f"statistic={statistic}: needs mean or sd")
        self.layer = layer
        self.statistic = statistic
        self.quantity = f"the largest {NAMES[statistic]} of the slopes over bin widths (nats/epoch)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        self.table(tables, "binned_entropy")  # the epochs that the slopes are about
        table = self.table(tables, "entropy_slope")
        by_width = table[table["layer"] == self.layer].groupby("bin_width")["slope"]
        if by_width.ngroups == 0:
            raise Undecidable(f"the units of layer {self.layer} have no slopes")
        values = by_width.mean() if self.statistic == "mean" else by_width.std(ddof=0)
        falling = by_width.apply(lambda slopes: (slopes < 0).mean())
        text = "; ".join(
            f"{values[width]:.2g} (width {width:g}, {100 * falling[width]:.0f} % of units fall)"
            for width in values.index
        )
        return Quantity(f"{NAMES[self.statistic]} {text}", values.max(), values.max())
