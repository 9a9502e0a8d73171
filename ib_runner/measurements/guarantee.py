"""Sample sizes that the paper's theorems require, and widths of the certified intervals."""

import math
from collections.abc import Sequence
from typing import Annotated

import pandas as pd

from ib_runner.information.theory import guarantees
from ib_runner.information.theory.guarantees import Rate
from ib_runner.measurements.measurement import rows
from ib_runner.networks.activations import BOUNDS
from ib_runner.rules import FRACTION, POSITIVE, RANGE_OF
from ib_runner.selections.context import Tables, facts
from ib_runner.tables.layers import Layers


class Guarantee:
    """Rows for every layer with Gaussian noise, from the table ``mutual_information``.

    ``error`` is the accuracy, in nats, for which the theorems give a sample size ``n`` (section
    3.2: about 0.8, a tenth of Fig. 5's vertical scale). ``eps`` is that of Theorem 5, where the
    theorem allows it. Theorems 1 and 5 and eq. (16) need layers in [−1, 1]^d, so that other
    activations have no rows of these; ``activation`` None: ranges are those found from the network.

    Layers outside [−1, 1]^d have eq. (17) in place of (16), if the table ``distance_histogram``
    exists: its second moment, given in ``quantity``, is estimated from the measured inputs, see
    :func:`moments`. Theorems 3 and 4 have no rows: (7) needs a K that bounds the tails of S in all
    directions, which no sample can show, and (11) is for layers in [−1, 1]^d.
    """

    table = "guarantee"
    tables_needed = ("mutual_information", "layers")

    def __init__(
        self,
        error: Annotated[float, POSITIVE] = 0.8,
        eps: Annotated[float, FRACTION] = 0.01,
        activation: Annotated[str | None, RANGE_OF] = None,
    ):
        self.error = error
        self.eps = eps
        self.activation = activation

    def summarise(self, tables: Tables) -> pd.DataFrame:
        """The rows of the table, for the network at its own noise level."""
        layers, table = facts(tables), tables("mutual_information")
        table = layers.at_own_noise(table[(table.target == "x") & table.mi.notna()])
        moment_of = moments(tables)
        found = []
        for (layer, dim, beta), measured in table[table.beta > 0].groupby(["layer", "dim", "beta"]):
            bounded = self._bounded(layers, layer)
            moment = None if bounded else moment_of.get(layer)
            integration = self._theorem_6(int(dim), beta, bounded, moment)
            for theorem, quantity, value, n in [
                *self._asked(int(dim), beta, bounded, integration),
                *self._shown(measured, layers.n_inputs, integration),
            ]:
                named = {"layer": layer, "theorem": theorem, "quantity": quantity}
                found.append({**named, "value": value, "n": n})
        return rows(found)

    def _bounded(self, layers: Layers, layer: int) -> bool:
        """Whether S of ``layer`` lies in [−1, 1]^d, as the theorems assume."""
        named = BOUNDS.get(self.activation) if self.activation else layers.bounds(layer)
        return named is not None and named[0] >= -1 and named[1] <= 1

    def _theorem_6(
        self, dim: int, beta: float, bounded: bool, moment: float | None
    ) -> list[tuple[str, str, Rate]]:
        """The applicable forms of Theorem 6: name, assumption in words, and rate."""
        found = [("Theorem 6, sharper", "", guarantees.theorem_6_sharper(dim))]
        if bounded:
            found.append(("Theorem 6, eq. (16)", "", guarantees.theorem_6_bounded(dim, beta)))
        elif moment is not None:
            rate = guarantees.theorem_6_second_moment(dim, beta, moment)
            found.append(("Theorem 6, eq. (17)", f", E|S − E S|² ≈ {moment:.3g}", rate))
        return found

    def _asked(
        self,
        dim: int,
        beta: float,
        bounded: bool,
        integration: Sequence[tuple[str, str, Rate]],
    ) -> list[tuple[str, str, float, float]]:
        found = [
            (
                theorem,
                f"error of the integration{given}",
                self.error,
                _float(rate.samples(self.error**2)),
            )
            for theorem, given, rate in integration
        ]
        if not bounded:
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
        self, measured: pd.DataFrame, n_inputs: int, integration: Sequence[tuple[str, str, Rate]]
    ) -> list[tuple[str, str, float, float]]:
        """The widest certified interval, and Theorem 6's error for the paper's sample sizes."""
        found = []
        certified = measured[measured.method == "coupled"].dropna(subset=["lower", "upper"])
        if len(certified):
            width = float((certified.upper - certified.lower).max())
            n = n_inputs * float(certified.n_x.fillna(1).max())
            found.append(("certified interval", "width at most", width, n))
        paper = measured[measured.method == "paper"]
        if len(paper):
            points = n_inputs * float(paper.n_mc.min())
            for theorem, given, rate in integration:
                quantity = f"error of h(T) by the paper's method{given}"
                found.append((theorem, quantity, math.sqrt(rate.at(points)), points))
        return found


def moments(tables: Tables) -> dict[int, float]:
    """By layer, E|S − E S|² in the squared unit of S: the largest over the epochs.

    This is M_C of eq. (17), whose error does not change where S is shifted. Estimated as half the
    mean squared distance between the noisy T of two inputs, rather too large: it includes d·β² of
    the noise, and a distance counts as the upper end of its bin. Layers without finite distances
    between noisy representations are left out.
    """
    try:
        table = tables("distance_histogram")
    except (FileNotFoundError, KeyError):
        return {}
    table = table[table.noise.astype(bool)]
    sums = (
        table.assign(squares=table["count"] * table.right**2)
        .groupby(["layer", "epoch"])[["squares", "count"]]
        .sum()
    )
    found = (sums.squares / sums["count"] / 2).groupby("layer").max()
    return {layer: moment for layer, moment in found.items() if math.isfinite(moment)}


def _float(n: float) -> float:
    """``n`` as a float, infinite where it is too large for one."""
    return float(n) if n < 1e300 else math.inf
