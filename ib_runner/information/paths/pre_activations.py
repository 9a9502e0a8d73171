"""The pre-activations u of one layer, of which S = f(u), as a function of input and noise below.

The noise of all channels below the layer is *set*: D numbers ζ, standard normal when the channels
draw them. Where no known activation function stands right before the channel, u is S itself. All
in float64, so that what is measured is the function the weights stand for.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ib_runner.information.paths.activation_sites import IDENTITY, LEAKY, SIGMOID, TANH
from ib_runner.information.sampling.propagation import PlainNetwork
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.networks.hidden import noise_on
from ib_runner.networks.noise import GaussianNoise, NoiseChannel, NoNoise

#: the most values of one layer, all rows together, in a forward pass of a module
_ROW_VALUES = 2**22
#: points at which two precisions are compared, and their largest allowed difference, nats
_ROUNDING_POINTS, _MOST_ROUNDING = 64, 0.02


@dataclass(frozen=True)
class Activation:
    """f: a ``code`` of ``activation_sites``, and the slope below 0 of a leaky one."""

    code: int = IDENTITY
    slope: float = 1.0

    def __call__(self, u: Tensor) -> Tensor:
        if self.code == TANH:
            return torch.tanh(u)
        if self.code == SIGMOID:
            return torch.sigmoid(u)
        if self.code == LEAKY:
            return torch.where(u > 0, u, self.slope * u)
        return u

    def derivative(self, u: Tensor) -> Tensor:
        """f'(u)."""
        if self.code == TANH:
            return 1.0 - torch.tanh(u).square()
        if self.code == SIGMOID:
            return torch.sigmoid(u) * torch.sigmoid(-u)
        if self.code == LEAKY:
            return torch.where(u > 0, 1.0, self.slope).to(u.dtype)
        return torch.ones_like(u)


@dataclass(frozen=True)
class Gaussians:
    """u of every input taken for Gaussian: ``means`` [N, d] and ``covariances`` [N, d, d].

    Where all inputs have the same covariance, it is [1, d, d].
    """

    means: np.ndarray
    covariances: np.ndarray

    def of(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Means [rows, d] and covariances [rows, d, d] of ``inputs`` [rows], float64."""
        rows = torch.zeros_like(inputs) if len(self.covariances) == 1 else inputs
        found = torch.from_numpy(self.covariances)[rows]
        return torch.from_numpy(self.means)[inputs], found.double()


class PreActivations(Protocol):
    """u [rows, d] of rows (input number [rows], ζ [rows, D]).

    ``affine``: u is an affine function of ζ with the same matrix for all inputs. ``rounding``: how
    much rounding in the network may change I(X;T), nats. ``in_threads``: whether several threads
    may call at the same time.
    """

    layer: Layer
    n_noise: int
    activation: Activation
    affine: bool
    rounding: float
    in_threads: bool

    def of(self, inputs: Tensor, zeta: Tensor) -> Tensor:
        """u [rows, d]."""
        ...

    def linearised(self, inputs: Tensor, zeta: Tensor) -> tuple[Tensor, Tensor]:
        """u [rows, d] and ∂u/∂ζ [rows, d, D]."""
        ...


class PlainPreActivations:
    """Pre-activations of a plain network, whose Jacobians are products of small matrices."""

    rounding = 0.0
    in_threads = True

    def __init__(self, plain: PlainNetwork, x: Tensor, layer: Layer):
        self.layer = layer
        count = layer.number
        self._activations = [
            Activation(int(code), float(slope))
            for code, slope in zip(plain.activations[:count], plain.slopes[:count], strict=True)
        ]
        self.activation = self._activations[-1]
        affine = [plain.affine(k + 1) for k in range(count)]
        self._weights = [torch.from_numpy(weight) for weight, _ in affine]
        self._biases = [torch.from_numpy(bias) for _, bias in affine]
        self._betas = [float(beta) for beta in plain.betas[: count - 1]]
        widths = [int(width) for width in plain.widths[1:count]]
        noisy = [w if b > 0 else 0 for w, b in zip(widths, self._betas, strict=True)]
        begins = [0, *accumulate(noisy)]
        self._parts = [slice(begin, end) for begin, end in pairwise(begins)]
        self.n_noise = begins[-1]
        rows = x.detach().flatten(1).to(torch.float64)
        self._first = rows @ self._weights[0].T + self._biases[0]
        first = next((k for k, beta in enumerate(self._betas) if beta > 0), count)
        between = self._activations[first + 1 : -1]
        self.affine = all(f.code == IDENTITY for f in between)

    def _forward(self, inputs: Tensor, zeta: Tensor) -> list[Tensor]:
        u = [self._first[inputs]]
        for k, (beta, part) in enumerate(zip(self._betas, self._parts, strict=True)):
            t = self._activations[k](u[-1])
            if beta > 0:
                t = t + beta * zeta[:, part]
            u.append(t @ self._weights[k + 1].T + self._biases[k + 1])
        return u

    def of(self, inputs: Tensor, zeta: Tensor) -> Tensor:
        return self._forward(inputs, zeta)[-1]

    def linearised(self, inputs: Tensor, zeta: Tensor) -> tuple[Tensor, Tensor]:
        u = self._forward(inputs, zeta)
        jacobian = torch.zeros(len(inputs), self.layer.dim, self.n_noise, dtype=torch.float64)
        back = self._weights[-1].expand(len(inputs), -1, -1)
        for k in range(len(self._betas) - 1, -1, -1):
            if self._betas[k] > 0:
                jacobian[:, :, self._parts[k]] = self._betas[k] * back
            if k > 0:
                back = back * self._activations[k].derivative(u[k])[:, None, :] @ self._weights[k]
        return u[-1], jacobian

    def pulled(self, inputs: Tensor, vectors: Tensor) -> Tensor:
        """Aᵀ v [rows, D] of ``vectors`` v [rows, d], with A = ∂u/∂ζ at ζ = 0."""
        u = self._forward(inputs, torch.zeros(len(inputs), self.n_noise, dtype=torch.float64))
        found = torch.zeros(len(inputs), self.n_noise, dtype=torch.float64)
        back = vectors @ self._weights[-1]
        for k in range(len(self._betas) - 1, -1, -1):
            if self._betas[k] > 0:
                found[:, self._parts[k]] = self._betas[k] * back
            if k > 0:
                back = back * self._activations[k].derivative(u[k]) @ self._weights[k]
        return found


def _activation_of(module: nn.Module) -> Activation | None:
    if type(module) is nn.Tanh:
        return Activation(TANH)
    if type(module) is nn.Sigmoid:
        return Activation(SIGMOID)
    if type(module) is nn.ReLU:
        return Activation(LEAKY, 0.0)
    if type(module) is nn.LeakyReLU and 0 <= module.negative_slope < 1:
        return Activation(LEAKY, float(module.negative_slope))
    return None


class _Reached(Exception):  # noqa: N818 - ends a forward pass early
    pass


class ModulePreActivations:
    """Pre-activations of any module, with hooks for the noise and d vector–Jacobian products."""

    affine = False
    rounding = 0.0
    in_threads = False  # hooks of one thread would act in another's pass

    def __init__(self, network: nn.Module, x: Tensor, layer: Layer):
        self.layer = layer
        self._network, self.x = network, x
        self._shapes: list[tuple[int, ...]] = []
        self._betas: list[float] = []
        self._s = self._u = None
        self.activation = Activation()
        with torch.no_grad(), self._hooks(None):
            self._pass(self.x[:1])
        self.n_noise = sum(int(np.prod(shape)) for shape in self._shapes)
        self._rows = max(1, _ROW_VALUES // (self.n_noise + self._s[0].numel()))

    @contextmanager
    def _hooks(self, zeta: Tensor | None) -> Iterator[None]:
        """Channels below put out s + β ζ; the pass ends at the layer's own channel."""
        calls, begin, seen = 0, 0, {}

        def before(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            # a module that works in place overwrites what it is given
            seen["u"] = inputs[0].clone() if getattr(module, "inplace", False) else inputs[0]

        def after(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            seen["activation"], seen["s"] = _activation_of(module), output

        def channel(module: NoiseChannel, inputs: tuple[Tensor, ...], output: Tensor):
            nonlocal calls, begin
            calls += 1
            if calls == self.layer.number:
                s = inputs[0]
                known = seen.get("s") is s and seen["u"].shape == s.shape
                self.activation = seen["activation"] if known else Activation()
                self._s, self._u = s, (seen["u"] if known else s)
                raise _Reached
            if module.beta == 0.0:
                return output
            if zeta is None:
                self._shapes.append(tuple(inputs[0].shape[1:]))
                return output
            size = inputs[0][0].numel()
            noise = zeta[:, begin : begin + size].reshape(inputs[0].shape)
            begin += size
            return inputs[0] + module.beta * noise.to(inputs[0].dtype)

        handles = []
        for module in self._network.modules():
            if isinstance(module, NoiseChannel):
                handles.append(module.register_forward_hook(channel))
            elif _activation_of(module) is not None:
                handles.append(module.register_forward_pre_hook(before))
                handles.append(module.register_forward_hook(after))
        try:
            with noise_on(self._network, False):
                yield
        finally:
            for handle in handles:
                handle.remove()

    def _pass(self, x: Tensor) -> Tensor:
        with suppress(_Reached):
            self._network(x.clone())  # a network may change its input in place
        return self._u.flatten(1)

    def of(self, inputs: Tensor, zeta: Tensor) -> Tensor:
        parts = []
        for some, noise in zip(inputs.split(self._rows), zeta.split(self._rows), strict=True):
            with torch.no_grad(), self._hooks(noise):
                parts.append(self._pass(self.x[some]).to(torch.float64))
        return torch.cat(parts)

    def linearised(self, inputs: Tensor, zeta: Tensor) -> tuple[Tensor, Tensor]:
        values, jacobians = [], []
        for some, noise in zip(inputs.split(self._rows), zeta.split(self._rows), strict=True):
            noise = noise.detach().clone().requires_grad_(True)
            with torch.enable_grad(), self._hooks(noise):
                u = self._pass(self.x[some])
                rows = [
                    torch.autograd.grad(u[:, i].sum(), noise, retain_graph=True)[0]
                    for i in range(u.shape[1])
                ]
            values.append(u.detach().to(torch.float64))
            jacobians.append(torch.stack(rows, 1))
        return torch.cat(values), torch.cat(jacobians)


def _in_float64(network: nn.Module, x: Tensor) -> tuple[nn.Module, Tensor] | None:
    """A float64 copy of ``network`` and ``x``; None where it has numbers of its own precision."""
    try:
        double = copy.deepcopy(network).double()
        inputs = x.double() if x.is_floating_point() else x
        with torch.no_grad(), noise_on(double, False):
            double(inputs[:2].clone())
    except (RuntimeError, TypeError):
        return None
    return double, inputs


def _rounding(own: ModulePreActivations, double: PreActivations) -> float:
    """2·√d·√(E‖δ‖²)/β for S that differs by δ, measured at some points.

    For the formula see ``PlainNetwork.rounding``, which bounds δ for the worst weights; in wide
    layers that bound is orders of magnitude larger than the actual δ.
    """
    rng, layer = np.random.default_rng(0), own.layer
    inputs = torch.from_numpy(rng.integers(0, len(own.x), _ROUNDING_POINTS))
    zeta = torch.from_numpy(rng.standard_normal((len(inputs), own.n_noise)))
    moved = own.activation(own.of(inputs, zeta)) - double.activation(double.of(inputs, zeta))
    length = float(moved.square().sum(1).mean().sqrt())
    return 2.0 * float(np.sqrt(layer.dim)) * length / layer.beta


def pre_activations(sampler: Sampler, layer: Layer) -> PreActivations | None:
    """The pre-activations of ``layer``; None where noise below is not Gaussian."""
    below = sampler.channels[: layer.number - 1]
    if not all(isinstance(channel, GaussianNoise | NoNoise) for channel in below):
        return None
    if sampler.plain is not None:
        plain = PlainPreActivations(sampler.plain, sampler.x, layer)
        own = ModulePreActivations(sampler.network, sampler.x, layer)
        plain.rounding = _rounding(own, plain)
        return plain
    own = ModulePreActivations(sampler.network, sampler.x, layer)
    double = _in_float64(sampler.network, sampler.x)
    if double is None:
        return own
    units = ModulePreActivations(*double, layer)
    units.rounding = _rounding(own, units)
    return units if units.rounding < _MOST_ROUNDING else own
