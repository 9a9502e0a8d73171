"""Conversion of users' arrays, data frames, lists and tensors."""

import numpy as np
import pandas as pd
import pytest
import torch

from ib_runner.datasets.arrays import as_inputs, as_labels
from ib_runner.errors import UnmeasurableError

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


@pytest.mark.parametrize(
    ("y", "wanted"),
    [
        (np.array([0, 1], np.int32), [0, 1]),
        (torch.tensor([False, True]), [0, 1]),
        ([-1, 1], [-1, 1]),
        (("no", "yes"), [0, 1]),
        (pd.Series(["yes", "no"]).to_numpy(str), [1, 0]),
        ([[3], [4]], [3, 4]),
        (np.uint8([3, 4]), [3, 4]),
    ],
)
def test_labels(y, wanted):
    found = as_labels(y, 2)
    assert found.dtype == torch.int64
    assert found.tolist() == wanted


def test_targets_of_regression():
    assert as_labels(np.array([0.5, 2.0]), 2).dtype == torch.float64
    assert as_labels(torch.tensor([0.5, 2.0]).bfloat16(), 2).dtype == torch.float32
    assert as_labels([[0.5, 1.0], [2.0, 1.0]], 2).shape == (2, 2)


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        ([0, 1, 1], "y has 3 labels for 2 inputs"),
        (1, r"y has the shape \[\]"),
        ([0.0, float("nan")], "y has values that are NaN or infinite"),
        (torch.tensor([0.0, float("inf")]), "y has values that are NaN or infinite"),
        ([None, 1], "y has values that are NaN or infinite"),
    ],
)
def test_what_is_no_label(y, sentence):
    with pytest.raises(UnmeasurableError, match=sentence):
        as_labels(y, 2)
