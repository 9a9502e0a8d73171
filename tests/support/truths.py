"""Networks whose I(X;T) is known, for the tests of all estimators; and other known values.

Inputs are uniform over the rows of ``x``. Three tricks give exact values for whole networks, noise
in every layer, in more than one dimension:

- In a linear network whose last layer has one unit, T is points in Gaussian noise on a line.
- d copies of a one-dimensional chain side by side, measured on a product set of inputs, are d
  independent channels: d times the information of one.
- Orthogonal weights turn a cube's corners without changing the noise: d independent bits.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial

import numpy as np
import torch
from torch import Tensor, nn

from ib_runner.information.exact.linear_network import (
    gaussian_layer,
    points_in_unit_noise,
    whitened,
)
from ib_runner.information.exact.quadrature import mutual_information, next_layer
from ib_runner.networks import FCN, GaussianNoise

#: h(Z) = (d/2)·ln(2πeβ²), nats, of d units at β = 0.005
NOISE_ENTROPY = {10: -38.794, 7: -27.156, 5: -19.397, 4: -15.518, 3: -11.638}
#: H(X) of the 4096 patterns of the SZT data
SZT_INPUT_ENTROPY = 8.3178


@dataclass(frozen=True)
class Truth:
    """I(X;T) of ``layer`` of ``network`` for inputs ``x`` [N, n_inputs], known to ``tolerance``.

    The tolerance, in nats, includes the rounding of weights and activations to float32.
    """

    name: str
    network: nn.Sequential
    x: Tensor
    layer: int
    exact: Callable[[], float]
    tolerance: float = 1e-5

    @cached_property
    def value(self) -> float:
        """I(X;T_layer) in nats."""
        return self.exact()

    @property
    def beta(self) -> float:
        """The noise of every layer."""
        return next(m.beta for m in self.network if isinstance(m, GaussianNoise))

    def __str__(self) -> str:
        return f"{self.name}, layer {self.layer}"


@dataclass(frozen=True)
class Chain:
    """One unit a layer: T_ℓ = f(w_ℓ·T_{ℓ−1} + b_ℓ) + N(0, β²), from inputs ``x`` [N]."""

    activation: str
    x: tuple[float, ...]
    weights: tuple[float, ...]
    biases: tuple[float, ...]
    beta: float

    def copies(self, d: int) -> tuple[FCN, Tensor]:
        """d such chains side by side as one network, and the product set of inputs [N^d, d]."""
        network = FCN(
            d, 1, [d] * len(self.weights), self.activation, partial(GaussianNoise, self.beta)
        )
        linear = [module for module in network if isinstance(module, nn.Linear)]
        with torch.no_grad():
            for module, w, b in zip(linear, self.weights, self.biases, strict=False):
                module.weight.copy_(w * torch.eye(d))
                module.bias.fill_(b)
        return network, torch.tensor(list(itertools.product(self.x, repeat=d)))

    def information(self, layer: int) -> float:
        """I(X;T_layer) of one chain, by quadrature."""
        return _chain_information(self, layer)

    def truths(self, name: str, d: int = 1) -> Iterator[Truth]:
        """Every layer of ``d`` copies."""
        network, x = self.copies(d)
        for layer in range(1, len(self.weights) + 1):
            yield Truth(name, network, x, layer, lambda layer=layer: d * self.information(layer))


@cache
def _chain_information(chain: Chain, layer: int) -> float:
    f = {
        "tanh": np.tanh,
        "identity": lambda v: v,
        "relu": lambda v: np.maximum(v, 0.0),
        "leaky_relu": lambda v: np.maximum(v, v / 10),
    }[chain.activation]
    s, densities = f(chain.weights[0] * np.array(chain.x) + chain.biases[0]), None
    for w, b in zip(chain.weights[1:layer], chain.biases[1:layer], strict=True):
        s, densities = next_layer(
            s,
            chain.beta,
            lambda t, w=w, b=b: f(w * t + b),
            panel=0.5 / max(1.0, abs(w)),
            kinks=(-b / w,),
            weights=densities,
        )
    return mutual_information(s, chain.beta, densities).value


def _limits() -> Iterator[Truth]:
    """No information at all, all of it, and clusters of 1, 2, 3 and 2 inputs."""
    share = np.array([1, 2, 3, 2]) / 8
    clusters = np.repeat([0.0, 0.3, -0.2, 0.9], [1, 2, 3, 2])
    for name, x, value in (
        ("inputs all alike", [0.5] * 8, 0.0),
        ("inputs far apart", list(np.linspace(-1, 1, 8)), math.log(8)),
        ("inputs in clusters", list(clusters), -float((share * np.log(share)).sum())),
    ):
        network, _ = Chain("identity", (0.0,), (1.0, 1.0), (0.0, 0.0), 0.005).copies(3)
        inputs = torch.tensor(x, dtype=torch.float32)[:, None].expand(-1, 3)
        for layer in (1, 2):
            yield Truth(name, network, inputs, layer, lambda value=value: value)


def _cube(d: int, n_layers: int, scale: float, beta: float, seed: int) -> Iterator[Truth]:
    """The corners of a cube in a linear network of orthogonal weights times ``scale``."""
    generator = torch.Generator().manual_seed(seed)
    network = FCN(d, 1, [d] * n_layers, "identity", partial(GaussianNoise, beta))
    linear = [module for module in network if isinstance(module, nn.Linear)]
    with torch.no_grad():
        for module in linear[:-1]:
            turn = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))[0]
            module.weight.copy_(scale * turn)
    x = torch.tensor(list(itertools.product([0.0, 1.0], repeat=d)))
    for layer in range(1, n_layers + 1):
        distance = scale**layer
        noise = beta * math.sqrt(sum(scale ** (2 * k) for k in range(layer)))
        bit = partial(mutual_information, np.array([0.0, distance]), noise)
        yield Truth(f"cube, d = {d}", network, x, layer, lambda bit=bit: d * bit().value)


def linear_truth(widths: Sequence[int], n: int, beta: float, seed: int) -> Truth:
    """The last layer of a linear network with random weights on ``n`` random inputs.

    One unit there: by quadrature. More: exact densities and a quasi-random mean over the noise,
    known to five of its standard errors, about 1e-3.
    """
    torch.manual_seed(seed)
    network = FCN(6, 2, widths, "identity", partial(GaussianNoise, beta))
    x = torch.randn(n, 6)
    name = f"linear, widths {'-'.join(map(str, widths))}, N = {n}, beta = {beta}"
    points = whitened(*gaussian_layer(network, x, len(widths)))
    if widths[-1] == 1:
        line = points[:, 0].numpy()
        exact = partial(mutual_information, line, 1.0)
        return Truth(name, network, x, len(widths), lambda: exact().value)
    mean = points_in_unit_noise(points, n_draws=max(4, 2**12 // n), seed=seed)
    return Truth(name, network, x, len(widths), lambda: mean.value, 1e-5 + 5 * mean.stderr)


def truths() -> list[Truth]:
    """All cases whose value is exact, layer by layer."""
    neuron = Chain("tanh", (-3.0, -1.0, 1.0, 3.0), (1.0,), (-2.0,), 0.1)
    leaky = Chain("leaky_relu", tuple(map(float, range(1, 9))), (0.3, 0.8), (-1.0, -0.1), 0.1)
    bent = Chain("tanh", (-1.0, -0.2, 0.3, 0.8), (1.0, 2.0, 1.5), (0.1, -0.3, 0.2), 0.1)
    fine = Chain("tanh", (-1.0, -0.99, 0.3, 0.31), (1.0, 1.5), (0.1, -0.3), 0.005)
    rectified = Chain("relu", (-1.0, 0.1, 0.3, 0.8), (1.0, 1.3), (0.1, -0.2), 0.1)
    return [
        *_limits(),
        *neuron.truths("tanh neuron"),
        *leaky.truths("leaky ReLU neurons"),
        *bent.truths("tanh chain"),
        *bent.truths("2 tanh chains", 2),
        *bent.truths("3 tanh chains", 3),
        *fine.truths("2 tanh chains, small noise", 2),
        *rectified.truths("3 ReLU chains", 3),
        *_cube(3, 3, 0.7, 0.3, seed=0),
        *_cube(7, 2, 1.2, 0.5, seed=1),
        *(
            linear_truth([5, 3, 1], n, beta, seed=n)
            for n, beta in ((4, 0.1), (30, 0.05), (200, 0.02))
        ),
    ]
