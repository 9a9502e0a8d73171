"""The correlation of H(Bin(T_ℓ)) and I(X;T_ℓ) over epochs (section 5.1)."""

import pandas as pd

from ib_runner.findings.finding import Quantity, Undecidable
from ib_runner.findings.trajectory import Trajectory
from ib_runner.selections.bins import of_default_width
from ib_runner.selections.context import Context, Tables

#: the fewest epochs for which a rank correlation means anything
FEWEST_EPOCHS = 10


class BinnedEntropyFollows(Trajectory):
    """Spearman's correlation, over epochs, of I(X;T_ℓ) and H(Bin(T_ℓ)) with bins of width 10β."""

    quantity = "the rank correlation of I and H(Bin) over epochs"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        information = self.information(tables, context).set_index("epoch")
        if information["lower"].max() <= information["upper"].min():
            raise Undecidable("I does not vary beyond its intervals: there is nothing to follow")
        table = self.table(tables, "binned_entropy")
        width, rows = of_default_width(table, self.facts(tables))
        entropy = rows[rows["layer"] == information["layer"].iloc[0]].set_index("epoch")["entropy"]
        both = pd.concat([information["mi"], entropy], axis="columns", join="inner")
        if len(both) < FEWEST_EPOCHS:
            known = f"I and H(Bin) are both known at {len(both)} epochs"
            raise Undecidable(f"{known}, {FEWEST_EPOCHS} are needed")
        correlation = float(both["mi"].rank().corr(both["entropy"].rank()))
        text = f"rank correlation {correlation:.2f} over {len(both)} epochs, bin width {width}"
        return Quantity(text, correlation, correlation)
