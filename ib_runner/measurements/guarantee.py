"""What the paper's theorems ask for, beside what the certified intervals show."""

import math
from collections.abc import Callable

import pandas as pd

from ib_runner.information import guarantees
from ib_runner.measurements.measurement import rows
from ib_runner.networks.activations import BOUNDS


class Guarantee:
    """For every layer with Gaussian noise; computed from the table ``mutual_information``.

    ``error``: the accuracy, in nats, that ``n`` is asked for (section 3.2: about 0.8, a tenth of
    Fig. 5's vertical scale). Theorems 1 and 5 and eq. (16) are for layers in [−1, 1]^d, so they
    come for bounded activations only. ``eps`` is Theorem 5's, where the theorem allows it.
    """

    table = "guarantee"
    tables_needed = ("mutual_information",)

    def __init__(self, error: float = 0.8, eps: float = 0.01, activation: str | None = None):
        self.error = error
        self.eps = eps
        self.bounded = activation in BOUNDS

    def summarise(
        self, tables: Callable[[str], pd.DataFrame], n_inputs: int, beta: float
    ) -> pd.DataFrame:
        """Rows of the table; ``n_inputs`` is N and ``beta`` the noise of the rows to judge."""
        if beta == 0:
            return rows([])
        table = tables("mutual_information")
        table = table[(table.target == "x") & (table.beta == beta) & table.mi.notna()]
        found = []
        for (layer, dim), measured in table.groupby(["layer", "dim"]):
            for theorem, quantity, value, n in [
                *self._asked(int(dim), beta),
                *self._shown(measured, int(dim), n_inputs, beta),
            ]:
                named = {"layer": layer, "theorem": theorem, "quantity": quantity}
                found.append({**named, "value": value, "n": n})
        return rows(found)

    def _asked(self, dim: int, beta: float) -> list[tuple[str, str, float, float]]:
        mean_square = self.error**2
        sharper = guarantees.theorem_6_sharper(dim)
        asked = [
            ("Theorem 6, sharper", "error of the integration", self.error, sharper),
        ]
        if self.bounded:
            bounded = guarantees.theorem_6_bounded(dim, beta)
            asked.append(("Theorem 6, eq. (16)", "error of the integration", self.error, bounded))
        found = [(a, b, value, _float(rate.samples(mean_square))) for a, b, value, rate in asked]
        if not self.bounded:
            return found
        risk = guarantees.theorem_1(dim, beta)
        found.append(
            ("Theorem 1", "risk of the estimate", self.error, _float(risk.samples(self.error)))
        )
        if guarantees.theorem_5_least_eps(dim, beta) < self.eps:
            n = guarantees.theorem_5_samples(self.error, dim, beta, self.eps)
            found.append(("Theorem 5", "least n without a larger bias", self.error, _float(n)))
        return found

    def _shown(
        self, measured: pd.DataFrame, dim: int, n_inputs: int, beta: float
    ) -> list[tuple[str, str, float, float]]:
        """The widest certified interval, and Theorem 6 at the number of the paper's points."""
        found = []
        certified = measured[measured.method == "coupled"].dropna(subset=["lower", "upper"])
        if len(certified):
            width = float((certified.upper - certified.lower).max())
            n = n_inputs * float(certified.n_x.fillna(1).max())
            found.append(("certified interval", "width at most", width, n))
        paper = measured[measured.method == "paper"]
        if len(paper):
            points = n_inputs * float(paper.n_mc.min())
            rates = {"Theorem 6, sharper": guarantees.theorem_6_sharper(dim)}
            if self.bounded:
                rates["Theorem 6, eq. (16)"] = guarantees.theorem_6_bounded(dim, beta)
            for theorem, rate in rates.items():
                error = math.sqrt(rate.at(points))
                found.append((theorem, "error of h(T) by the paper's method", error, points))
        return found


def _float(n: float) -> float:
    """Counts beyond floating-point numbers are infinite."""
    return float(n) if n < 1e300 else math.inf
