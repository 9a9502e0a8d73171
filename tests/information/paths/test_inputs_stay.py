"""A network that writes over its input: paths measure the same, and the inputs stay as they are."""

import pytest
import torch
from torch import nn

from ib_runner.information import estimate_layers
from ib_runner.networks import GaussianNoise


class Shift(nn.Module):
    """Adds 1 to every unit, in place or not."""

    def __init__(self, in_place):
        super().__init__()
        self.in_place = in_place

    def forward(self, x):
        return x.add_(1.0) if self.in_place else x + 1.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_network_that_writes_over_its_input(dtype):
    torch.manual_seed(0)
    linear = nn.Linear(2, 18, bias=False)
    x = torch.tensor([[2.0, 2.0], [2.0, -1.0]], dtype=dtype)
    before, found = x.clone(), []
    for in_place in (False, True):
        layers = (Shift(in_place), GaussianNoise(1.0), linear, nn.Identity(), GaussianNoise(1.0))
        network = nn.Sequential(*layers).eval().to(dtype)
        found.append(estimate_layers(network, x))
        assert torch.equal(x, before)
    for plain, writing in zip(*found, strict=True):
        assert (writing.lower, writing.upper) == (plain.lower, plain.upper)
    assert found[0][0].lower < 0.52677 < found[0][0].upper  # J(2/3), by quadrature
    assert found[0][1].upper < 0.52677
