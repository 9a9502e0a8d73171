"""How well the network classifies at the end of training."""

from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.selections.context import Context, Tables


class Accuracy(Finding):
    """The test accuracy, a fraction, at the last epoch, without noise."""

    quantity = "the test accuracy"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        table = self.table(tables, "training")
        last = table[table["split"] == "test"].sort_values("epoch").iloc[-1]
        accuracy = last["accuracy"]
        if accuracy != accuracy:
            raise Undecidable("a regression has no accuracy")
        text = f"{100 * accuracy:.1f} % of the test inputs at epoch {last['epoch']}"
        return Quantity(text, accuracy, accuracy)
