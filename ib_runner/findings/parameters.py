"""Weights and biases of tiny networks after training (section 4)."""

from typing import Any

from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.selections.context import Context, Tables


class Ratio(Finding):
    """Parameter ``of`` over parameter ``over`` at the end of training."""

    def __init__(self, of: str, over: str, **bounds: Any):
        super().__init__(**bounds)
        self.of = of
        self.over = over
        self.quantity = f"{of} over {over} at the end"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        table = self.table(tables, "parameter")
        last = table[table["epoch"] == table["epoch"].max()].set_index("name")["value"]
        if not {self.of, self.over} <= set(last.index) or last[self.over] == 0:
            raise Undecidable(f"{self.of} and {self.over} are not there, or {self.over} is 0")
        ratio = float(last[self.of] / last[self.over])
        text = f"{self.of} = {last[self.of]:.3g}, {self.over} = {last[self.over]:.3g}"
        return Quantity(f"{text} at epoch {table['epoch'].max()}", ratio, ratio)
