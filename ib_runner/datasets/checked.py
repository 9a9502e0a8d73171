"""Checks and conversions of a data set's inputs and targets, made once when it is built.

Labels of type int32, bool or numpy's, and half-precision inputs, are so converted alike for
training and for measuring, and invalid values are refused with a message.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ib_runner.datasets.dataset import Dataset, Split


def checked(dataset: Any) -> Dataset:
    """``dataset`` with tensors on the CPU: inputs float32, or int64 where they were whole numbers
    (indices, as embeddings take them); targets int64 classes 0 … n_classes − 1 or float32 values.

    The user's own arrays are not changed. Raises ``ValueError`` naming the split and the value
    where inputs are not finite numbers, or targets do not fit inputs or classes.
    """
    if not isinstance(dataset, Dataset):
        raise ValueError(
            f"it makes a {type(dataset).__name__}; an ib_runner.datasets.Dataset is needed"
        )
    n_classes = dataset.n_classes
    if n_classes is not None and (type(n_classes) is not int or n_classes < 1):
        raise ValueError(
            f"n_classes = {n_classes!r}: a whole number ≥ 1, or None for regression, is needed"
        )
    parts = {
        name: _checked_split(name, getattr(dataset, name), n_classes)
        for name in ("train", "test", "all")
    }
    shapes = {(tuple(one.x.shape[1:]), one.x.dtype) for one in parts.values()}
    if len(shapes) > 1:
        raise ValueError(
            "train, test and all have inputs of different shapes or types: "
            + ", ".join(f"{list(shape)} of {dtype}" for shape, dtype in sorted(shapes, key=str))
        )
    return replace(dataset, train=parts["train"], test=parts["test"], all=parts["all"])


def _checked_split(name: str, split: Split, n_classes: int | None) -> Split:
    x, y = _tensor(f"{name}.x", split.x), _tensor(f"{name}.y", split.y)
    if x.ndim < 2 or not len(x):
        raise ValueError(f"{name}.x has shape {list(x.shape)}; [n, …] with n ≥ 1 is needed")
    if y.ndim < 1 or len(y) != len(x):
        raise ValueError(f"{name}: {len(x)} inputs, but targets of shape {list(y.shape)}")
    x = _inputs(f"{name}.x", x)
    y = _finite(f"{name}.y", y) if n_classes is None else _classes(f"{name}.y", y, n_classes)
    return split if x is split.x and y is split.y else Split(x, y)


def _tensor(name: str, values: Any) -> Tensor:
    if not isinstance(values, Tensor):
        try:
            # a copy, since the user's array may be read-only, or change later
            values = torch.from_numpy(np.array(values))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: no tensor, and no array of numbers ({error})") from error
    if values.layout != torch.strided or values.is_quantized or values.is_complex():
        raise ValueError(f"{name}: {values.dtype} {values.layout}; plain real numbers are needed")
    return values.detach().cpu() if values.requires_grad or values.is_cuda else values


def _inputs(name: str, x: Tensor) -> Tensor:
    if x.is_floating_point() or x.dtype == torch.bool:
        return _finite(name, x)
    return x if x.dtype == torch.int64 else x.long()


def _classes(name: str, y: Tensor, n_classes: int) -> Tensor:
    if y.numel() != len(y):
        raise ValueError(
            f"{name} has shape {list(y.shape)}; one class an input, a whole number, is needed"
        )
    y = y if y.ndim == 1 else y.reshape(len(y))
    if y.is_floating_point():
        y = _finite(name, y)
        if (y != y.round()).any():
            fraction = y[y != y.round()][0].item()
            raise ValueError(f"{name} holds {fraction}; classes are whole numbers")
    y = y if y.dtype == torch.int64 else y.long()
    lowest, highest = (int(value) for value in y.aminmax())
    if lowest < 0 or highest >= n_classes:
        raise ValueError(
            f"{name} holds {lowest if lowest < 0 else highest}; with n_classes = {n_classes}, "
            f"classes are 0 to {n_classes - 1}"
        )
    return y


def _finite(name: str, values: Tensor) -> Tensor:
    """``values`` as float32. Raises ``ValueError`` where one is NaN or infinite in float32."""
    values = values if values.dtype == torch.float32 else values.float()
    # a finite sum proves that all values are finite; only where it is not is each value checked
    if not values.sum().isfinite() and not (finite := values.isfinite()).all():
        count = values.numel() - int(finite.sum())
        raise ValueError(f"{name} holds {count} values that are NaN, infinite or beyond float32")
    return values
