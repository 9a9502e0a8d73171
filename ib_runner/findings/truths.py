"""Inequalities that hold in every run: 0 ≤ I(X;T_ℓ) ≤ H(X), and data processing."""

from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.selections.context import Context, Tables
from ib_runner.selections.information import CERTIFIED, EXACT, best


class BelowInputEntropy(Finding):
    """The largest excess of I(X;T_ℓ) over H(X), at any noise level, nats.

    Only lower ends of certified intervals and exact values count: the other methods are biased, and
    may exceed H(X) without an error in the program.
    """

    quantity = "the largest excess over H(X) of a certified lower end or an exact value (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        table = self.table(tables, "mutual_information")
        table = table[table["target"] == "x"].dropna(subset=["mi"])
        ends = table[table["method"] == CERTIFIED].dropna(subset=["lower", "upper"])["lower"]
        exact = table[table["method"] == EXACT]["mi"]
        if ends.empty and exact.empty:
            raise Undecidable("there is no certified interval and no exact value of I(X;T)")
        listed = [
            f"{values.max():.3f} the highest of {len(values)} {kind}"
            for values, kind in ((ends, "certified lower ends"), (exact, "exact values"))
            if len(values)
        ]
        h_x = self.facts(tables).h_x
        excess = max(float(one.max()) for one in (ends, exact) if len(one)) - h_x
        return Quantity(f"{', '.join(listed)}; H(X) = {h_x:.3f}", excess, excess)


class DataProcessing(Finding):
    """The largest excess, nats, of a layer's lower end over the upper end of the layer before."""

    quantity = "the largest lower end above the upper end of the layer before (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = best(self.table(tables, "mutual_information"), self.facts(tables))
        lower = rows.pivot_table(index="epoch", columns="layer", values="lower")
        upper = rows.pivot_table(index="epoch", columns="layer", values="upper")
        excess = (lower - upper.shift(axis="columns")).stack().dropna()
        if excess.empty:
            raise Undecidable("there are no two layers with intervals at one epoch")
        epoch, layer = excess.idxmax()
        text = (
            f"{excess.max():.3f} nats at most (layer {layer}, epoch {epoch}), "
            f"above 0 in {(excess > 0).sum()} of {len(excess)} pairs of layers"
        )
        return Quantity(text, float(excess.max()), float(excess.max()))
