"""Inputs as people have them."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from ib_runner.errors import UnmeasurableError
from ib_runner.networks import GaussianNoise
from ib_runner.networks.inputs import as_inputs, fitted

WANTED = torch.tensor([[-1.0, 2.0], [1.0, 0.0]])
ARRAY = WANTED.numpy()


@pytest.mark.parametrize(
    "x",
    [
        WANTED.clone().requires_grad_(),
        WANTED.to_sparse(),
        WANTED.T.contiguous().T,
        ARRAY,
        ARRAY.astype(">f8"),
        ARRAY.astype(np.longdouble),
        ARRAY[:, ::-1].copy()[:, ::-1],
        ARRAY.astype(np.float16),
        ARRAY.astype(object),
        np.asfortranarray(ARRAY),
        pd.DataFrame(ARRAY),
        pd.DataFrame({"a": [-1, 1], "b": [2.0, 0.0]}),
        ARRAY.tolist(),
        list(WANTED),
        tuple(map(tuple, ARRAY.tolist())),
    ],
)
def test_what_holds_the_same_numbers(x):
    found = as_inputs(x)
    assert torch.equal(found.float(), WANTED)
    assert not found.requires_grad
    assert found.layout == torch.strided
    network = nn.Sequential(nn.Linear(2, 2), GaussianNoise(0.1))
    assert fitted(network, found).dtype == torch.float32
    assert fitted(network.double(), found).dtype == torch.float64


@pytest.mark.parametrize(
    "kind",
    [*"bBhHiIlLqQ?", "e", "f", "d"],
)
def test_every_number_type_reaches_a_linear_layer(kind):
    x = np.array([[0, 1], [1, 1]]).astype(kind)
    found = fitted(nn.Sequential(nn.Linear(2, 2), GaussianNoise(0.1)), as_inputs(x))
    assert found.dtype == torch.float32
    assert found.tolist() == [[0.0, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize("kind", "bBhHiIlLqQ?")
def test_whole_numbers_stay_whole_for_an_embedding(kind):
    x = np.array([[0, 1], [1, 1]]).astype(kind)
    found = fitted(nn.Sequential(nn.Embedding(2, 3), GaussianNoise(0.1)), as_inputs(x))
    assert not found.is_floating_point()
    assert found.tolist() == [[0, 1], [1, 1]]


def test_the_array_is_not_shared():
    array = ARRAY.copy()
    as_inputs(array).zero_()
    assert np.array_equal(array, ARRAY)


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (torch.tensor(1.0), r"x has the shape \[\]: at least one input"),
        (torch.zeros(0, 3), r"x has the shape \[0, 3\]: at least one input"),
        (torch.zeros(3, 0), r"x has the shape \[3, 0\]"),
        ([], r"x has the shape \[0\]"),
        (None, r"x has the shape \[\]"),
        ("abc", "x: str is no array of numbers"),
        ([["a"], ["b"]], "x: list is no array of numbers"),
        ([[1.0], [1.0, 2.0]], "x: list is no array of numbers"),
        ([torch.ones(2), torch.ones(3)], "x: list is no array of numbers"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "x: ndarray is no array of numbers"),
        (np.ma.masked_less(ARRAY, 0), "x: MaskedArray is no array of numbers: masked values"),
        (np.full((2, 2), 2**63, np.uint64), "whole numbers of more than 63 bits"),
        (torch.ones(2, 2, device="meta"), "x: a dense tensor with values"),
        (torch.ones(2, 2, dtype=torch.complex64), "x has the type complex64: real numbers"),
        (np.ones((2, 2), complex), "x has the type complex128: real numbers"),
        ([[1.0, float("nan")]], "x has values that are NaN or infinite"),
        (np.array([[np.inf]]), "x has values that are NaN or infinite"),
        (torch.tensor([[np.inf]]).half(), "x has values that are NaN or infinite"),
        (pd.DataFrame({"a": [1.0, None]}), "x has values that are NaN or infinite"),
    ],
)
def test_what_is_no_input(x, sentence):
    with pytest.raises(UnmeasurableError, match=sentence):
        as_inputs(x)


def test_numbers_beyond_the_networks_precision():
    network = nn.Sequential(nn.Linear(1, 1), GaussianNoise(0.1))
    with pytest.raises(UnmeasurableError, match="x as float32 has values that are NaN or infinite"):
        fitted(network, as_inputs([[1e300], [0.0]]))
