"""Time the mixture density against its peers on clouds of a trained network, in four regimes.

    python scripts/benchmark_density.py [run=FOLDER] [--centres 1000000] [--points 4096]
        [--output results/density.json]

FOLDER is a finished run of the SZT tanh network, the newest under outputs/ if none is named. The
peers are PyTorch in float64, torch.compile (needs a C++ compiler), KeOps and scikit-learn's
KernelDensity; one that is not installed is named and left out. Dense peers are timed on some of
the points and scaled. scikit-learn's and our trees are rebuilt within each timing. Seconds are the
processor's, of all threads: the clock's depend on what else the machine does.
"""

import argparse
import csv
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

import ib_runner
from ib_runner.files.provenance import of_result
from ib_runner.information.density.mixture_density import log_mixture_density

#: points that the dense peers are timed on, and that errors are taken over
SOME_POINTS = 128
ROUNDS = 3
Density = Callable[[Tensor, Tensor, float], Tensor]


class Regime(NamedTuple):
    """A named layer and epoch with clouds of a certain shape."""

    name: str
    layer: int
    epoch: int


class Peer(NamedTuple):
    """Another program for the same values; ``dense``: its time is proportional to the points."""

    name: str
    density: Density
    dense: bool


class Row(NamedTuple):
    """What one method took for ``n`` centres in ``d`` dimensions, the processor's seconds; as a
    ``ratio`` to ours; and its largest ``error``, nats.
    """

    regime: str
    d: int
    n: int
    method: str
    seconds: float
    ratio: float
    error: float


def normalised(log_sums: Tensor, centres: Tensor, beta: float) -> Tensor:
    """ln of the mean kernel, from ln of the sum of exp(−|t − c|²/2beta²)."""
    n, d = centres.shape
    return log_sums.double() - math.log(n) - d / 2 * math.log(2 * math.pi * beta**2)


def torch_dense(points: Tensor, centres: Tensor, beta: float) -> Tensor:
    """Float64 matrix products in blocks that fit the processor's cache."""
    origin = centres[0].double()
    t, c = (points.double() - origin) / beta, (centres.double() - origin) / beta
    halves = c.square().sum(1) / -2
    blocks = []
    for part in t.split(64):
        sums = [
            torch.addmm(half, part, some.T).logsumexp(1)
            for half, some in zip(halves.split(4096), c.split(4096), strict=True)
        ]
        blocks.append(torch.stack(sums).logsumexp(0) - part.square().sum(1) / 2)
    return normalised(torch.cat(blocks), centres, beta)


def torch_compiled() -> Density:
    """float32 differences, one row per dimension, fused into one loop by torch.compile."""

    @torch.compile(dynamic=False)
    def sums(t: Tensor, c: Tensor) -> Tensor:
        square = sum((t[k][:, None] - c[k]) ** 2 for k in range(len(c)))
        return torch.exp(-0.5 * square).sum(1)

    def density(points: Tensor, centres: Tensor, beta: float) -> Tensor:
        t = (points / beta).T.contiguous()
        c = (centres / beta).T.contiguous()
        return normalised(torch.cat([sums(part, c) for part in t.split(128, 1)]).log(), c.T, beta)

    density(torch.zeros(SOME_POINTS, 1), torch.zeros(8, 1), 1.0)  # fails without a compiler
    return density


def keops() -> Density:
    """float32, KeOps' compiled reduction."""
    from pykeops.torch import LazyTensor

    def density(points: Tensor, centres: Tensor, beta: float) -> Tensor:
        t, c = (points / beta).contiguous(), (centres / beta).contiguous()
        square = ((LazyTensor(t[:, None]) - LazyTensor(c[None])) ** 2).sum(-1)
        return normalised((-0.5 * square).logsumexp(1)[:, 0], centres, beta)

    return density


def scikit_learn() -> Density:
    """float64 k-d tree, relative tolerance 1e-3, one thread."""
    from sklearn.neighbors import KernelDensity

    def density(points: Tensor, centres: Tensor, beta: float) -> Tensor:
        tree = KernelDensity(bandwidth=beta, rtol=1e-3).fit(centres.numpy())
        return torch.from_numpy(tree.score_samples(points.numpy()))

    return density


def peers() -> Iterator[Peer]:
    """Ours first, then those that are installed."""
    yield Peer("ib-run", log_mixture_density, dense=False)
    yield Peer("torch, float64", torch_dense, dense=True)
    optional = [
        ("torch.compile", torch_compiled, True),
        ("KeOps", keops, True),
        ("scikit-learn", scikit_learn, False),
    ]
    for name, new, dense in optional:
        try:
            yield Peer(name, new(), dense)
        except Exception as error:  # a missing package or compiler
            print(f"{name} is left out: {type(error).__name__}: {str(error).splitlines()[0]}")


def clouds(run, regime: Regime, n: int, m: int) -> tuple[Tensor, Tensor, float]:
    """m noisy draws T of the layer, n clean draws S (equally many for every input), and beta."""
    torch.manual_seed(0)
    network = run.network(regime.epoch).train()
    # linear, activation and noise for each layer below, then linear and activation
    clean = nn.Sequential(*list(network)[: 3 * regime.layer - 1])
    noise = network[3 * regime.layer - 1]
    x = run.dataset().all.x
    with torch.no_grad():
        centres = clean(x.repeat_interleave(-(-n // len(x)), 0))
        points = centres[torch.randint(len(centres), (m,))]
        return noise(points), centres, noise.beta


def measure(peer: Peer, points: Tensor, centres: Tensor, beta: float) -> tuple[float, Tensor]:
    """The processor's seconds for all points (the best of several rounds), and the values found."""
    part = points[:SOME_POINTS] if peer.dense else points
    best = math.inf
    for _ in range(ROUNDS):
        begun = time.process_time()
        values = peer.density(part, centres, beta)
        best = min(best, time.process_time() - begun)
        if best > 20.0:
            break
    return best * len(points) / len(part), values[:SOME_POINTS].double()


def main() -> None:
    """Print a row for each regime and method."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("run", nargs="?", default="run=", help="run=FOLDER, or the newest")
    arguments.add_argument("--centres", type=int, default=1_000_000)
    arguments.add_argument("--points", type=int, default=4096)
    arguments.add_argument("--output", type=Path, help="FILE.json, and FILE.csv beside it")
    arguments = arguments.parse_args()
    run = ib_runner.open_run(arguments.run.removeprefix("run=") or None)
    last = run.epochs[-1]
    early = min(run.epochs, key=lambda epoch: abs(epoch - 300))
    regimes = [
        Regime("far apart", 2, last),
        Regime("far apart", 3, last),
        Regime("touching", 5, early),
        Regime("merged", 5, last),
    ]
    methods = list(peers())
    print(f"{arguments.points} points, best of {ROUNDS}, {torch.get_num_threads()} threads")
    print("regime     d  n         method            seconds   ps/pair   ratio   largest error")
    rows = []
    for regime in regimes:
        points, centres, beta = clouds(run, regime, arguments.centres, arguments.points)
        n, d = centres.shape
        exact = torch_dense(points[:SOME_POINTS], centres, beta)
        log_mixture_density(points[:1], centres[:1], beta)  # compiled before the clock starts
        ours = None
        for peer in methods:
            seconds, values = measure(peer, points, centres, beta)
            ours = ours or seconds
            error = float((values - exact).abs().max())
            row = Row(regime.name, d, n, peer.name, seconds, seconds / ours, error)
            print(
                f"{row.regime:10} {d}  {n:<8}  {row.method:16} {seconds:8.3f} "
                f"{seconds / n / len(points) * 1e12:9.1f} {row.ratio:7.1f}   {error:.1e}",
                flush=True,
            )
            rows.append(row)
    if arguments.output:
        command = (
            f"scripts/benchmark_density.py --centres {arguments.centres} "
            f"--points {arguments.points} --output results/density.json"
        )
        keep(arguments.output, rows, command)


def keep(path: Path, rows: Sequence[Row], command: str) -> None:
    """Write ``rows`` as a table beside ``path``, and what made them into it."""
    names = ["clouds", "d", "centres", "method", "processor, s", "ours = 1", "largest error, nats"]
    with path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(names)
        for row in rows:
            figures = [f"{row.seconds:.3f}", f"{row.ratio:.1f}", f"{row.error:.0e}"]
            table.writerow([row.regime, row.d, row.n, row.method, *figures])
    text = json.dumps(of_result(command), indent=2) + "\n"
    path.with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
