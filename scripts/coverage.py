"""Does the certified interval hold the truth? Hundreds of linear networks with known I(X;T).

Each case is a random linear network, one of its layers, and a set of inputs: several depths and
widths, noise from small to large, from 4 inputs to 512. Prints, for each number of inputs, how
often the 95 % interval and each of its sides (97.5 %) hold the exact value, and how wide it is.

    python scripts/coverage.py [--cases 200] [--target-width 0.05] [--n-mc N] [--seed 0]
"""

if __name__ != "__main__":
    # numba looks for the package of this name, and beside other scripts finds this file
    raise ImportError("scripts/coverage.py is a script, not the package coverage")

import argparse
import math

import numpy as np
import torch

from ib_runner.information import mutual_information
from ib_runner.information.exact.linear_network import (
    gaussian_layer,
    points_in_unit_noise,
    whitened,
)
from ib_runner.networks import FCN, GaussianNoise

INPUTS = (4, 5, 6, 8, 32, 128, 512)
WIDTHS = ((2, 1), (3, 2), (5, 4, 3), (6, 5, 4, 2), (10, 7, 5, 4, 3))
BETAS = (0.02, 0.1, 0.3, 1.0)
#: kernels behind an exact value: its error is to be small against the interval
_KERNELS = 2**20


def random_case(rng: np.random.Generator) -> tuple[FCN, torch.Tensor, int]:
    """A linear noisy network, its inputs [N, 4], and a layer."""
    torch.manual_seed(int(rng.integers(2**31)))
    widths = WIDTHS[rng.integers(len(WIDTHS))]
    beta = BETAS[rng.integers(len(BETAS))]
    network = FCN(4, 2, widths, "identity", lambda: GaussianNoise(beta)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 2.0
    x = torch.randn(INPUTS[rng.integers(len(INPUTS))], 4)
    return network, x, int(rng.integers(1, len(widths) + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--target-width", type=float, default=0.05)
    parser.add_argument("--n-mc", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = []
    for case in range(options.cases):
        network, x, layer = random_case(np.random.default_rng([options.seed, case]))
        points = whitened(*gaussian_layer(network, x, layer))
        n_draws = max(8, _KERNELS // len(x) ** 2)
        truth = points_in_unit_noise(points, min(n_draws, 2**12), seed=case)
        found = mutual_information(
            network,
            x,
            layer,
            target_width=options.target_width,
            n_mc=options.n_mc,
            seed=case,
        )
        room = truth.stderr + 1e-9
        above = found.upper >= truth.value - room
        below = found.lower <= truth.value + room
        rows.append((len(x), above, below, found.upper - found.lower, found.mi - truth.value))
        if not (above and below):
            print(
                f"missed: N = {len(x)}, layer {layer}, beta = {found.beta}: "
                f"[{found.lower:.4f}, {found.upper:.4f}] and {truth.value:.4f}"
            )
    table = np.array(rows, dtype=float)
    print(
        f"{'N':>5} {'cases':>6} {'covered':>8} {'upper':>7} {'lower':>7} {'width':>7} {'error':>8}"
    )
    for n in (*INPUTS, None):
        these = table if n is None else table[table[:, 0] == n]
        if len(these):
            print(
                f"{n or 'all':>5} {len(these):>6} {np.mean(these[:, 1] * these[:, 2]):>8.3f} "
                f"{these[:, 1].mean():>7.3f} {these[:, 2].mean():>7.3f} "
                f"{these[:, 3].mean():>7.4f} {math.sqrt(np.mean(these[:, 4] ** 2)):>8.4f}"
            )


if __name__ == "__main__":
    main()
