"""Inputs as people have them, turned into the tensor that a network takes."""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ib_runner.errors import UnmeasurableError
from ib_runner.networks.hidden import record

#: what layers are computed and measured in
PRECISIONS = (torch.float32, torch.float64)
_WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool)
_HALF = (torch.float16, torch.bfloat16)


def as_inputs(x: Any, name: str = "x") -> Tensor:
    """``x`` (tensor, array, data frame or list, [N, …]) as a dense tensor on the CPU.

    Numbers keep their type as far as torch has it. Raises ``UnmeasurableError``, with ``name``, for
    what holds no numbers, no rows, or values that are NaN or infinite.
    """
    x = _tensor(x, name).detach()
    if x.ndim == 0 or 0 in x.shape:
        raise UnmeasurableError(
            f"{name} has the shape {list(x.shape)}: at least one input is needed, [N, …]"
        )
    if x.dtype not in (*PRECISIONS, *_WHOLE, *_HALF):
        raise UnmeasurableError(f"{name} has the type {_name(x.dtype)}: real numbers are needed")
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
            array = array.astype(np.float64)  # columns of a data frame of several kinds
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


def precision(network: nn.Module) -> torch.dtype | None:
    """The type of the weights of ``network``, None where there are none.

    Raises ``UnmeasurableError``, naming it, for a type in which nothing is measured, for weights
    that do not exist yet, and for quantised ones.
    """
    found = None
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if isinstance(tensor, nn.parameter.UninitializedTensorMixin):
            raise UnmeasurableError(
                f"{name} has no values yet: pass some inputs through the lazy network first"
            )
        if tensor.device.type == "meta":
            raise UnmeasurableError(f"{name} has no values: it is on the meta device")
        if (
            tensor.is_quantized
            or tensor.is_complex()
            or (tensor.is_floating_point() and tensor.dtype not in PRECISIONS)
        ):
            raise UnmeasurableError(
                f"{name} is {_name(tensor.dtype)}: layers are measured in float32 or float64; "
                "network.float() makes the network one of those"
            )
        if found is None and tensor.is_floating_point():
            found = tensor.dtype
    return found


def fitted(network: nn.Module, x: Tensor) -> Tensor:
    """``x`` [N, …] of the number type that ``network`` takes, by trial with two rows.

    Real numbers get the type of the weights; whole ones stay whole where the network takes them, as
    an embedding does, and else become real. Raises ``UnmeasurableError`` with the network's own
    words where nothing fits, or where a layer computes in a precision that nothing is measured in.
    """
    real = precision(network)
    if x.dtype in PRECISIONS:
        types = [real or x.dtype]
        if real is not None and x.dtype != real:
            types.append(x.dtype)
    elif x.dtype in _HALF:
        types = [real or torch.float32]
    else:
        types = [x.dtype, torch.int64, real or torch.float32]
    refusals = []
    for kind in dict.fromkeys(types):
        try:
            _try(network, x[[0, -1]].to(kind))
        except UnmeasurableError as error:
            refusals.append(error)
        else:
            return as_inputs(x.to(kind), f"x as {_name(kind)}")
    # what is said about real numbers, which most networks take
    raise refusals[-1 if x.dtype in _WHOLE else 0]


def _try(network: nn.Module, rows: Tensor) -> None:
    with torch.random.fork_rng(devices=[]):
        for noise in (False, True):
            for k, hidden in enumerate(record(network, rows, None, noise).hidden, 1):
                for tensor in hidden:
                    if tensor.dtype not in PRECISIONS:
                        raise UnmeasurableError(
                            f"layer {k} is computed in {_name(tensor.dtype)}: layers are measured "
                            "in float32 or float64"
                        )


def in_double(network: nn.Module, x: Tensor) -> tuple[nn.Module, Tensor]:
    """Copies of ``network`` and ``x`` [N, …] in float64; themselves where the network casts.

    Whole numbers stay whole.
    """
    double = copy.deepcopy(network).double()
    rows = x.double() if x.is_floating_point() else x
    try:
        _try(double, rows[[0, -1]])
    except UnmeasurableError:  # it has a type of its own in its forward pass
        return network, x
    return double, rows


def _name(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")
