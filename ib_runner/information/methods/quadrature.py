"""I(X;T) of layers of one unit by quadrature.

The intervals cover the integrals' numerical error and the rounding in the network.
"""

import numpy as np

from ib_runner.information.estimate import Status, Values
from ib_runner.information.exact.gaussian_layers import rounding
from ib_runner.information.exact.one_unit_layers import NEEDS, PANEL, Line, is_line, line
from ib_runner.information.exact.quadrature import Integral
from ib_runner.information.labels import Labels
from ib_runner.information.methods.base import Method
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.task import Task


class Quadrature(Method):
    """I(X;T), and I(Y;T) given labels, for layers of one unit."""

    name = "quadrature"
    needs = NEEDS
    labels = True

    def covers(self, sampler: Sampler, layer: Layer) -> bool:
        return is_line(sampler, layer)

    def values(self, task: Task, layer: Layer, prepared: object) -> dict[str, Values]:
        fine, coarse = (line(task.sampler, layer, panel) for panel in (PANEL, 2 * PANEL))
        everything = np.arange(len(task.sampler))
        (h_t,), (rough,) = fine.entropies([everything]), coarse.entropies([everything])
        found = {}
        for target, of in task.targets:
            given, roughly_given = (_conditional(one, of) for one in (fine, coarse))
            value = h_t.value - given.value
            error = h_t.error + given.error
            if fine.weights is not None:
                error += abs(value - (rough.value - roughly_given.value))
            error += rounding(task.sampler, layer)
            bounds = np.clip([value - error, value + error], 0.0, of.entropy)
            found[target] = Values(
                mi=float(np.clip(value, *bounds)),
                stderr=0.0,
                lower=float(bounds[0]),
                upper=float(bounds[1]),
                h_t=h_t.value if target == "x" else None,
                h_t_given_x=given.value if target == "x" else None,
                status=Status.of(*bounds, of.entropy, task.settings.target_width),
            )
        return found


def _conditional(given_x: Line, of: Labels) -> Integral:
    """h(T|label), nats: the mean over the classes of ``of``, weighted by their sizes."""
    if given_x.weights is None and of.sizes.max() == 1:
        return Integral(0.5 * float(np.log(2 * np.pi * np.e)) + float(np.log(given_x.beta)), 0.0)
    shares = np.bincount(of.classes) / len(of.classes)
    parts = given_x.entropies([np.flatnonzero(of.classes == c) for c in range(len(shares))])
    value = sum(share * part.value for share, part in zip(shares, parts, strict=True))
    return Integral(float(value), max(part.error for part in parts))
