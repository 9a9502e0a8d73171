"""Encoded tables, decoded as the page's script decodes them, have exactly the same values."""

import base64
import gzip

import numpy as np
import pandas as pd
import pytest

from ib_runner.report.encode import encode_table

TYPES = {"float64": "<f8", "float32": "<f4", "int32": "<i4", "text": "<i4"}
TYPES |= {"list": "<f4", "lengths": "<i4"}


def decoded(made: dict) -> dict[str, np.ndarray]:
    data = np.frombuffer(gzip.decompress(base64.b64decode(made["data"])), np.uint8)
    found, offset = {}, 0
    for column in made["columns"]:
        dtype = np.dtype(TYPES[column["kind"]])
        size = column["length"] * dtype.itemsize
        mixed = data[offset : offset + size].reshape(dtype.itemsize, -1).T
        found[column["name"], column["kind"]] = np.ascontiguousarray(mixed).view(dtype).ravel()
        offset += size
    assert offset == len(data)
    return found


@pytest.mark.parametrize(
    ("column", "kind", "expected"),
    [
        (pd.Series([0.1, np.nan, 1e-300, -np.pi]), "float64", [0.1, np.nan, 1e-300, -np.pi]),
        (pd.Series([0.1, -2], dtype="float32"), "float32", np.float32([0.1, -2])),
        (pd.Series([3, -(2**31)], dtype="int64"), "int32", [3, -(2**31)]),
        (pd.Series([3, 2**31], dtype="int64"), "float64", [3.0, 2.0**31]),
        (pd.Series([3, None], dtype="Int64"), "float64", [3.0, np.nan]),
        (pd.Series(["b", None, "a", "b"]), "text", [0, -1, 1, 0]),
        (pd.Series([True, False]), "text", [0, 1]),
        (pd.Series([], dtype="float64"), "float64", []),
    ],
)
def test_values_come_back_bit_by_bit(column, kind, expected):
    made = encode_table(column.to_frame("c"), {})
    np.testing.assert_array_equal(decoded(made)["c", kind], expected)
    assert made["rows"] == len(column)


def test_lists_of_different_lengths_and_units():
    frame = pd.DataFrame({"value": [np.float32([0.1, 0.2]), np.float32([]), np.float32([3])]})
    made = encode_table(frame, {"value": "activation"})
    found = decoded(made)
    np.testing.assert_array_equal(found["value", "list"], np.float32([0.1, 0.2, 3]))
    np.testing.assert_array_equal(found["value", "lengths"], [2, 0, 1])
    assert made["columns"][0]["unit"] == "activation"


def test_texts_are_listed_once_and_truths_by_name():
    made = encode_table(pd.DataFrame({"a": ["x", "y", "x"], "b": [True, True, False]}), {})
    assert [column["values"] for column in made["columns"]] == [["x", "y"], ["True", "False"]]
