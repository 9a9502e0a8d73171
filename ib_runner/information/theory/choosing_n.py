"""Choosing n in practice: is the estimate stable, and how much does it vary (sections 3.2, 9.4)?

The theorems' n is out of reach, so the paper reduced n as long as the estimate remained stable.
Stability reveals neither a bias that changes slowly with n nor one common to all n (section 9.4).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Estimated(Protocol):
    """Any estimate with a value ``mi`` and a standard error ``stderr``, in nats."""

    mi: float
    stderr: float


@dataclass(frozen=True)
class Step:
    """The estimate ``mi`` ± ``stderr`` with ``n`` samples, and its ``change`` from the n before.

    ``noise`` is the standard error of the change if the two estimates are independent; both are
    NaN for the first n. All in nats.
    """

    n: int
    mi: float
    stderr: float
    change: float
    noise: float


def stability(estimate: Callable[[int], Estimated], ns: Iterable[int]) -> list[Step]:
    """How ``estimate(n)`` moves along ``ns``: one row for each n, in the given order."""
    steps: list[Step] = []
    for n in ns:
        result = estimate(n)
        change = noise = float("nan")
        if steps:
            change = result.mi - steps[-1].mi
            noise = (result.stderr**2 + steps[-1].stderr ** 2) ** 0.5
        steps.append(Step(n, result.mi, result.stderr, change, noise))
    return steps


def bootstrap_variance(
    entropy: Callable[[Tensor], float], centres: Tensor, n_resamples: int, seed: int
) -> float:
    """The variance, in nats², of ``entropy(centres)`` by resampling the rows of ``centres`` [n, d].

    Section 9.4: for h(P̂_n∗φ_β) it tells the variance, never the bias. Raises ``ValueError`` for
    fewer than two resamples.
    """
    if n_resamples < 2:
        raise ValueError(f"n_resamples = {n_resamples}: at least 2 are needed")
    generator = torch.Generator().manual_seed(seed)
    values = [
        entropy(centres[torch.randint(len(centres), (len(centres),), generator=generator)])
        for _ in range(n_resamples)
    ]
    return float(torch.tensor(values, dtype=torch.float64).var())
