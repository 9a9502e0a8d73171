"""A finding: what one expects of a run, as a number with a bound."""

from ib_runner.findings.finding import Finding, Quantity
from ib_runner.selections.context import Context, Tables


class ProbeGain(Finding):
    """How much better than the input the last layer can be read, at the last measured epoch.

    ``expected``, ``at_least``, ``at_most`` and ``min_epoch`` are keys of every finding.
    """

    quantity = "the gain of a linear probe from input to last layer"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        table = self.table(tables, "linear_probe")
        end = table[table["epoch"] == table["epoch"].max()].sort_values("layer")["accuracy"]
        gain = end.iloc[-1] - end.iloc[0]
        return Quantity(f"from {end.iloc[0]:.1%} to {end.iloc[-1]:.1%}", gain, gain)
