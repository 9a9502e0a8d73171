"""Pairwise bounds on the entropy of a mixture (Kolchinsky & Tracey, 2017; footnote 4).

For components p_x with a distance D between them, the mixture's entropy h(T) and
Ĥ_D = h(T|X) − mean_x ln mean_x' exp(−D(p_x, p_x')) compare as Ĥ_Cα ≤ h(T) ≤ Ĥ_KL. So

    −mean_x ln mean_x' exp(−Cα) ≤ I(X;T) ≤ −mean_x ln mean_x' exp(−KL).

For Gaussians of one covariance β²·I, KL = Δ²/2β² and Cα = α(1 − α)·Δ²/2β² with Δ the distance of
the means. The lower bound is tightest at α = 1/2, the Bhattacharyya distance Δ²/8β². Only such
components will do: layer 1 of any network, and all layers of a linear one once whitened.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from ib_runner.information.estimate import Status, Values
from ib_runner.information.exact import gaussian_layers
from ib_runner.information.methods.base import Method
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.task import Task, nothing_certified

_PAIRS_AT_ONCE = 4_000_000


def pairwise_bounds(centres: Tensor, beta: float) -> tuple[float, float]:
    """Lower and upper bound, in nats, on I(X;T) for X uniform and T given x N(centre, beta²·I).

    ``centres`` [N, d]. Both lie in [0, ln N].

    Raises ``ValueError`` for other shapes, values that are not finite, or beta ≤ 0.
    """
    if centres.ndim != 2 or 0 in centres.shape or not centres.isfinite().all():
        raise ValueError(f"centres of shape {tuple(centres.shape)}: [N, d], finite, is needed")
    if not 0.0 < beta < math.inf:
        raise ValueError(f"beta = {beta}: a positive standard deviation is needed")
    centres = centres.detach().to("cpu", torch.float64)
    lower, upper = 0.0, 0.0
    rows = max(1, _PAIRS_AT_ONCE // len(centres))
    for own in centres.split(rows):
        # differences, not a matrix product: clusters are tight and far from the origin
        kernel = torch.cdist(own, centres, compute_mode="donot_use_mm_for_euclid_dist")
        kernel.div_(beta).square_().mul_(-1.0 / 8.0).exp_()
        # every sum contains the component's own term, 1, so that no sum underflows
        lower -= float(kernel.sum(1).log().sum())
        upper -= float(kernel.square_().square_().sum(1).log().sum())
    return tuple(
        max(0.0, math.log(len(centres)) + total / len(centres)) for total in (lower, upper)
    )


class _Pairwise(Method):
    needs = gaussian_layers.NEEDS

    def covers(self, sampler: Sampler, layer: Layer) -> bool:
        return gaussian_layers.is_gaussian(sampler, layer)

    def values(self, task: Task, layer: Layer, prepared: object) -> Mapping[str, Values]:
        budget = task.settings.budget
        if budget is not None and len(task.sampler) ** 2 > budget:  # a part of the sum is no bound
            return nothing_certified(task)
        lower, upper = self._bounds(task, layer)
        return {"x": self._of(lower, upper, task.inputs.entropy)}

    @abstractmethod
    def _of(self, lower: float, upper: float, highest: float) -> Values:
        """The method's values from both bounds; ``highest`` is H(X), nats."""

    def _bounds(self, task: Task, layer: Layer) -> tuple[float, float]:
        """The lower and the upper bound in nats, each limited to at most H(X)."""
        lower, upper = pairwise_bounds(*gaussian_layers.in_unit_noise(task.sampler, layer))
        moved = gaussian_layers.rounding(task.sampler, layer)
        highest = task.inputs.entropy
        return min(max(lower - moved, 0.0), highest), min(upper + moved, highest)


class PairwiseLower(_Pairwise):
    """[the lower bound, H(X)] for layers whose T given x is Gaussian; ``mi`` is the bound."""

    name = "pairwise_lower"

    def _of(self, lower: float, upper: float, highest: float) -> Values:
        return _values(lower, (lower, highest), highest)


class PairwiseUpper(_Pairwise):
    """[0, the upper bound] for layers whose T given x is Gaussian; ``mi`` is the bound."""

    name = "pairwise_upper"

    def _of(self, lower: float, upper: float, highest: float) -> Values:
        return _values(upper, (0.0, upper), highest)


def _values(mi: float, interval: tuple[float, float], highest: float) -> Values:
    saturated = Status.tells_apart(interval[0], highest)
    return Values(
        mi=mi,
        stderr=0.0,
        lower=interval[0],
        upper=interval[1],
        status=Status.SATURATED if saturated else Status.NOT_CERTIFIED,
    )
