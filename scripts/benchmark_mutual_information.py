"""Time to estimate I(X;T): certified intervals against the authors' procedure, and its growth.

    python scripts/benchmark_mutual_information.py [run=FOLDER] [--epochs E …] [--only PART …]

FOLDER is a finished run with Gaussian noise, the newest under outputs/ if none is named; the epochs
are its first and its last unless given. The authors' procedure is eq. (1) by scikit-learn's
``KernelDensity`` (a k-d tree, rtol 1e-3) with n_x = 1000 draws for each of the N inputs and n_mc
points: a part is timed and scaled up to our standard error. It needs the extra ``peers``.
Footnote 4 says that Monte Carlo integration is the fastest way to the entropy of a mixture that the
authors know of: here it is beside the pairwise bounds of Kolchinsky & Tracey (2017), at the same
centres. PART is intervals, authors, footnote_4 or growth; all of them by default.
"""

import argparse
import math
import resource
import time

import numpy as np
import torch
from torch import nn

import ib_runner
from ib_runner.information import (
    Estimate,
    estimate_layers,
    log_mixture_density,
    mutual_information,
)
from ib_runner.information.methods.pairwise_bounds import pairwise_bounds
from ib_runner.information.sampling.sampler import Sampler
from ib_runner.networks import FCN, GaussianNoise

N_X = 1000
_PEER_POINTS = 200
#: points of the Monte Carlo integration in footnote 4's comparison
_POINTS = 4096


class Seconds(float):
    """Wall-clock seconds; ``cpu``: processor seconds, which other processes hardly affect."""

    cpu: float


def timed(function):
    """The result of ``function()`` and its :class:`Seconds`."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    seconds = Seconds(time.perf_counter() - wall)
    seconds.cpu = time.process_time() - cpu
    return result, seconds


def intervals(network: nn.Module, x: torch.Tensor, name: str) -> None:
    """Every layer's interval, its width, and the seconds of the whole network."""
    estimates, seconds = timed(lambda: estimate_layers(network, x))
    for e in estimates:
        print(
            f"{name:>12} {e.layer:>5} {e.mi:>8.4f} {e.stderr:>8.4f} [{e.lower:.4f}, {e.upper:.4f}]"
            f" {e.upper - e.lower:>7.4f} {e.n_mc:>5} {e.status.value}"
        )
    n = len(estimates)
    print(f"{name:>12}       {seconds / n:.2f} s a layer, {seconds.cpu / n:.2f} s of processor")


def peer_seconds(
    network: nn.Module, x: torch.Tensor, layer: int, target: Estimate
) -> tuple[float, int]:
    """Seconds of the authors' procedure at ``target``'s standard error, and its points in all.

    The errors of its two terms, h(T) and h(T|X), are independent and add up.
    """
    from sklearn.neighbors import KernelDensity

    sampler = Sampler(network, x, seed=1)
    rng = np.random.default_rng(0)
    s = [
        sampler.draw(first, min(first + 256, len(x)), N_X, 1, [layer])[layer]
        for first in range(0, len(x), 256)
    ]
    clouds = np.concatenate(s).transpose(0, 2, 1).astype(np.float64)
    chosen = rng.integers(len(x), size=_PEER_POINTS)
    points = clouds[chosen, rng.integers(N_X, size=_PEER_POINTS)]
    points = points + target.beta * rng.standard_normal(points.shape)

    def density(centres):
        return KernelDensity(bandwidth=target.beta, rtol=1e-3).fit(centres)

    of_all, building = timed(lambda: density(clouds.reshape(-1, clouds.shape[2])))
    h_t, whole = timed(lambda: -of_all.score_samples(points))
    h_own, own = timed(
        lambda: np.array(
            [
                -density(clouds[k]).score_samples(t[None])[0]
                for k, t in zip(chosen, points, strict=True)
            ]
        )
    )
    variance = h_t.var(ddof=1) + h_own.var(ddof=1)
    n_points = int(np.ceil(variance / max(target.stderr, 1e-4) ** 2))
    return building + (whole + own) * n_points / _PEER_POINTS, n_points


def against_authors(network: nn.Module, x: torch.Tensor, name: str) -> None:
    """Ours against the authors' procedure, for every noisy layer above the first."""
    for layer in [one.number for one in Sampler(network, x, seed=0).layers if not one.exact]:
        mutual_information(network, x[:64], layer)  # compiled code is loaded
        ours, seconds = timed(lambda layer=layer: mutual_information(network, x, layer))
        peer, n_points = peer_seconds(network, x, layer, ours)
        print(
            f"{name:>12} {layer:>5} {seconds:>8.2f} s {peer:>12.0f} s {peer / seconds:>9.0f}x"
            f"   stderr {ours.stderr:.4f}, {n_points} points",
            flush=True,
        )


def footnote_4(network: nn.Module, x: torch.Tensor, name: str) -> None:
    """h(p̂_S ∗ φ_β) of one draw for each input: Monte Carlo against the pairwise bounds."""
    sampler = Sampler(network, x, seed=2)
    generator = torch.Generator().manual_seed(0)
    for layer in sampler.layers:
        draw = sampler.draw(0, len(x), 1, 1, [layer.number])[layer.number][:, :, 0]
        centres = torch.from_numpy(draw)
        chosen = centres[torch.randint(len(centres), (_POINTS,), generator=generator)]
        points = chosen + layer.beta * torch.randn(chosen.shape, generator=generator)
        log_p, monte_carlo = timed(
            lambda points=points, centres=centres, layer=layer: log_mixture_density(
                points, centres, layer.beta
            )
        )
        bounds, pairwise = timed(
            lambda centres=centres, layer=layer: pairwise_bounds(centres, layer.beta)
        )
        # pairwise bounds are for I = h(T) − h(Z): add h(Z)
        lower, upper = (bound + layer.noise_entropy for bound in bounds)
        stderr = float(log_p.std()) / math.sqrt(_POINTS)
        print(
            f"{name:>12} {layer.number:>5} {-float(log_p.mean()):>9.4f} ± {stderr:.4f} "
            f"{monte_carlo:>7.3f} s   [{lower:.4f}, {upper:.4f}] {pairwise:>7.3f} s",
            flush=True,
        )


def growth(network: nn.Module, x: torch.Tensor, name: str) -> None:
    """Seconds and peak memory against n_x, N and d, the rest fixed."""
    rng = torch.Generator().manual_seed(0)
    last = len(Sampler(network, x, seed=0).layers)
    print(f"{name:>12}")
    for n_x in (256, 1024, 4096):
        report("n_x", n_x, network, x, last, n_x)
    for n in (256, 1024, 4096):
        report("N", n, network, x[torch.randperm(len(x), generator=rng)[:n]], last, 1024)
    for d in (2, 4, 8, 16):
        torch.manual_seed(0)
        wide = FCN(x.shape[1], 2, (10, d), "tanh", lambda: GaussianNoise(0.05)).eval()
        report("d", d, wide, x, 2, 1024)


def report(
    name: str, value: int, network: nn.Module, x: torch.Tensor, layer: int, n_x: int
) -> None:
    """One line of ``growth``."""
    _, seconds = timed(lambda: mutual_information(network, x, layer, n_x=n_x, n_o=n_x // 2, n_mc=8))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{name:>5} = {value:<6} {seconds:>7.2f} s, {seconds.cpu:>6.2f} s of processor"
        f" {peak:>6.2f} GiB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", default="run=", help="run=FOLDER, the newest if none")
    parser.add_argument("--epochs", type=int, nargs="*")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, metavar="PART")
    options = parser.parse_args()
    run = ib_runner.open_run(options.run.removeprefix("run=") or None)
    x = run.dataset().all.x
    epochs = options.epochs or [run.epochs[0], run.epochs[-1]]
    networks = {f"epoch {epoch}": run.network(epoch) for epoch in epochs}
    estimate_layers(next(iter(networks.values())), x[:64])  # compiled code is loaded
    print(f"{run.path}: N = {len(x)}, {torch.get_num_threads()} threads")
    for part in options.only:
        heading, show = PARTS[part]
        print(f"\n{part}\n{heading}")
        for name, network in networks.items():
            show(network, x, name)


PARTS = {
    "intervals": (
        f"{'':>12} layer       mi   stderr   interval           width  n_mc status",
        intervals,
    ),
    "authors": (f"{'':>12} layer     ours      scikit-learn    ratio", against_authors),
    "footnote_4": (
        f"{'':>12} layer Monte Carlo, {_POINTS} points          pairwise bounds",
        footnote_4,
    ),
    "growth": ("seconds for the last layer, n_mc = 8, and peak memory so far", growth),
}

if __name__ == "__main__":
    main()
