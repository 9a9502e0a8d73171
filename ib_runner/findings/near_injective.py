"""Whether a binned layer distinguishes all inputs, so that H(Bin(T_ℓ)) ≈ H(X) (Fig. 7)."""

from collections.abc import Sequence
from typing import Any

from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.selections.bins import of_width
from ib_runner.selections.context import Context, Tables


class NearInjective(Finding):
    """The largest H(X) − H(Bin(T_ℓ)), nats, over ``layers`` and epochs, bins ``bin_width`` wide."""

    quantity = "the largest H(X) − H(Bin) (nats)"

    def __init__(self, layers: Sequence[int], bin_width: float, **bounds: Any):
        super().__init__(**bounds)
        self.layers = list(layers)
        self.bin_width = bin_width

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = of_width(self.table(tables, "binned_entropy"), self.bin_width)
        rows = rows[rows["layer"].isin(self.layers)]
        if set(rows["layer"]) != set(self.layers):
            raise Undecidable(
                f"layers {', '.join(map(str, self.layers))} are not all measured with bins of "
                f"width {self.bin_width:g}"
            )
        lowest = rows.loc[rows["entropy"].idxmin()]
        h_x = self.facts(tables).h_x
        text = (
            f"{lowest['entropy']:.3f} nats or more (least in layer {lowest['layer']:g}, epoch "
            f"{lowest['epoch']:g}), H(X) = {h_x:.3f}"
        )
        short = float(h_x - lowest["entropy"])
        return Quantity(text, short, short)
