"""Converting inputs to the number type that a network takes."""

import copy

import torch
from torch import Tensor, nn

from ib_runner.datasets.arrays import HALF, PRECISIONS, WHOLE, as_inputs, type_name
from ib_runner.errors import UnmeasurableError
from ib_runner.networks.hidden import record


def precision(network: nn.Module) -> torch.dtype | None:
    """The number type of the weights of ``network``, None where it has no weights.

    Raises ``UnmeasurableError`` naming the parameter where the type is neither float32 nor float64,
    and for weights that are quantised or do not exist yet (lazy modules).
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
                f"{name} is {type_name(tensor.dtype)}: layers are measured in float32 or float64; "
                "network.float() makes the network one of those"
            )
        if found is None and tensor.is_floating_point():
            found = tensor.dtype
    return found


def fitted(network: nn.Module, x: Tensor, *, trusted: bool = False) -> Tensor:
    """``x`` [N, …] in the number type that ``network`` takes, found by a trial with two rows.

    Real numbers get the type of the weights. Whole numbers stay whole where the network takes them,
    as an embedding does, and else become real. ``trusted``: the network has plain layers only, so
    that it takes the type of its weights, and is not tried. Raises ``UnmeasurableError`` with the
    network's own message where no type fits, and where a layer is neither float32 nor float64.
    """
    real = precision(network)
    if trusted:
        assert real is not None
        return x if x.dtype == real else as_inputs(x.to(real), f"x as {type_name(real)}")
    if x.dtype in PRECISIONS:
        types = [real or x.dtype]
        if real is not None and x.dtype != real:
            types.append(x.dtype)
    elif x.dtype in HALF:
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
            # as_inputs checks again: a number may overflow in the smaller type
            return x if kind == x.dtype else as_inputs(x.to(kind), f"x as {type_name(kind)}")
    # whole numbers were tried first as indices, then as real numbers: show the second refusal
    raise refusals[-1 if x.dtype in WHOLE else 0]


def _try(network: nn.Module, rows: Tensor) -> None:
    with torch.random.fork_rng(devices=[]):
        for noise in (False, True):
            for k, hidden in enumerate(record(network, rows, None, noise).hidden, 1):
                for tensor in hidden:
                    if tensor.dtype not in PRECISIONS:
                        raise UnmeasurableError(
                            f"layer {k} is computed in {type_name(tensor.dtype)}: layers are "
                            "measured in float32 or float64"
                        )


def in_double(network: nn.Module, x: Tensor, *, trusted: bool = False) -> tuple[nn.Module, Tensor]:
    """Copies of ``network`` and ``x`` [N, …] in float64; whole numbers in ``x`` stay whole.

    ``network`` and ``x`` themselves where the forward pass casts to a type of its own. ``trusted``:
    the network has plain layers only, which cast to none, and is not tried.
    """
    double = copy.deepcopy(network).double()
    rows = x.double() if x.is_floating_point() else x
    try:
        if not trusted:
            _try(double, rows[[0, -1]])
    except UnmeasurableError:  # the forward pass casts to a type of its own
        return network, x
    return double, rows
