"""The dense path, the one for GPUs, held against the tree on every device there is."""

import pytest
import torch

from ib_runner.information.density import blocked
from ib_runner.information.density.blocked import blocked_log_kernel_sums
from ib_runner.information.density.mixture_density import log_mixture_density

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no GPU here"))]  # fmt: skip


def inputs(dtype, device, *, d=3, spread=5.0):
    g = torch.Generator().manual_seed(0)
    centres = spread * torch.randn(3000, d, generator=g, dtype=torch.float64)
    points = centres[:70] + torch.randn(70, d, generator=g, dtype=torch.float64)
    return points.to(device, dtype), centres.to(device, dtype)


def exact(points, centres, beta):
    square = ((points.double()[:, None] - centres.double()) ** 2).sum(2)
    return torch.logsumexp(-square / (2 * beta**2), 1)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spread", [0.0, 5.0, 1e7])
def test_values_by_blocks(device, dtype, spread, monkeypatch):
    monkeypatch.setattr(blocked, "BLOCK_POINTS", 32)
    monkeypatch.setattr(blocked, "BLOCK_ELEMENTS", {"cpu": 1 << 15, "cuda": 1 << 15})
    points, centres = inputs(dtype, device, spread=spread)
    found = blocked_log_kernel_sums(points, centres, 1.0)
    assert found.device == points.device
    torch.testing.assert_close(found, exact(points, centres, 1.0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("device", DEVICES)
def test_mixed_dtypes_far_points_and_offsets(device):
    points, centres = inputs(torch.float64, device)
    points[3] += 1e4
    found = blocked_log_kernel_sums(points.float() + 1024, centres + 1024, 0.5)
    torch.testing.assert_close(
        found, exact(points.float() + 1024, centres + 1024, 0.5), atol=1e-5, rtol=1e-12
    )


@pytest.mark.parametrize("device", DEVICES)
def test_coordinates_that_overflow_in_units_of_beta(device):
    points, centres = inputs(torch.float64, device)
    points[0], centres[5] = 1e300, 1e300
    found = blocked_log_kernel_sums(points, centres, 1e-10)
    assert found[0] == 0.0
    assert not found.isnan().any()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_the_devices_agree():
    points, centres = inputs(torch.float32, "cpu")
    here = log_mixture_density(points, centres, 0.7)
    there = log_mixture_density(points.cuda(), centres.cuda(), 0.7)
    assert there.is_cuda
    torch.testing.assert_close(here, there.cpu(), atol=1e-3, rtol=0)
