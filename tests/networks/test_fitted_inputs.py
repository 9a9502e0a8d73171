"""Conversion of inputs to the number type that a network takes."""

import numpy as np
import pytest
import torch
from torch import nn

from ib_runner.datasets.arrays import as_inputs
from ib_runner.errors import UnmeasurableError
from ib_runner.networks import GaussianNoise
from ib_runner.networks.fitted_inputs import fitted


@pytest.mark.parametrize(
    "kind",
    [*"bBhHiIlLqQ?", "e", "f", "d"],
)
def test_every_number_type_reaches_a_linear_layer(kind):
    x = np.array([[0, 1], [1, 1]]).astype(kind)
    for trusted in (False, True):  # with and without passes to try the types
        network = nn.Sequential(nn.Linear(2, 2), GaussianNoise(0.1))
        found = fitted(network, as_inputs(x), trusted=trusted)
        assert found.dtype == torch.float32
        assert found.tolist() == [[0.0, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize("kind", "bBhHiIlLqQ?")
def test_whole_numbers_stay_whole_for_an_embedding(kind):
    x = np.array([[0, 1], [1, 1]]).astype(kind)
    found = fitted(nn.Sequential(nn.Embedding(2, 3), GaussianNoise(0.1)), as_inputs(x))
    assert not found.is_floating_point()
    assert found.tolist() == [[0, 1], [1, 1]]


def test_numbers_beyond_the_networks_precision():
    network = nn.Sequential(nn.Linear(1, 1), GaussianNoise(0.1))
    with pytest.raises(UnmeasurableError, match="x as float32 has values that are NaN or infinite"):
        fitted(network, as_inputs([[1e300], [0.0]]))


def test_real_numbers_get_the_type_of_the_weights():
    network = nn.Sequential(nn.Linear(2, 2), GaussianNoise(0.1))
    for kind in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        x = torch.ones(3, 2, dtype=kind)
        assert fitted(network.float(), x).dtype == torch.float32
        assert fitted(network.double(), x).dtype == torch.float64
