"""Networks as users write them, measured with the inputs ±1, where I(X;T) is known."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from ib_runner.errors import UnmeasurableError, UsageError
from ib_runner.information import mutual_information

#: I(±1; ±1 + N(0, s²)) in nats, by s
J = {0.5: 0.63272, math.sqrt(0.5): 0.50007, 1.0: 0.33683, 2.0: 0.11142, math.sqrt(2): 0.20135}
X = torch.tensor([[-1.0], [1.0]])


def same(weight=1.0):
    linear = nn.Linear(1, 1)
    with torch.no_grad():
        linear.weight.fill_(weight)
        linear.bias.zero_()
    return linear


class Net(nn.Module):
    """A network whose forward pass is a given function of its modules and x."""

    def __init__(self, forward, *modules):
        super().__init__()
        self.layers = nn.ModuleList(modules)
        self.function = forward

    def forward(self, x):
        return self.function(self.layers, x)


def holds(network, truth, x=X, layer=1, **settings):
    """Assert that the interval of ``layer`` holds ``truth``; data and generator stay unchanged."""
    before = copy.deepcopy(x), torch.get_rng_state()
    found = mutual_information(network, x, layer=layer, target_width=0.03, **settings)
    assert found.lower <= truth + 1e-5
    assert truth - 1e-5 <= found.upper
    assert found.upper - found.lower < 0.05
    assert np.array_equal(np.asarray(x), np.asarray(before[0]))
    assert torch.equal(torch.get_rng_state(), before[1])


def refused(network, x, *sentences, layer=1):
    before = copy.deepcopy(x), torch.get_rng_state()
    with pytest.raises(UnmeasurableError) as caught:
        mutual_information(network, x, layer=layer)
    for sentence in sentences:
        assert sentence in str(caught.value)
    assert isinstance(caught.value, UsageError)
    assert isinstance(caught.value, ValueError)
    assert np.array_equal(np.asarray(x), np.asarray(before[0]))
    assert torch.equal(torch.get_rng_state(), before[1])
