"""The mixture density against float64 brute force, its invariances and its errors."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ib_runner.information.density import log_mixture_density

TOLERANCE = 1e-3


def exact(points, centres, beta):
    """Every difference and the log-sum-exp in float64."""
    t, c = points.double(), centres.double()
    d = t.shape[1]
    exponents = -((t[:, None] - c) ** 2).sum(2) / (2 * beta**2)
    log_sums = torch.logsumexp(exponents, 1)
    return log_sums - math.log(len(c)) - d / 2 * math.log(2 * math.pi * beta**2)


def clouds(seed, *, m=40, n_clouds=20, per_cloud=30, d=3, spread=0.05, beta=0.01, dtype=None):
    """Clouds of random shape in a cube of side ``spread``, and noisy draws from them."""
    g = torch.Generator().manual_seed(seed)
    means = spread * torch.rand(n_clouds, 1, d, generator=g, dtype=torch.float64)
    stretch = 2 * beta * torch.rand(n_clouds, 1, d, generator=g, dtype=torch.float64)
    noise = torch.randn(n_clouds, per_cloud, d, generator=g, dtype=torch.float64)
    centres = (means + stretch * noise).reshape(-1, d)
    drawn = torch.randint(len(centres), (m,), generator=g)
    points = centres[drawn] + beta * torch.randn(m, d, generator=g, dtype=torch.float64)
    return points.to(dtype or torch.float64), centres.to(dtype or torch.float64)


def assert_within_tolerance(points, centres, beta, tolerance=TOLERANCE):
    found = log_mixture_density(points, centres, beta, tolerance=tolerance)
    assert found.shape == (len(points),)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, exact(points, centres, beta), atol=tolerance, rtol=1e-13)


@settings(max_examples=150, deadline=None)
@given(
    d=st.integers(1, 16),
    m=st.integers(1, 60),
    n=st.integers(1, 1500),
    beta=st.sampled_from([1e-6, 5e-3, 1.0, 1e4]),
    spread=st.sampled_from([0.0, 0.3, 3.0, 30.0, 1e4]),
    copies=st.integers(1, 5),
    point_noise=st.sampled_from([0.0, 1.0, 12.0]),
    dtypes=st.sampled_from(
        [
            (torch.float32,) * 2,
            (torch.float64,) * 2,
            (torch.float32, torch.float64),
            (torch.float64, torch.float32),
        ]
    ),
    seed=st.integers(0, 10**6),
)
def test_every_value_is_within_the_tolerance(
    d, m, n, beta, spread, copies, point_noise, dtypes, seed
):
    g = torch.Generator().manual_seed(seed)
    distinct = torch.randn(-(-n // copies), d, generator=g, dtype=torch.float64) * spread
    centres = (beta * distinct).repeat(copies, 1)[:n].to(dtypes[1])
    drawn = centres[torch.randint(n, (m,), generator=g)].double()
    noise = torch.randn(m, d, generator=g, dtype=torch.float64)
    assert_within_tolerance((drawn + beta * point_noise * noise).to(dtypes[0]), centres, beta)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 7, 10])
@pytest.mark.parametrize("spread", [0.01, 0.2, 5.0])
def test_crowded_touching_and_separate_clouds(d, spread):
    points, centres = clouds(1, m=300, n_clouds=40, per_cloud=100, d=d, spread=spread)
    assert_within_tolerance(points, centres, 0.01)
