"""Choosing n in practice (section 3.2): does the estimate of I(X;T) stay stable as n shrinks?

    python scripts/choose_n.py [run=RUN] [--epoch E] [--layer L]

RUN is a finished run with Gaussian noise, the newest under outputs/ if none is named. Prints, for
its last epoch and layer unless others are given: the paper's estimate with n = N·n_x samples for
growing n_x, its change from one n to the next with the standard error of that change, and the
bootstrap standard deviation of h(T) (section 9.4; some 0.02 nats of it come from the integration).
Neither shows a bias that all n share; the certified interval, in the last line, does.
"""

import argparse
import math

import torch
from torch import Tensor

import ib_runner
from ib_runner.information import log_mixture_density, mutual_information
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.theory.choosing_n import bootstrap_variance, stability
from ib_runner.runs.folder import Run

N_X = (1, 4, 16, 64, 256, 1024)
#: resamples for the bootstrap, points for each h(T), and the most samples that are resampled
RESAMPLES, POINTS, MOST_RESAMPLED = 20, 8192, 2**18


def entropy(centres: Tensor, beta: float) -> float:
    """h(p̂ ∗ φ_β) in nats of a mixture with ``centres`` [n, d], with the same noise at each call."""
    generator = torch.Generator().manual_seed(0)
    points = centres[torch.randint(len(centres), (POINTS,), generator=generator)]
    points = points + beta * torch.randn(points.shape, generator=generator)
    return -float(log_mixture_density(points, centres, beta).mean())


def bootstrap(sampler: Sampler, layer: Layer, n_x: int) -> float:
    """The bootstrap standard deviation of h(T) with n_x draws of each input; NaN if too many."""
    if n_x * len(sampler) > MOST_RESAMPLED:
        return math.nan
    draws = sampler.draw(0, len(sampler), n_x, 1, [layer.number])[layer.number]
    centres = torch.from_numpy(draws).transpose(1, 2).reshape(-1, layer.dim)
    return math.sqrt(
        bootstrap_variance(lambda rows: entropy(rows, layer.beta), centres, RESAMPLES, seed=0)
    )


def show_stability(run: Run, epoch: int, number: int) -> None:
    """The table of one layer at one epoch, and its certified interval."""
    network, x = run.network(epoch), run.dataset().all.x
    sampler = Sampler(network, x, seed=0)
    layer = sampler.layers[number - 1]
    print(f"{run.path}, epoch {epoch}, layer {number}: d = {layer.dim}, beta = {layer.beta}\n")
    print(f"{'n':>9} {'n_x':>5} {'I(X;T)':>8} {'stderr':>7} {'change':>8} {'noise':>7} bootstrap")
    steps = stability(
        lambda n: mutual_information(network, x, number, method="paper", n_x=n // len(x)),
        [n_x * len(x) for n_x in N_X],
    )
    for step in steps:
        n_x = step.n // len(x)
        print(
            f"{step.n:>9} {n_x:>5} {step.mi:>8.4f} {step.stderr:>7.4f} {step.change:>8.4f} "
            f"{step.noise:>7.4f} {bootstrap(sampler, layer, n_x):>9.4f}",
            flush=True,
        )
    certified = mutual_information(network, x, number)
    print(f"\ncertified: [{certified.lower:.4f}, {certified.upper:.4f}] ({certified.status.value})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", default="run=", help="run=RUN, the newest if none")
    parser.add_argument("--epoch", type=int)
    parser.add_argument("--layer", type=int)
    options = parser.parse_args()
    run = ib_runner.open_run(options.run.removeprefix("run=") or None)
    epoch = run.epochs[-1] if options.epoch is None else options.epoch
    layers = Sampler(run.network(epoch), run.dataset().all.x[:2], seed=0).layers
    show_stability(run, epoch, options.layer or len(layers))


if __name__ == "__main__":
    main()
