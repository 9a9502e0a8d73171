"""The pilot: a few inputs and points from which the sizes of clouds are chosen; then discarded.

For some inputs clouds A and B are drawn larger than may be needed, and ln p̂(t|x) and ln q(t|x)
are averaged over the same points for the clouds' first 256, 512, … draws. One Gaussian for every
input gives the spread of the bounds' terms and the number of inputs near a point.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ib_runner.information.interval.bounds import Points, bound_x
from ib_runner.information.interval.clouds import (
    densities_of_own,
    in_sample,
    lengths_of,
    owners_of,
    sums_at,
)
from ib_runner.information.interval.mixtures import LN2, Densities, fit, own_densities
from ib_runner.information.interval.sizes import DELTAS, N_O, N_X, Pilot
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream

#: numbers of Gaussians per cloud that are tried; 4 and 16 only where one Gaussian, with any number
#: of draws, leaves a gap between the bounds of more than ``_GAP_LEFT`` times the target width
COMPONENTS = (1, 4, 16)
_GAP_LEFT = 0.15
_MANY = 2**30
#: draws and Gaussians per input of the densities that the pilot sums over all inputs
BASE = (256, 1)
_INPUTS, _POINTS, _POINTS_IN_ALL = 192, 16, 4096
#: the pilot's points at which sums over all inputs are evaluated
_SUMMED = 2048
#: neighbouring inputs that true forward passes draw together; the fused kernel draws any
_GROUP = 16
#: the most draws for one cloud (A or B) of all the pilot's inputs together
_DRAWS = 2**17
#: the share of the budget that the pilot may use, and the budget above which its cost is constant
_SHARE, _ENOUGH = 0.25, 10**9


@dataclass(frozen=True)
class Plan:
    """The pilot's inputs (ranges of a few consecutive ones), points per input, sizes of clouds."""

    groups: Sequence[tuple[int, int]]
    n_mc: int
    sizes_x: Sequence[int]
    sizes_o: Sequence[int]

    @property
    def n_inputs(self) -> int:
        return sum(last - first for first, last in self.groups)

    def most_evaluations(self, n: int) -> int:
        """An upper bound of the kernel evaluations for one layer and ``n`` inputs."""
        own = sum(self.sizes_x)
        fitted = (len(self.sizes_o) + 1) * sum(COMPONENTS)
        return self.n_inputs * self.n_mc * (own + fitted + n)


def plan(sampler: Sampler, budget: float) -> Plan | None:
    """The pilot for ``sampler``'s inputs; None if ``budget`` (kernel evaluations) is too small."""
    n = len(sampler)
    group = 1 if sampler.plain is not None else _GROUP
    chosen = np.random.default_rng(sampler.seed).permutation(-(-n // group))[: _INPUTS // group]
    ranges = [(group * g, min(group * (g + 1), n)) for g in np.sort(chosen).tolist()]
    n_inputs = sum(last - first for first, last in ranges)
    most = max(512, _DRAWS // n_inputs)
    n_mc = max(_POINTS, _POINTS_IN_ALL // n_inputs)
    sizes_x = [size for size in N_X if n_mc <= size <= most]
    sizes_o = [size for size in N_O if size <= most]
    one = Plan(ranges, 1, sizes_x, sizes_o).most_evaluations(n)
    n_mc = min(n_mc, int(_SHARE * min(budget, _ENOUGH) / one))
    return Plan(ranges, n_mc, sizes_x, sizes_o) if n_mc >= 2 else None


def run(
    sampler: Sampler,
    layers: Sequence[Layer],
    plan: Plan,
    densities: dict[int, Densities],
    highest: float,
    target_width: float,
) -> dict[int, Pilot]:
    """The pilot's results for every layer; ``densities`` of all inputs have the sizes ``BASE``.

    ``highest`` is H(X), nats.
    """
    drawn = [
        _draw(sampler, layers, plan.groups, n, purpose, densities)
        for n, purpose in (
            (plan.sizes_x[-1], Stream.PILOT_A),
            (plan.sizes_o[-1], Stream.PILOT_B),
        )
    ]
    return {
        layer.number: _of_layer(
            sampler,
            layer,
            plan,
            *(clouds[layer.number] for clouds in drawn),
            densities[layer.number],
            highest,
            target_width,
        )
        for layer in layers
    }


def _draw(
    sampler: Sampler,
    layers: Sequence[Layer],
    groups: Sequence[tuple[int, int]],
    n: int,
    purpose: Stream,
    densities: dict[int, Densities],
) -> dict[int, np.ndarray]:
    """``n`` draws for the inputs of ``groups``, in noise units: [inputs, d, draws] by layer."""
    inputs = owners_of(groups)
    about = {layer.number: densities[layer.number].centres[inputs] for layer in layers}
    return sampler.clouds(inputs, dict.fromkeys(about, n), purpose, lengths_of(layers), about)[0]


def _of_layer(
    sampler: Sampler,
    layer: Layer,
    plan: Plan,
    clouds: np.ndarray,
    fitted_to: np.ndarray,
    densities: Densities,
    highest: float,
    target_width: float,
) -> Pilot:
    """The pilot of one layer from clouds A and B of the groups' inputs, [inputs, d, draws]."""
    inputs = owners_of(plan.groups)
    own, points = _own(sampler, layer, plan, clouds)
    origin = densities.centres[inputs]

    def fitted(n_o: int, components: int) -> float:
        mixtures = fit(np.ascontiguousarray(fitted_to[:, :, :n_o]), components)
        found = own_densities(
            points.t, np.arange(len(origin)), Densities(origin, mixtures, densities.length)
        )
        return float(found.mean()) * LN2

    sizes_o = [1] if layer.exact else plan.sizes_o
    tried = {(n_o, 1): fitted(n_o, 1) for n_o in sizes_o}
    summed = points.first(max(2, _SUMMED // plan.n_inputs))
    one_class = np.zeros(len(densities.centres), np.int64)
    sums = sums_at(summed, plan.groups, densities, one_class)
    distance = float((summed.log2_own_cloud - sums.own).mean()) * LN2
    bounds = {delta: bound_x(summed, sums, len(densities.centres), delta) for delta in DELTAS}
    pilot = Pilot(
        own=own,
        fitted=tried,
        base=(1, (1, 1)) if layer.exact else (plan.sizes_x[-1], BASE),
        upper=float(bounds[DELTAS[0]].upper.mean()),
        loss={
            delta: float(bound.upper.mean() - bound.lower.mean()) - distance
            for delta, bound in bounds.items()
        },
        spread={delta: _spread(b.upper) + _spread(b.lower) for delta, b in bounds.items()},
        posterior=float(np.exp2(sums.own - sums.total).mean()),
        near=sums.evaluations / sums.own.size,
    )
    if layer.exact:
        return pilot
    if pilot.gap(_MANY, _MANY, 1, DELTAS[0], highest) > _GAP_LEFT * target_width:
        for components in COMPONENTS[1:]:
            tried.update({(n_o, components): fitted(n_o, components) for n_o in sizes_o})
    return pilot


def _own(
    sampler: Sampler, layer: Layer, plan: Plan, clouds: np.ndarray
) -> tuple[dict[int, float], Points]:
    """E ln p̂(t|x), nats, by the size of ``clouds`` [inputs, d, n_x]; and the points.

    The points are the same for all sizes: each is made of one of the first draws.
    """
    inputs = owners_of(plan.groups)
    t, references = in_sample(sampler, layer, inputs, clouds, plan.n_mc, Stream.PILOT_POINTS)
    found, points = {}, Points(t, references)
    for n_x in [1] if layer.exact else plan.sizes_x:
        points = Points(t, densities_of_own(t, references, clouds[:, :, :n_x]))
        found[n_x] = float(points.log2_own_cloud.mean()) * LN2
    return found, points


def _spread(terms: np.ndarray) -> float:
    """√ of the mean variance of ``terms`` [n, m] within rows."""
    return float(np.sqrt(terms.var(1, ddof=1).mean()))
