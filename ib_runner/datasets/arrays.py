"""Conversion of users' arrays, data frames and lists to tensors."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ib_runner.errors import UnmeasurableError

#: number types in which layers are computed and measured
PRECISIONS = (torch.float32, torch.float64)
WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool)
HALF = (torch.float16, torch.bfloat16)


def as_inputs(x: Any, name: str = "x") -> Tensor:
    """``x`` (tensor, array, data frame or list, [N, …]) as a dense tensor on the CPU.

    Numbers keep their type where torch has it. Raises ``UnmeasurableError``, naming the argument
    ``name``, where ``x`` has no numbers, no rows, or values that are NaN or infinite.
    """
    x = _tensor(x, name).detach()
    if x.ndim == 0 or 0 in x.shape:
        raise UnmeasurableError(
            f"{name} has the shape {list(x.shape)}: at least one input is needed, [N, …]"
        )
    if x.dtype not in (*PRECISIONS, *WHOLE, *HALF):
        raise UnmeasurableError(
            f"{name} has the type {type_name(x.dtype)}: real numbers are needed"
        )
    if x.is_floating_point() and not bool(torch.isfinite(x).all()):
        raise UnmeasurableError(
            f"{name} has values that are NaN or infinite: finite inputs are needed"
        )
    return x


def _tensor(x: Any, name: str) -> Tensor:
    if isinstance(x, Tensor):
        if x.device.type == "meta" or x.is_quantized or x.is_nested:
            raise UnmeasurableError(f"{name}: a dense tensor with values is needed")
        return (x if x.layout == torch.strided else x.to_dense()).cpu()
    try:
        if isinstance(x, list | tuple) and x and isinstance(x[0], Tensor):
            return torch.stack([row.detach().cpu() for row in x])
        if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
            raise ValueError("masked values")
        array = np.asarray(x)
        if array.dtype == object:
            array = array.astype(np.float64)  # data frames with columns of several types
        kind = array.dtype.kind
        if kind not in "biufc":
            raise ValueError(f"values of type {array.dtype}")
        if kind == "u" and array.dtype.itemsize > 1:
            if array.size and array.max() >= 2**63:
                raise ValueError("whole numbers of more than 63 bits")
            array = array.astype(np.int64)
        elif kind == "f" and array.dtype.itemsize > 8:
            array = array.astype(np.float64)
        # a copy in this machine's byte order: torch shares no memory with the user's array
        return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise UnmeasurableError(
            f"{name}: {type(x).__name__} is no array of numbers: {reason}"
        ) from error


def as_labels(y: Any, n: int, name: str = "y") -> Tensor:
    """``y``, a label or target for each of ``n`` inputs, as a tensor [n, …] on the CPU.

    Whole numbers and booleans become int64, half precision becomes float32, words become numbers of
    classes in alphabetical order, and [n, 1] becomes [n]. Raises ``UnmeasurableError``, naming the
    argument ``name``, for another number of labels, and as :func:`as_inputs` does.
    """
    if not isinstance(y, Tensor) and np.asarray(y).dtype.kind == "U":
        y = np.unique(np.asarray(y), return_inverse=True)[1].reshape(np.shape(y))
    y = as_inputs(y, name)
    if len(y) != n:
        raise UnmeasurableError(f"{name} has {len(y)} labels for {n} inputs")
    if y.dtype in HALF:
        y = y.float()
    elif not y.is_floating_point():
        y = y.long()
    return y[:, 0] if y.shape == (n, 1) else y


def type_name(kind: torch.dtype) -> str:
    """``kind`` without ``torch.``, such as float32."""
    return str(kind).removeprefix("torch.")
