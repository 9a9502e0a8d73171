"""The cases of coverage.py: random layers whose I(X;T) is computed independently of the estimator.

Families, each with noise of its own in every layer, N from 4 to 8192 and labels:

- ``linear`` (1 to 6 units), ``wide linear`` (17 to 128): T given x is one Gaussian.
- ``narrow tanh``, ``narrow relu``: one or two units below one to three, any gain, so that units
  are saturated, dead or neither; ln p(t|x) is a sum over a fine grid of the noise below.
- ``wide nonlinear``: one or two units below 17 to 64.
- ``product``: independent blocks side by side, two or three layers deep, with up to 6 units of
  noise below; inputs are all combinations of the blocks' own, so that I(X;T) is the sum over them.
- ``rare pairs``: inputs far apart, except for pairs whose outputs seldom overlap.
- ``rare inputs``: thousands of equal inputs, and a few different ones.
- ``dead at times``, ``alive at times``: the noise of one unit sets all ReLU units to zero, or
  activates them, with probabilities down to 1e-5: nearly all points reveal X, or nothing.
- ``paths …``: one of the families with few units, estimated by paths instead of clouds of draws.
"""

import copy
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import stats
from scipy.special import logsumexp
from scipy.stats import qmc
from torch import Tensor, nn

from ib_runner.information.exact.linear_network import gaussian_layer, whitened
from ib_runner.networks import FCN, GaussianNoise

#: numbers of inputs; small ones are more frequent, as the randomness of clouds matters most there
INPUTS = (4, 4, 8, 8, 16, 16, 32, 64, 256, 1024, 2048)
#: numbers of nodes along each axis of a grid, increasing, by the number of axes
_NODES = {1: (401, 801, 1601, 3201, 6401), 2: (61, 121, 241)}
#: largest distance of neighbouring nodes' outputs, in standard deviations of the layer's noise
_RESOLVED = 0.7
#: density evaluations for a truth at effort 1; number of independent means that give its error
_DENSITIES, _REPLICATES = 10**7, 8
#: standard deviations beyond which a node is left out: weights e^−128, where its own have e^−60
_FAR = 16.0
#: points that are evaluated together
_AT_ONCE = 256


@dataclass(frozen=True)
class Case:
    """A network, inputs [N, d], labels [N], and the number of the layer to measure.

    ``axes``: the numbers of the standard normal noise variables below that matter; None in linear
    networks. ``tail``: value of the last axis beyond which the rare event happens. ``blocks``: the
    parts of a product, whose information is summed; the labels are those of the first block.
    ``by_paths``: to be estimated without clouds.
    """

    family: str
    network: nn.Sequential
    x: Tensor
    y: Tensor
    layer: int
    axes: tuple[int, ...] | None = None
    tail: float | None = None
    blocks: tuple["Case", ...] = ()
    by_paths: bool = False

    @property
    def beta(self) -> float:
        """Standard deviation of the layer's noise."""
        return _channels(self.network)[self.layer - 1].beta


def _channels(network: nn.Module) -> list[GaussianNoise]:
    return [module for module in network if isinstance(module, GaussianNoise)]


def _levels(rng: np.random.Generator, count: int) -> list[float]:
    # noise of earlier layers may be much larger than that of the measured layer
    return [float(10 ** rng.uniform(-1.7, 0.2)) for _ in range(count)]


def _network(
    rng: np.random.Generator,
    n_inputs: int,
    widths: Sequence[int],
    activation: str,
    betas: Sequence[float],
) -> FCN:
    """A network with PyTorch's initialisation, every matrix and bias multiplied by 1 to 5."""
    torch.manual_seed(int(rng.integers(2**31)))
    levels = iter(betas)
    network = FCN(n_inputs, 2, widths, activation, lambda: GaussianNoise(next(levels))).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= float(rng.uniform(1.0, 5.0))
    return network


def _inputs(rng: np.random.Generator, n: int, dim: int) -> Tensor:
    x = torch.from_numpy(rng.standard_normal((n, dim))).float()
    if rng.random() < 0.25:  # most inputs nearly equal, a few far apart
        x[: n - max(1, n // 8)] = x[0] + 1e-3 * x[: n - max(1, n // 8)]
    return x


def _labels(x: Tensor) -> Tensor:
    return (x.sum(1) > 0).long()


def _linear(rng: np.random.Generator) -> Case:
    widths = [int(rng.integers(1, 7)) for _ in range(int(rng.integers(1, 4)))]
    return _of_linear("linear", rng, widths)


def _wide_linear(rng: np.random.Generator) -> Case:
    widths = [int(rng.integers(17, 129)) for _ in range(int(rng.integers(1, 4)))]
    return _of_linear("wide linear", rng, widths)


def _of_linear(family: str, rng: np.random.Generator, widths: list[int]) -> Case:
    n_inputs = int(rng.integers(2, 6))
    network = _network(rng, n_inputs, widths, "identity", _levels(rng, len(widths)))
    x = _inputs(rng, INPUTS[rng.integers(len(INPUTS))], n_inputs)
    return Case(family, network, x, _labels(x), int(rng.integers(1, len(widths) + 1)))


def _nonlinear(
    family: str, rng: np.random.Generator, activation: str, widths: list[int], most: int = 512
) -> Case:
    """A network whose noise a grid resolves, with as many inputs as that grid allows."""
    below = sum(widths[:-1])
    n_inputs = int(rng.integers(2, 6))
    network = _network(rng, n_inputs, widths, activation, _levels(rng, len(widths)))
    x = _inputs(rng, min(most, INPUTS[rng.integers(len(INPUTS))]), n_inputs)
    case = Case(family, network, x, _labels(x), len(widths), tuple(range(below)))
    case, nodes = _resolved(case)
    n = min(len(x), max(4, int(math.sqrt(2 * 10**7 / 4 / nodes))))
    x = x[torch.from_numpy(rng.permutation(len(x))[:n])]
    return replace(case, x=x, y=_labels(x))


def _narrow(activation: str) -> Callable[[np.random.Generator], Case]:
    def make(rng: np.random.Generator) -> Case:
        widths = [1 + int(rng.random() < 0.3), int(rng.integers(1, 4))]
        return _nonlinear(f"narrow {activation}", rng, activation, widths)

    return make


def _wide_nonlinear(rng: np.random.Generator) -> Case:
    widths = [1 + int(rng.random() < 0.3), int(rng.integers(17, 65))]
    return _nonlinear("wide nonlinear", rng, ("tanh", "relu")[rng.integers(2)], widths, most=32)


def _product(rng: np.random.Generator) -> Case:
    activation = ("tanh", "relu")[rng.integers(2)]
    deep = rng.random() < 0.3
    count = int(rng.integers(2, 4 if deep else 6))
    below = [1, 1] if deep else [1]
    parts = []
    for _ in range(count):
        part = _nonlinear("", rng, activation, [*below, int(rng.integers(1, 7))], most=8)
        n = int(rng.integers(2, 3 if count > 3 else 4))
        parts.append(replace(part, x=part.x[:n], y=_labels(part.x[:n])))
    # one level of noise for each layer, the last one large enough for the grid of every block
    betas = [channel.beta for channel in _channels(parts[0].network)]
    for part in parts:
        for channel, beta in zip(_channels(part.network), betas, strict=True):
            channel.beta = beta
    beta = max(_resolved(part)[0].beta for part in parts)
    for part in parts:
        _channels(part.network)[-1].beta = beta
    chains = [list(part.network) for part in parts]
    network = copy.deepcopy(parts[0].network)
    for k, modules in enumerate(zip(*chains, strict=True)):
        if isinstance(modules[0], nn.Linear):
            weight = torch.block_diag(*[module.weight.detach() for module in modules])
            network[k] = nn.Linear(weight.shape[1], weight.shape[0])
            with torch.no_grad():
                network[k].weight.copy_(weight)
                network[k].bias.copy_(torch.cat([module.bias.detach() for module in modules]))
    rows = list(itertools.product(*[range(len(part.x)) for part in parts]))
    x = torch.stack([torch.cat([p.x[i] for p, i in zip(parts, r, strict=True)]) for r in rows])
    y = torch.stack([parts[0].y[row[0]] for row in rows])
    return Case("product", network, x, y, len(below) + 1, (), blocks=tuple(parts), by_paths=True)


def _rare_pairs(rng: np.random.Generator) -> Case:
    """A grid of inputs 40σ apart, half of them with a partner at 3 to 9σ."""
    dim, n = int(rng.integers(2, 33)), int(INPUTS[rng.integers(len(INPUTS))])
    beta = float(10 ** rng.uniform(-1.0, 0.0))
    network = _network(rng, dim, [dim], "identity", [beta])
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(dim))
        network[0].bias.zero_()
    n_far = n - n // 4
    places = torch.from_numpy(rng.permutation(n_far))
    side = math.ceil(math.sqrt(n_far))
    x = torch.zeros(n, dim)
    x[:n_far, 0], x[:n_far, 1] = places // side, places % side
    x[n_far:] = x[: n - n_far]
    x = x * 40 * beta
    x[n_far:, dim - 1] += float(rng.uniform(3.0, 9.0)) * beta
    return Case("rare pairs", network, x, torch.arange(n) % 2, 1)


def _rare_inputs(rng: np.random.Generator) -> Case:
    """Equal inputs, except for 1 in 8192 to 1 in 100."""
    dim, n = int(rng.integers(2, 33)), int(rng.integers(1500, 8193))
    apart = max(1, int(n * 10 ** rng.uniform(-4.0, -2.0)))
    network = _network(rng, 3, [dim], "identity", _levels(rng, 1))
    x = torch.zeros(n, 3)
    x[torch.from_numpy(rng.permutation(n)[:apart])] = float(rng.uniform(1.0, 20.0)) * torch.randn(
        apart, 3, generator=torch.Generator().manual_seed(int(rng.integers(2**31)))
    )
    return Case("rare inputs", network, x, (x.abs().sum(1) > 0).long(), 1)


def _at_times(dead: bool) -> Callable[[np.random.Generator], Case]:
    """ReLU units that the noise of one unit in the layer below zeroes, or activates, all at once.

    The inputs are {0, 1}^m. Each other unit below has one bit, with noise 1/10,000 of the layer's;
    the layer has a unit for each bit and one for none.
    """

    def make(rng: np.random.Generator) -> Case:
        bits, beta = int(rng.integers(2, 8)), 1.0
        below = float(10 ** rng.uniform(-1.0, 0.0))
        network = _network(rng, bits, [bits + 1, bits + 1], "relu", [below, beta])
        shift = float(stats.norm.isf(10 ** rng.uniform(-5.0, -2.0))) * (1.0 if dead else -1.0)
        gain, apart = 1e4 * below, float(rng.uniform(4.0, 14.0))
        steep = apart * float(rng.uniform(2.0, 5.0))
        with torch.no_grad():
            network[0].weight.copy_(gain * torch.eye(bits + 1, bits))
            network[0].bias.zero_()
            network[3].weight.copy_(apart / gain * torch.eye(bits + 1))
            network[3].weight[:, bits] = steep / below
            network[3].bias.fill_(steep * shift)
        x = torch.tensor(list(itertools.product([0.0, 1.0], repeat=bits)))
        family = "dead at times" if dead else "alive at times"
        return Case(family, network, x, x[:, 0].long(), 2, (bits,), -shift)

    return make


def clean(case: Case, inputs: Tensor, zeta: Tensor) -> np.ndarray:
    """S of the layer [rows, d] with noise ``zeta`` [rows, axes] below and no other noise."""
    t, number, begin = inputs.double(), 0, 0
    for module in copy.deepcopy(case.network).double():
        if not isinstance(module, GaussianNoise):
            with torch.no_grad():
                t = module(t)
            continue
        number += 1
        if number == case.layer:
            break
        noise = torch.zeros_like(t)
        for k in range(t.shape[1]):
            if begin + k in case.axes:
                noise[:, k] = zeta[:, case.axes.index(begin + k)]
        begin += t.shape[1]
        t = t + module.beta * noise
    return t.numpy()


def _grid(count: int, dim: int) -> Tensor:
    axis = torch.linspace(-6.5, 6.5, count, dtype=torch.float64)
    return torch.stack(torch.meshgrid(*[axis] * dim, indexing="ij"), -1).reshape(-1, dim)


def _coarseness(case: Case, count: int) -> float:
    """The largest distance of neighbouring nodes' outputs, in units of the layer's noise."""
    dim, most = len(case.axes), 0.0
    zeta = _grid(count, dim)
    for row in case.x[:16]:
        s = clean(case, row.expand(len(zeta), -1), zeta).reshape(*[count] * dim, -1)
        for axis in range(dim):
            most = max(most, float(np.linalg.norm(np.diff(s, axis=axis), axis=-1).max()))
    return most / case.beta


def _resolved(case: Case) -> tuple[Case, int]:
    """The case, with more noise where no grid is fine enough, and the grid's number of nodes."""
    dim = len(case.axes)
    for count in _NODES[dim]:
        coarse = _coarseness(case, count)
        if coarse <= _RESOLVED:
            return case, count**dim
    channel = _channels(case.network)[case.layer - 1]
    channel.beta *= 1.01 * coarse / _RESOLVED
    return case, count**dim


@dataclass(frozen=True)
class _Sum:
    """A stratified mean: ``add`` takes terms [rows, replicates] and the weight of each row."""

    mean: float = 0.0
    variance: float = 0.0

    def add(self, terms: np.ndarray, weights: np.ndarray) -> "_Sum":
        variance = weights**2 @ (terms.var(1, ddof=1) / terms.shape[1])
        return _Sum(self.mean + float(weights @ terms.mean(1)), self.variance + float(variance))


def _uniform(rng: np.random.Generator, rows: int, each: int, dim: int) -> np.ndarray:
    """Numbers in (0, 1), [rows · replicates · points, dim]: ``each`` or a little fewer for a row.

    Every replicate is a Sobol sequence with a random shift of its own: a mean over it is unbiased,
    and independent of the others, whose spread is the mean's error.
    """
    log_points = max(0, int(math.log2(each / _REPLICATES)))
    points = qmc.Sobol(dim, scramble=False).random_base2(log_points)
    shifts = rng.random((rows, _REPLICATES, 1, dim))
    return ((points + shifts) % 1.0).reshape(-1, dim).clip(1e-15, 1.0 - 1e-15)


def _of_replicates(terms: np.ndarray, rows: int) -> np.ndarray:
    """Means [rows, replicates] of terms [rows · replicates · points]."""
    return terms.reshape(rows, _REPLICATES, -1).mean(2)


def _main_axes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle of ``points`` [m, d] and the axes [d, r], longest first, along which they differ.

    Noise of variance 1 is the same along all axes, and the axes left out have no information.
    """
    middle = points.mean(0)
    squares, axes = np.linalg.eigh((points - middle).T @ (points - middle))
    kept = squares[::-1] > 1e-12 * max(1, len(points))
    return middle, axes[:, ::-1][:, kept | (np.arange(len(kept)) == 0)]


def _terms(
    log_p: np.ndarray, owners: np.ndarray, y: np.ndarray, counts: np.ndarray
) -> dict[str, np.ndarray]:
    """ln p(t|x)/p(t) and ln p(t|y)/p(t) of ``log_p`` [m, n] = ln p(t|x'), x' ``counts`` times."""
    rows, top = np.arange(len(owners)), log_p.max(1)
    own = log_p[rows, owners] - top
    _, labels = np.unique(y, return_inverse=True)
    of_label = counts[:, None] * (labels[:, None] == np.arange(labels.max() + 1))
    label = np.exp(log_p - top[:, None]) @ of_label
    log_total = np.log(label.sum(1) / counts.sum())
    log_label = np.log(label[rows, labels[owners]] / of_label.sum(0)[labels[owners]])
    return {"x": own - log_total, "y": log_label - log_total}


Truths = dict[str, tuple[float, float]]


def truths(case: Case, seed: int, effort: int = 1) -> Truths:
    """I(X;T) and I(Y;T) in nats, with standard errors, from ``effort`` times the points."""
    rng = np.random.default_rng([seed, effort])
    if case.blocks:
        parts = [_of_grid(part, rng, effort) for part in case.blocks]
        mean = sum(part["x"][0] for part in parts)
        return {"x": (mean, math.hypot(*[part["x"][1] for part in parts])), "y": parts[0]["y"]}
    return _of_gaussians(case, rng, effort) if case.axes is None else _of_grid(case, rng, effort)


def _of_gaussians(case: Case, rng: np.random.Generator, effort: int) -> Truths:
    _, first, counts = np.unique(case.x.numpy(), axis=0, return_index=True, return_counts=True)
    y = case.y.numpy()[first]
    means = whitened(*gaussian_layer(case.network, case.x, case.layer)).numpy()[first]
    middle, axes = _main_axes(means)
    means = (means - middle) @ axes
    n = len(means)
    each = effort * max(_REPLICATES, min(8192, 2**22 // n**2))
    sums = {"x": _Sum(), "y": _Sum()}
    step = max(1, 2**20 // (n * each))
    for begin in range(0, n, step):
        rows = np.arange(begin, min(begin + step, n))
        noise = stats.norm.ppf(_uniform(rng, len(rows), each, means.shape[1]))
        owners = np.repeat(rows, len(noise) // len(rows))
        log_p = (means[owners] + noise) @ means.T - 0.5 * np.square(means).sum(1)
        for target, terms in _terms(log_p, owners, y, counts).items():
            of_rows = _of_replicates(terms, len(rows))
            sums[target] = sums[target].add(of_rows, counts[rows] / counts.sum())
    return {target: (one.mean, math.sqrt(one.variance)) for target, one in sums.items()}


def _of_grid(case: Case, rng: np.random.Generator, effort: int) -> Truths:
    n, dim, y = len(case.x), len(case.axes), case.y.numpy()
    nodes = next((c for c in _NODES[dim] if _coarseness(case, c) <= _RESOLVED), _NODES[dim][-1])
    zeta = _grid(nodes, dim)
    log_weights = -0.5 * np.square(zeta.numpy()).sum(1)
    log_weights -= logsumexp(log_weights)
    strata = [(1.0, 0.0, 1.0)]
    if case.tail is not None:
        below = stats.norm.cdf(case.tail)
        strata = [(below, 0.0, below), (1.0 - below, below, 1.0)]
    clouds = [clean(case, row.expand(len(zeta), -1), zeta) / case.beta for row in case.x]
    middle, axes = _main_axes(np.concatenate(clouds))
    clouds = [_Cloud((cloud - middle) @ axes, log_weights) for cloud in clouds]
    ends = [cloud.along[[len(zeta) // 4, -len(zeta) // 4]] for cloud in clouds]
    spans = [cloud.near(end, end) for cloud in clouds for pair in ends for end in pair]
    at_each = sum(span.stop - span.start for span in spans) / 2
    each = effort * int(np.clip(_DENSITIES / max(at_each, 1), _REPLICATES, 4096))
    sums = {"x": _Sum(), "y": _Sum()}
    for share, low, high in strata:
        u = _uniform(rng, n, each, dim + axes.shape[1])
        owners = np.repeat(np.arange(n), len(u) // n)
        u[:, dim - 1] = low + u[:, dim - 1] * (high - low)
        noise = stats.norm.ppf(u)
        below = torch.from_numpy(noise[:, :dim].clip(-6.4, 6.4))
        s = clean(case, case.x[torch.from_numpy(owners)], below) / case.beta
        t = (s - middle) @ axes + noise[:, dim:]
        log_p, order = np.empty((len(t), n)), np.argsort(t[:, 0])
        for k, cloud in enumerate(clouds):
            log_p[order, k] = cloud.log_density(t[order])
        for target, terms in _terms(log_p, owners, y, np.ones(n)).items():
            sums[target] = sums[target].add(_of_replicates(terms, n), np.full(n, share / n))
    return {target: (one.mean, math.sqrt(one.variance)) for target, one in sums.items()}


class _Cloud:
    """Nodes [m, d] in units of the noise, with logarithms of their weights, sorted by axis 0."""

    def __init__(self, nodes: np.ndarray, log_weights: np.ndarray):
        order = np.argsort(nodes[:, 0])
        # relative to the cloud's middle: squares of numbers far from 0 would lose digits
        self.middle, self.along = nodes.mean(0), nodes[order, 0]
        self.nodes = nodes[order] - self.middle
        self.heights = log_weights[order] - 0.5 * np.square(self.nodes).sum(1)

    def near(self, low: float, high: float) -> slice:
        """The nodes that matter for points between ``low`` and ``high`` along axis 0."""
        return slice(*np.searchsorted(self.along, [low - _FAR, high + _FAR]))

    def log_density(self, t: np.ndarray) -> np.ndarray:
        """ln Σ exp(log_weights − |t − nodes|²/2) [m] at ``t`` [m, d], sorted along axis 0."""
        found = np.full(len(t), -np.inf)
        for begin in range(0, len(t), _AT_ONCE):
            part = t[begin : begin + _AT_ONCE]
            near = self.near(part[0, 0], part[-1, 0])
            if near.start == near.stop:
                continue
            off = part - self.middle
            exponents = off @ self.nodes[near].T + self.heights[near]
            top = exponents.max(1)
            exponents -= top[:, None]
            # terms are at most 1, so that single precision keeps 7 digits
            sums = np.exp(exponents.astype(np.float32)).sum(1, dtype=np.float64)
            rest = top - 0.5 * np.square(off).sum(1)
            found[begin : begin + _AT_ONCE] = np.log(sums) + rest
        return found


def _by_paths(make: Callable[[np.random.Generator], Case]) -> Callable[[np.random.Generator], Case]:
    def again(rng: np.random.Generator) -> Case:
        case = make(rng)
        few = torch.from_numpy(rng.permutation(len(case.x))[:64])
        few = few if case.tail is None else torch.arange(len(case.x))
        family = f"paths {case.family}"
        return replace(case, family=family, x=case.x[few], y=case.y[few], by_paths=True)

    return again


FAMILIES = (
    _linear,
    _wide_linear,
    _narrow("tanh"),
    _narrow("relu"),
    _wide_nonlinear,
    _product,
    _rare_pairs,
    _rare_inputs,
    _at_times(dead=True),
    _at_times(dead=False),
    _by_paths(_narrow("tanh")),
    _by_paths(_narrow("relu")),
    _by_paths(_at_times(dead=True)),
    _by_paths(_at_times(dead=False)),
)


def random_case(seed: int, number: int) -> Case:
    """Case ``number`` of ``seed``; the families take turns."""
    return FAMILIES[number % len(FAMILIES)](np.random.default_rng([seed, number]))
