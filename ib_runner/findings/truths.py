"""What no run may break: 0 ≤ I(X;T_ℓ) ≤ H(X), and data processing."""

from ib_runner.findings.context import Context, Tables
from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.findings.information import best

#: sampling errors that a value may lie above H(X)
STANDARD_ERRORS = 4


class BelowInputEntropy(Finding):
    """The most by which a value of I(X;T_ℓ), by any method, certainly exceeds H(X), nats."""

    quantity = f"the largest excess over H(X), {STANDARD_ERRORS} standard errors allowed (nats),"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        table = self.table(tables, "mutual_information")
        rows = table[table["target"] == "x"].dropna(subset=["mi"])
        if rows.empty:
            raise Undecidable("there is no value of I(X;T)")
        excess = float(
            (rows["mi"] - STANDARD_ERRORS * rows["stderr"].fillna(0) - context.h_x).max()
        )
        text = f"{rows['mi'].max():.3f} at most in {len(rows)} values, H(X) = {context.h_x:.3f}"
        return Quantity(text, excess, excess)


class DataProcessing(Finding):
    """The most by which a layer's lower end exceeds the upper end of the layer before it, nats."""

    quantity = "the largest lower end above the upper end of the layer before (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = best(self.table(tables, "mutual_information"), context.beta)
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
