"""Users' own data as inputs to measure."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import nn
from torch.utils import data as torch_data

from ib_runner.datasets.measured import measured_split
from ib_runner.errors import UnmeasurableError
from ib_runner.information import binned_entropy, mutual_information
from ib_runner.networks import GaussianNoise

X = torch.arange(24.0).reshape(12, 2)
Y = torch.arange(12) % 3


class Pairs(torch_data.Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, number):
        return X[number].numpy(), int(Y[number])


class Stream(torch_data.IterableDataset):
    def __iter__(self):
        return ((x, int(y)) for x, y in zip(X, Y, strict=True))


class Shaky(Pairs):
    """Draws from the global generator, as transforms do."""

    def __getitem__(self, number):
        torch.rand(1)
        return super().__getitem__(number)


LOADER = torch_data.DataLoader


@pytest.mark.parametrize(
    "data",
    [
        torch_data.TensorDataset(X, Y),
        Pairs(),
        Stream(),
        Shaky(),
        torch_data.Subset(Pairs(), range(12)),
        LOADER(Pairs(), batch_size=5),
        LOADER(Pairs(), batch_size=5, shuffle=True, drop_last=True),
        LOADER(Shaky(), shuffle=True),
        LOADER(torch_data.TensorDataset(X, Y), batch_size=5, shuffle=True),
        LOADER(Pairs(), batch_size=None),
        LOADER(Stream(), batch_size=5),
        LOADER(Pairs(), sampler=torch_data.SubsetRandomSampler(range(12))),
    ],
)
def test_data_sets_and_loaders(data):
    before = torch.get_rng_state()
    found = measured_split(data)
    assert torch.equal(found.x, X)
    assert torch.equal(found.y, Y)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loader_of_some():
    loader = LOADER(Pairs(), batch_size=2, sampler=torch_data.SubsetRandomSampler([7, 1, 4]))
    assert torch.equal(measured_split(loader).x, X[[1, 4, 7]])


def test_arrays_with_and_without_labels():
    assert torch.equal(measured_split(X.numpy(), Y.numpy().astype(np.int32)).y, Y)
    assert measured_split(X.tolist()).y.tolist() == [0] * 12
    assert measured_split(torch_data.TensorDataset(X)).y.tolist() == [0] * 12


def test_a_subset_is_stratified_and_seeded():
    y = torch.tensor([0] * 700 + [1] * 200 + [2] * 100)[torch.randperm(1000)]
    x = torch.arange(1000.0)[:, None]
    some = measured_split(x, y, inputs=100, seed=3)
    counts = torch.bincount(some.y, minlength=3)
    assert all(abs(int(n) - share) <= 1 for n, share in zip(counts, (70, 20, 10), strict=True))
    assert bool((some.x[1:, 0] > some.x[:-1, 0]).all())
    assert torch.equal(y[some.x[:, 0].long()], some.y)
    assert torch.equal(measured_split(x, y, inputs=100, seed=3).x, some.x)
    assert not torch.equal(measured_split(x, y, inputs=100, seed=4).x, some.x)
    assert torch.equal(measured_split(x, y, inputs=1000).x, x)
    assert len(measured_split(x, inputs=17)) == 17


P = np.array([0.91, *[0.01] * 9])


@pytest.mark.parametrize("p", [P, P.tolist(), torch.tensor(P), torch.tensor(P).float()])
def test_inputs_that_are_not_equally_likely(p):
    x = torch.arange(10.0)[:, None]
    split = measured_split(x, x[:, 0].long(), p=p)
    assert torch.bincount(split.y).tolist() == [91, *[1] * 9]
    h_x = -float((P * np.log(P)).sum())
    assert binned_entropy(split.x, 0.5) == pytest.approx(h_x)
    beta = 0.7
    network = nn.Sequential(nn.Identity(), GaussianNoise(beta))

    def density(t):
        return (P * np.exp(-(((t - np.arange(10)) / beta) ** 2) / 2)).sum() / (
            beta * math.sqrt(2 * math.pi)
        )

    h_t = quad(lambda t: -density(t) * math.log(density(t)), -5, 15, limit=300)[0]
    truth = h_t - math.log(beta * math.sqrt(2 * math.pi * math.e))
    for method in ("coupled", "quadrature"):
        found = mutual_information(network, split.x, layer=1, method=method, target_width=0.02)
        assert found.lower - 1e-6 <= truth <= found.upper + 1e-6
        assert found.upper - found.lower < 0.03
    apart = nn.Sequential(nn.Identity(), GaussianNoise(1e-3))
    saturated = mutual_information(apart, split.x, layer=1)
    assert saturated.upper == pytest.approx(h_x)
    assert saturated.lower == pytest.approx(h_x, abs=0.01)


def test_probabilities_that_are_zero_or_equal():
    x = torch.arange(4.0)[:, None]
    assert measured_split(x, p=[0.5, 0.0, 0.25, 0.25]).x[:, 0].tolist() == [0.0, 0.0, 2.0, 3.0]
    assert torch.equal(measured_split(x, p=[0.25] * 4).x, x)
    assert torch.equal(measured_split(x[:3], p=torch.ones(3) / 3).x, x[:3])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"p": [0.5, 0.5]}, "p: 12 probabilities, at least 0 and 1 in all"),
        ({"p": [0.1] * 12}, "p: 12 probabilities"),
        ({"p": [-0.1, 1.1, *[0.0] * 10]}, "p: 12 probabilities"),
        ({"p": [float("nan")] * 12}, "p has values that are NaN"),
        ({"p": torch.softmax(torch.arange(12.0).double(), 0)}, "at most 10000 equal parts"),
        ({"p": [1 / 12] * 12, "inputs": 3}, "inputs and p: one of them"),
        ({"inputs": 0}, "inputs = 0: a whole number from 1 to 12"),
        ({"inputs": 13}, "inputs = 13"),
        ({"inputs": 2.0}, "inputs = 2.0"),
    ],
)
def test_settings_that_mean_nothing(settings, sentence):
    with pytest.raises(UnmeasurableError, match=sentence):
        measured_split(X, Y, **settings)


class Words(Pairs):
    def __getitem__(self, number):
        return {"x": 1.0, "y": 2}


class Ragged(Pairs):
    def __getitem__(self, number):
        return torch.zeros(number + 1), 0


@pytest.mark.parametrize(
    ("x", "y", "sentence"),
    [
        (Pairs(), Y, "y: the data set has labels of its own"),
        (Words(), None, "items of the data set are of kind dict"),
        (Ragged(), None, "the inputs do not make one tensor"),
        (torch_data.Subset(Pairs(), []), None, "the data set is empty"),
        (X, Y[:5], "y has 5 labels for 12 inputs"),
        (X * float("nan"), Y, "x has values that are NaN"),
    ],
)
def test_data_that_is_none(x, y, sentence):
    with pytest.raises(UnmeasurableError, match=sentence):
        measured_split(x, y)
