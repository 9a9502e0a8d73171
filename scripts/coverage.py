"""Does the certified interval hold the truth? Networks whose I(X;T) is known in other ways.

A case is a random network, one of its layers, a set of inputs, and often labels. Families: linear
networks of 1 to 6 and of 17 to 128 units, with other noise in every layer, wide clouds, clumped
inputs; tanh and ReLU networks with one or two units below the layer, near saturation and far from
it, whose ln p(t|x) is a sum over a fine grid of the noise of those. Prints, for each family and
number of inputs, how often the 95 % interval and each of its sides (97.5 %) hold the truth, and how
wide it is. Every case is appended to the output as it ends; cases that are there are not run again.

    python scripts/coverage.py [--cases 1000] [--output results/coverage.csv] [--seed 0]
"""

if __name__ != "__main__":
    # numba looks for the package of this name, and beside other scripts finds this file
    raise ImportError("scripts/coverage.py is a script, not the package coverage")

import argparse
import csv
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.special import logsumexp

from ib_runner.information import estimate_layers
from ib_runner.information.exact.linear_network import gaussian_layer, whitened
from ib_runner.networks import FCN, GaussianNoise

#: numbers of inputs, the small ones more often: there the clouds' own randomness counts most
INPUTS = (4, 4, 8, 8, 16, 16, 32, 64, 256, 1024, 2048)
FIELDS = ("case", "family", "inputs", "layer", "dim", "beta", "target", "lower", "upper", "mi")
FIELDS += ("status", "truth", "truth_stderr", "seconds")
#: nodes along each axis of the noise below in the truth of nonlinear networks, by its dimensions
_NODES = {1: 2001, 2: 201}
#: points behind a truth: densities evaluated, in all
_DENSITIES = 2**15
#: how many times as many points a truth may get for its error to be small
_MOST_EFFORT = 16


@dataclass(frozen=True)
class Case:
    """Network, inputs [N, d], labels [N], and the number of the layer that is measured."""

    family: str
    network: FCN
    x: torch.Tensor
    y: torch.Tensor
    layer: int


def random_case(seed: int, number: int) -> Case:
    rng = np.random.default_rng([seed, number])
    torch.manual_seed(int(rng.integers(2**31)))
    family = ("linear", "wide linear", "tanh", "relu")[number % 4]
    nonlinear = family in ("tanh", "relu")
    depth = 2 if nonlinear else int(rng.integers(1, 4))
    if family == "wide linear":
        widths = [int(rng.integers(17, 129)) for _ in range(depth)]
    else:
        widths = [int(rng.integers(1, 4 if nonlinear else 7)) for _ in range(depth)]
    # every layer's noise is another one, and what is below may be far wider
    betas = [float(10 ** rng.uniform(-1.7, 0.2)) for _ in widths]
    if nonlinear:
        widths[0] = 1 + int(rng.random() < 0.3)
        if widths[0] == 2:  # the grid has to resolve the layer's noise
            betas[1] = betas[0] * float(rng.uniform(0.3, 1.0))
    levels = iter(betas)
    activation = family if nonlinear else "identity"
    n_inputs = int(rng.integers(2, 6))
    network = FCN(n_inputs, 2, widths, activation, lambda: GaussianNoise(next(levels))).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= float(rng.uniform(1.0, 5.0))
    n = INPUTS[rng.integers(len(INPUTS))]
    if nonlinear:
        n = min(n, 32 if widths[0] == 1 else 8)
    x = torch.randn(n, n_inputs)
    if rng.random() < 0.25:  # most are all but alike, a few apart
        x[: n - max(1, n // 8)] = x[0] + 1e-3 * x[: n - max(1, n // 8)]
    y = (x.sum(1) > 0).long()
    return Case(family, network, x, y, 2 if nonlinear else int(rng.integers(1, depth + 1)))


def _terms(log_p: np.ndarray, owners: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """ln p(t|x)/p(t) and ln p(t|y)/p(t) of ``log_p`` [m, N] = ln p(t|x')."""
    total = logsumexp(log_p, axis=1) - math.log(log_p.shape[1])
    same = y == y[owners][:, None]
    label = logsumexp(np.where(same, log_p, -np.inf), axis=1) - np.log(same.sum(1))
    return {"x": log_p[np.arange(len(owners)), owners] - total, "y": label - total}


def truths(case: Case, seed: int, effort: int = 1) -> dict[str, tuple[float, float]]:
    """I(X;T) and I(Y;T) in nats, with standard errors, from ``effort`` times the points."""
    rng, n, y = np.random.default_rng([seed, 1]), len(case.x), case.y.numpy()
    if case.network[1].__class__.__name__ == "Identity":
        means = whitened(*gaussian_layer(case.network, case.x, case.layer)).numpy()
        each = effort * max(8, min(4096, 2**22 // n**2))
        owners = np.repeat(np.arange(n), each)
        parts: list[dict[str, np.ndarray]] = []
        for first in range(0, len(owners), 2**21 // n):
            some = owners[first : first + 2**21 // n]
            t = means[some] + rng.standard_normal((len(some), means.shape[1]))
            log_p = t @ means.T - 0.5 * np.square(means).sum(1)
            parts.append(_terms(log_p, some, y))
    else:
        parts = _nonlinear_terms(case, rng, y, effort)
    found = {}
    for target in ("x", "y"):
        terms = np.concatenate([part[target] for part in parts])
        rows = terms.reshape(n, -1)
        stderr = math.sqrt(rows.var(1, ddof=1).mean() / terms.size)
        found[target] = (float(terms.mean()), stderr)
    return found


def _nonlinear_terms(
    case: Case, rng: np.random.Generator, y: np.ndarray, effort: int
) -> list[dict]:
    """By sums over a grid of the noise below the layer."""
    first, f, channel, second, f2, own = [m.double() for m in list(case.network)[:6]]
    n, below = len(case.x), first.out_features
    axis = np.linspace(-6.5, 6.5, _NODES[below])
    zeta = np.stack(np.meshgrid(*[axis] * below, indexing="ij"), -1).reshape(-1, below)
    weights = -0.5 * np.square(zeta).sum(1)
    weights = weights - logsumexp(weights)
    each = _DENSITIES // n**2 if below == 1 else 2**10 // n
    owners = np.repeat(np.arange(n), effort * max(32, min(each, 4096)))
    with torch.no_grad():
        s1 = f(first(case.x.double()))
        noise = torch.from_numpy(rng.standard_normal((len(owners), below)))
        s = f2(second(s1[owners] + channel.beta * noise))
        t = s.numpy() + own.beta * rng.standard_normal(s.shape)
        log_p = np.empty((len(owners), n))
        for x in range(n):
            cloud = f2(second(s1[x] + channel.beta * torch.from_numpy(zeta))).numpy()
            lengths = 0.5 * np.square(cloud).sum(1) / own.beta**2 - weights
            for begin in range(0, len(t), 64):
                part = t[begin : begin + 64] / own.beta**2
                exponents = part @ cloud.T - lengths
                top = exponents.max(1)
                exponents -= top[:, None]
                sums = np.exp(exponents, out=exponents).sum(1)
                log_p[begin : begin + 64, x] = np.log(sums) + top
    case.network.float()
    return [_terms(log_p, owners, y)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--output", type=Path, default=Path("results/coverage.csv"))
    parser.add_argument("--target-width", type=float, default=0.1)
    parser.add_argument("--budget", type=int, default=10**8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    done = set()
    if options.output.exists():
        with options.output.open() as file:
            done = {int(row["case"]) for row in csv.DictReader(file)}
    else:
        options.output.write_text(",".join(FIELDS) + "\n")
    for number in range(options.cases):
        if number not in done:
            rows = _rows(random_case(options.seed, number), number, options)
            with options.output.open("a") as file:
                csv.DictWriter(file, FIELDS).writerows(rows)
    with options.output.open() as file:
        report([row for row in csv.DictReader(file) if int(row["case"]) < options.cases])


def _rows(case: Case, number: int, options: argparse.Namespace) -> list[dict]:
    started = time.process_time()
    found = estimate_layers(
        case.network,
        case.x,
        y=case.y,
        layers=[case.layer],
        target_width=options.target_width,
        budget=options.budget,
        seed=number,
    )
    seconds = time.process_time() - started
    known = truths(case, number)
    # a truth that is less certain than what is held against it says nothing
    need = max(8 * known[one.target][1] / max(one.upper - one.lower, 0.01) for one in found)
    if need > 1:
        known = truths(case, number, effort=min(_MOST_EFFORT, math.ceil(need**2)))
    return [
        {
            "case": number,
            "family": case.family,
            "inputs": len(case.x),
            "layer": case.layer,
            "dim": one.dim,
            "beta": f"{one.beta:.4g}",
            "target": one.target,
            "lower": f"{one.lower:.6f}",
            "upper": f"{one.upper:.6f}",
            "mi": "" if one.mi is None else f"{one.mi:.6f}",
            "status": one.status.value,
            "truth": f"{known[one.target][0]:.6f}",
            "truth_stderr": f"{known[one.target][1]:.6f}",
            "seconds": f"{seconds:.2f}",
        }
        for one in found
    ]


def report(rows: list[dict]) -> None:
    """A line for each family and target, and one for all.

    A truth with an error of its own counts as missed when it is outside by more than two of it.
    """
    print(
        f"{'family':>12} {'target':>6} {'cases':>6} {'covered':>8} {'upper':>7} {'lower':>7} "
        f"{'width':>7}"
    )
    families = sorted({row["family"] for row in rows})
    for family in (*families, "all"):
        for target in ("x", "y"):
            these = [r for r in rows if r["target"] == target and family in (r["family"], "all")]
            above, below, widths = [], [], []
            for row in these:
                low, high, truth, error = (
                    float(row[name]) for name in ("lower", "upper", "truth", "truth_stderr")
                )
                above.append(high >= truth - 2 * error - 1e-5)
                below.append(low <= truth + 2 * error + 1e-5)
                widths.append(high - low)
            both = np.logical_and(above, below)
            print(
                f"{family:>12} {target:>6} {len(these):>6} {np.mean(both):>8.3f} "
                f"{np.mean(above):>7.3f} {np.mean(below):>7.3f} {np.mean(widths):>7.4f}"
            )


if __name__ == "__main__":
    main()
