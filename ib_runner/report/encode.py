"""Encoding of tables in a page: compressed columns, which a few lines of JavaScript decode.

Numbers are stored exactly: float64 and float32 as they are, integers as int32, or as float64 where
they are larger or some are missing (NaN); texts as positions in a list of texts (−1: missing). All
first bytes of a column come first, then all second bytes, …, which compresses floats best.
"""

import base64
import gzip
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

_INT32 = np.iinfo(np.int32)


def packed(data: bytes) -> str:
    """``data`` compressed, as base64 text, which is the same for the same data."""
    return base64.b64encode(gzip.compress(data, compresslevel=6, mtime=0)).decode("ascii")


def encode_table(frame: pd.DataFrame, units: Mapping[str, str]) -> dict[str, Any]:
    """``frame`` as JSON values: ``rows``, ``columns`` (name, unit, kind, …), ``data``.

    A column of lists becomes two arrays: the float32 values of all rows in turn, and the lengths.
    """
    columns, chunks = [], []
    for name in frame:
        for kind, values, more in _arrays(frame[name]):
            columns.append({"name": name, "kind": kind, "length": len(values), **more})
            if name in units:
                columns[-1]["unit"] = units[name]
            chunks.append(_shuffled(values))
    return {"rows": len(frame), "columns": columns, "data": packed(b"".join(chunks))}


def _arrays(column: pd.Series) -> Iterator[tuple[str, np.ndarray, dict[str, Any]]]:
    """The arrays that encode ``column``: kind, values, and further facts for the decoder."""
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        first = next((one for one in column if one is not None), None)
        if isinstance(first, np.ndarray | list):
            values = [np.asarray(one, dtype=np.float32).ravel() for one in column]
            yield "list", np.concatenate(values), {}
            yield "lengths", np.array([len(one) for one in values], dtype=np.int32), {}
        else:
            codes, texts = pd.factorize(column.astype(object))
            yield "text", codes.astype(np.int32), {"values": [str(text) for text in texts]}
    elif column.dtype == np.float32:
        yield "float32", column.to_numpy(), {}
    elif pd.api.types.is_integer_dtype(column) and not column.hasnans and _fits(column):
        yield "int32", column.to_numpy(dtype=np.int32), {}
    else:
        yield "float64", column.to_numpy(dtype=np.float64, na_value=np.nan), {}


def _fits(column: pd.Series) -> bool:
    return column.empty or (column.min() >= _INT32.min and column.max() <= _INT32.max)


def _shuffled(values: np.ndarray) -> bytes:
    """The bytes of ``values``, little-endian: all first bytes, then all second bytes, …"""
    little = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<")))
    return little.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()
