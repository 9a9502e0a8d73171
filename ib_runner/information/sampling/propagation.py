"""Fused sampling of S through plain networks: Linear, activation, GaussianNoise, one after another.

The same draws as a forward pass with noise on would give, in distribution, at a tenth of the
time: every layer of a few hundred draws stays in the processor's first cache.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ib_runner.compiled import inner, parallel_range
from ib_runner.information.sampling.normal_numbers import fill_normals, seed_lanes, stream
from ib_runner.networks.noise import GaussianNoise, NoNoise
from ib_runner.networks.plain_chain import Stage, plain_chain
from ib_runner.vector_math import tanh

#: draws that are propagated together: 16 rows of them fit the first cache
DRAWS = 256
_IDENTITY, _TANH, _LEAKY = 0, 1, 2
#: float32's unit of rounding, the kernel's error in tanh, and, as a multiple of β, the rounding of
#: S from which on a true forward pass is needed
_UNIT, _TANH_ERROR, _MOST_ROUNDING = 2.0**-24, 3e-7, 0.05
_f = np.float32


@dataclass(frozen=True)
class PlainNetwork:
    """The hidden layers of a plain network in the arrays that the kernel reads.

    ``widths`` [L + 1] begins with the input's; ``weights`` and ``biases`` hold the layers one
    after another; ``activations`` and ``slopes`` [L] code the activation; ``betas`` [L].
    """

    widths: np.ndarray
    weights: np.ndarray
    biases: np.ndarray
    activations: np.ndarray
    slopes: np.ndarray
    betas: np.ndarray

    @property
    def linear_layers(self) -> int:
        """How many layers from the first on have no activation function."""
        bent = np.flatnonzero(self.activations != _IDENTITY)
        return int(bent[0]) if len(bent) else len(self.activations)

    def affine(self, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """Weights [units, units below] and biases [units] of ``layer`` (from 1), float64."""
        sizes = self.widths[1:] * self.widths[:-1]
        first_weight, first_bias = sizes[: layer - 1].sum(), self.widths[1:layer].sum()
        weights = self.weights[first_weight : first_weight + sizes[layer - 1]]
        biases = self.biases[first_bias : first_bias + self.widths[layer]]
        return weights.reshape(self.widths[layer], -1).astype(float), biases.astype(float)

    def rounding(self, layer: int, exact: int, size: np.ndarray) -> float:
        """The most by which rounding to float32 may change I(X;T) of ``layer``, in nats.

        T = S + Z with S moved by δ: dI/dε of S + εδ is −E[δ·∇ln p(T)] + E[δ·∇ln p(T|X)], and the
        mean square of such a score is at most d/β². So |ΔI| ≤ 2·√d·√(E‖δ‖²)/β. ``exact``: number of
        the last layer without noise below, whose |S| of each unit is at most ``size`` [units].
        """
        moved = np.zeros_like(size)
        for number in range(exact + 1, layer + 1):
            weights, bias = (np.abs(values) for values in self.affine(number))
            t = size + self.betas[number - 2]
            terms = weights @ t + bias
            moved = weights @ (moved + _UNIT * t) + _UNIT * (len(t) + 2) * terms
            moved += _TANH_ERROR if self.activations[number - 1] == _TANH else _UNIT * terms
            size = np.minimum(terms, 1.0) if self.activations[number - 1] == _TANH else terms
        beta = float(self.betas[layer - 1])
        return 2.0 * float(np.sqrt(len(size)) * np.linalg.norm(moved)) / beta

    def resolves_its_noise(self, exact: int, size: np.ndarray) -> bool:
        """Whether one rounding of S in float32 is small against β in every layer above ``exact``.

        Else the order of summation would change the estimate. Arguments as of ``rounding``.
        """
        for number in range(exact + 1, len(self.betas) + 1):
            weights, bias = (np.abs(values) for values in self.affine(number))
            size = weights @ (size + self.betas[number - 2]) + bias
            beta = self.betas[number - 1]
            if beta > 0 and not _UNIT * size.max() <= _MOST_ROUNDING * beta:
                return False
            if self.activations[number - 1] == _TANH:
                size = np.minimum(size, 1.0)
        return True

    def activate(self, layer: int, values: np.ndarray) -> np.ndarray:
        """The activation of ``layer`` (from 1), in the precision of ``values``."""
        if self.activations[layer - 1] == _TANH:
            return np.tanh(values)
        return np.maximum(values, float(self.slopes[layer - 1]) * values)


def _activation_code(module: nn.Module) -> tuple[int, float] | None:
    """Code and slope of an activation; None for an activation that the kernel cannot compute."""
    if type(module) is nn.Tanh:
        return _TANH, 0.0
    if type(module) is nn.Identity:
        return _IDENTITY, 1.0
    slope = float(getattr(module, "negative_slope", 0.0))
    return (_LEAKY, slope) if 0.0 <= slope <= 1.0 else None


def plain_network(network: nn.Module, x: Tensor) -> PlainNetwork | None:
    """``network`` in arrays for the fused kernel, or None where a true forward pass is needed.

    The kernel needs a plain chain on the CPU in float32 whose hidden layers all have a channel,
    with Gaussian or no noise, and inputs ``x`` [n, d], or [n, …] where the chain flattens them.
    """
    chain = plain_chain(network)
    rows = chain is not None and (x.ndim == 2 or (x.ndim > 2 and chain.flattens))
    stages = chain.hidden if rows else None
    if stages is None or not all(map(_fits, stages)):
        return None
    codes = [_activation_code(stage.activation) for stage in stages]
    if None in codes:
        return None
    linears = [stage.linear for stage in stages]
    return PlainNetwork(
        widths=np.array([linears[0].in_features] + [m.out_features for m in linears], np.int64),
        weights=np.concatenate([m.weight.detach().numpy().ravel() for m in linears]),
        biases=np.concatenate([_bias(m) for m in linears]),
        activations=np.array([code for code, _ in codes], np.int64),
        slopes=np.array([slope for _, slope in codes], np.float32),
        betas=np.array([stage.channel.beta for stage in stages], np.float32),
    )


def _fits(stage: Stage) -> bool:
    weight = stage.linear.weight
    known = type(stage.channel) in (GaussianNoise, NoNoise)
    return known and weight.device.type == "cpu" and weight.dtype == torch.float32


def _bias(linear: nn.Linear) -> np.ndarray:
    if linear.bias is None:
        return np.zeros(linear.out_features, np.float32)
    return linear.bias.detach().numpy()


@inner(fastmath=True, error_model="numpy")
def _affine(weights, bias, t, out):
    """out[j] = b + Σ_i w_i t[i, j] for one unit's ``weights`` [n]; ``t`` [≥ n, DRAWS]."""
    n = weights.size
    for j in range(DRAWS):
        out[j] = bias
    i = 0
    while i + 4 <= n:  # several terms a pass: numbers in memory are read and written once
        w0, w1, w2, w3 = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
        t0, t1, t2, t3 = t[i], t[i + 1], t[i + 2], t[i + 3]
        for j in range(DRAWS):
            out[j] += w0 * t0[j] + w1 * t1[j] + w2 * t2[j] + w3 * t3[j]
        i += 4
    while i < n:
        w0 = weights[i]
        t0 = t[i]
        for j in range(DRAWS):
            out[j] += w0 * t0[j]
        i += 1


@inner(fastmath=True, error_model="numpy")
def _activate(code, slope, row):
    if code == _TANH:
        for j in range(row.size):
            row[j] = tanh(row[j])
    elif code == _LEAKY:
        for j in range(row.size):
            row[j] = max(row[j], slope * row[j])


@inner(fastmath=True, error_model="numpy")
def _add(s, beta, z, t):
    for j in range(DRAWS):
        t[j] = s[j] + beta * z[j]


@inner(fastmath=True, error_model="numpy")
def _add_noise(s, beta, state, z, t):
    """t = s + beta·z for one unit's draws."""
    if beta > _f(0.0):
        fill_normals(state, z)
        _add(s, beta, z, t)
    else:  # by a loop: assigning to a slice takes a second to compile, for its errors' words
        for j in range(DRAWS):
            t[j] = s[j]


@inner(allocates=True, fastmath=True, error_model="numpy")
def _first_layer(x, widths, weights, biases, activations, slopes, s):
    """S of layer 1, a function of ``x`` [d]: the same in every draw, ``s`` [units, DRAWS]."""
    value = np.empty(1, np.float32)
    for unit in range(widths[1]):
        value[0] = biases[unit]
        for i in range(widths[0]):
            value[0] += weights[unit * widths[0] + i] * x[i]
        _activate(activations[0], slopes[0], value)
        for j in range(DRAWS):
            s[unit, j] = value[0]


@inner(fastmath=True, error_model="numpy")
def _propagate(
    widths, weights, biases, activations, slopes, betas, common, draw, state, rows, t, z
):
    """Draws ``draw`` … of S of one input, ``rows`` [Σ widths, DRAWS], which has layer 1's."""
    first_weight = widths[0] * widths[1]
    first_unit = widths[1]
    for layer in range(1, activations.size):
        n_in = widths[layer]
        for unit in range(n_in):
            below = first_unit - n_in + unit
            if common.shape[0] > 0:
                _add(rows[below], betas[layer - 1], common[below, draw : draw + DRAWS], t[unit])
            else:
                _add_noise(rows[below], betas[layer - 1], state, z, t[unit])
        for unit in range(widths[layer + 1]):
            row = rows[first_unit + unit]
            of_unit = weights[first_weight + unit * n_in : first_weight + (unit + 1) * n_in]
            _affine(of_unit, biases[first_unit + unit], t, row)
            _activate(activations[layer], slopes[layer], row)
        first_weight += n_in * widths[layer + 1]
        first_unit += widths[layer + 1]


@parallel_range(fastmath=True, error_model="numpy")
def fused_propagation(
    begin,
    end,
    x,
    numbers,
    widths,
    weights,
    biases,
    activations,
    slopes,
    betas,
    seed,
    purpose,
    common,
    skipped,
    most,
    wanted,
    places,
    centres,
    centred,
    scales,
    s,
):
    """Draws of S in all hidden layers, (S − ``centres``)·``scales``, into ``s`` [values].

    ``x`` [n, d] holds the inputs ``numbers`` [n]. The noise is ``common`` [units, draws], standard
    normal, where there is any; if not, that of an input is a function of (``seed``, ``purpose``,
    its number). ``most`` draws are made, a multiple of 256. Of them ``wanted`` [units] are written,
    such multiples too; the first ``skipped`` units of all layers are not among these units.
    ``places`` [n, units]: where in ``s`` the draws of an input's unit begin. ``centres`` [n,
    units], ``scales`` [units]; ``centred``: the first draws become the centres.
    """
    n_units, widest = 0, widths[0]  # by a loop: numba's sum and max take a second to compile
    for width in widths[1:]:
        n_units, widest = n_units + width, max(widest, width)
    z = np.empty(DRAWS, np.float32)
    t = np.empty((widest, DRAWS), np.float32)
    rows = np.empty((n_units, DRAWS), np.float32)
    state = np.empty((4, DRAWS // 2), np.uint32)
    for k in range(begin, end):
        seed_lanes(state, stream(seed, purpose, numbers[k]))
        _first_layer(x[k], widths, weights, biases, activations, slopes, rows)
        for draw in range(0, most, DRAWS):
            _propagate(
                widths, weights, biases, activations, slopes, betas,
                common, draw, state, rows, t, z,
            )  # fmt: skip
            for i in range(wanted.size):
                if draw >= wanted[i]:
                    continue
                row = rows[skipped + i]
                if centred and draw == 0:
                    centres[k, i] = row[0]
                place = places[k, i] + draw
                out = s[place : place + DRAWS]
                for j in range(DRAWS):
                    out[j] = (row[j] - centres[k, i]) * scales[i]
