"""The range of S of each layer, where S comes straight from a bounded activation."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ib_runner.networks.hidden import noise_on
from ib_runner.networks.noise import NoiseChannel
from ib_runner.networks.watched import OperationsWatched

Range = tuple[float, float]

_aten = torch.ops.aten
_UNKNOWN: Range = (-math.inf, math.inf)
#: the closed range of each activation, by torch's operation
_ACTIVATIONS: dict[Any, Range] = {
    _aten.tanh: (-1.0, 1.0),
    _aten.sigmoid: (0.0, 1.0),
    _aten._softmax: (0.0, 1.0),
    _aten.hardsigmoid: (0.0, 1.0),
    _aten.relu: (0.0, math.inf),
    _aten.tanh_: (-1.0, 1.0),
    _aten.sigmoid_: (0.0, 1.0),
    _aten.hardsigmoid_: (0.0, 1.0),
    _aten.relu_: (0.0, math.inf),
}
#: operations that bound their first argument
_CLAMPS = {_aten.clamp, _aten.clamp_, _aten.hardtanh, _aten.hardtanh_}
#: operations that copy, reorder, select or average values of their first argument, within its range
_KEEPING = {
    _aten.view,
    _aten._unsafe_view,
    _aten.alias,
    _aten.detach,
    _aten.clone,
    _aten.reshape,
    _aten.permute,
    _aten.transpose,
    _aten.t,
    _aten.squeeze,
    _aten.unsqueeze,
    _aten.max_pool2d_with_indices,
    _aten.avg_pool2d,
    _aten._adaptive_avg_pool2d,
}


class _Known(NamedTuple):
    """A tensor and its range at ``version``; a reference, so that its ``id`` is not reused."""

    tensor: Tensor
    version: int
    range: Range


class _Watch(OperationsWatched):
    """Notes the ranges of the tensors that a forward pass computes."""

    def __init__(self):
        super().__init__()
        self._known: dict[int, _Known] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        packet = func.overloadpacket
        before = self.range_of(args[0]) if args and isinstance(args[0], Tensor) else _UNKNOWN
        out = func(*args, **(kwargs or {}))
        found = None
        if packet in _ACTIVATIONS:
            found = _ACTIVATIONS[packet]
        elif packet in _CLAMPS:
            found = _clamped(before, *args[1:], **(kwargs or {}))
        elif packet in _KEEPING:
            found = before
        if found is not None and found != _UNKNOWN:
            tensor = out[0] if isinstance(out, tuple | list) else out
            # torch raises the version of a tensor changed in place only after this call
            version = tensor._version + (tensor is args[0])
            self._known[id(tensor)] = _Known(tensor, version, found)
        return out

    def range_of(self, tensor: Tensor) -> Range:
        """The range of ``tensor``; infinite where it is unknown or the tensor was changed since."""
        known = self._known.get(id(tensor))
        if known is None or known.tensor is not tensor or known.version != tensor._version:
            return _UNKNOWN
        return known.range


def _clamped(before: Range, least: Any = None, most: Any = None, **named: Any) -> Range:
    """The range after clamping ``before`` to [``least``, ``most``]."""
    least = named.get("min", named.get("min_val", least))
    most = named.get("max", named.get("max_val", most))
    low = max(before[0], float(least)) if isinstance(least, int | float) else before[0]
    high = min(before[1], float(most)) if isinstance(most, int | float) else before[1]
    return low, high


def activation_ranges(network: nn.Module, x: Tensor) -> list[Range]:
    """The closed range of S of layers 1, 2, …, infinite where nothing bounds it.

    Known where S is the output of an activation (tanh, sigmoid, softmax, ReLU, a clamp), at most
    pooled or reshaped. Found by a pass of ``x`` [n, …] without noise.
    """
    ranges: list[Range] = []
    watch = _Watch()
    handles = [
        module.register_forward_pre_hook(lambda _, given: ranges.append(watch.range_of(given[0])))
        for module in network.modules()
        if isinstance(module, NoiseChannel)
    ]
    try:
        with (
            torch.random.fork_rng(devices=[]),
            torch.no_grad(),
            noise_on(network, on=False),
            watch,
        ):
            network(x.clone())
    finally:
        for handle in handles:
            handle.remove()
    return ranges
