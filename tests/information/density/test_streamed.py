"""The GPU's density sums, interpreted on a CPU, against float64."""

import os

os.environ["TRITON_INTERPRET"] = "1"  # read when kernels are imported

import math

import pytest
import torch

from ib_runner.information.density import streamed
from ib_runner.information.density.blocked import blocked_log_kernel_sums
from ib_runner.information.density.streamed import error_bound, streamed_log_kernel_sums


@pytest.mark.parametrize(
    ("m", "n", "d", "spread"), [(70, 300, 5, 3.0), (3, 129, 1, 0.1), (65, 1, 9, 30.0)]
)
def test_sums_are_those_of_float64(m, n, d, spread):
    """Blocks that are not full, one centre, points on centres."""
    generator = torch.Generator().manual_seed(m)
    points, centres = (spread * torch.randn(k, d, generator=generator) + 7.0 for k in (m, n))
    points[0] = centres[-1]
    sums = streamed_log_kernel_sums(points, centres, 0.5, 1e-3)
    exact = blocked_log_kernel_sums(points, centres, 0.5)
    assert sums.dtype == torch.float64
    assert float((sums - exact).abs().max()) < 1e-3


def test_points_that_float32_cannot_hold_are_computed_in_float64():
    """Clouds a million β from the first centre: float32 resolves 0.1 β there."""
    centres = torch.tensor([[0.0, 0.0], [1e6, 1e6], [1e6, 1e6 + 3]], dtype=torch.float64)
    points = torch.tensor([[1e6 + 0.3, 1e6 + 0.4]], dtype=torch.float64)
    sums = streamed_log_kernel_sums(points, centres, 1.0, 1e-3)
    expected = math.log(math.exp(-0.125) + math.exp(-(0.3**2 + 2.6**2) / 2))
    assert float(sums) == pytest.approx(expected, abs=1e-9)


def test_the_error_is_within_its_bound(monkeypatch):
    """Without the fallback, over clouds whose sums range from sure to unsure."""
    monkeypatch.setattr(
        streamed, "blocked_log_kernel_sums", lambda t, *_: torch.full((len(t),), math.nan)
    )
    generator = torch.Generator().manual_seed(0)
    for spread in (1.0, 10.0, 100.0):
        points, centres = (spread * torch.randn(64, 4, generator=generator) for _ in range(2))
        sums = streamed_log_kernel_sums(points, centres, 1.0, 1e9)
        exact = blocked_log_kernel_sums(points, centres, 1.0)
        square = torch.cdist(points.double(), centres.double()).square().amin(1) / (2 * math.log(2))
        reach = float((points.double() - centres[0]).abs().max()) / math.sqrt(2 * math.log(2))
        bound = error_bound(square, 4, reach, 64)
        assert bool(((sums - exact).abs() <= bound).all())
    assert float(bound.max()) > 1e-3  # the last cloud is one that needs float64
