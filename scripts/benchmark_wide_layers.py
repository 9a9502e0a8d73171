"""Intervals of wide layers and wide clouds, beside those of an older revision.

Prints a row for each case and layer: the interval, its width, processor time and memory, and, with
``--before``, what another checkout of this project finds with its own interpreter. Every case goes
to the output as JSON with the environment that made it; cases that are there are not run again.

    python scripts/benchmark_wide_layers.py [--cases NAME …] [--output results/wide_layers.json]
        [--before CHECKOUT] [--list]

The cases:

- ``linear_1.0``, ``tanh_0.1``, ``tanh_0.3``, ``tanh_1.0``, ``relu_0.1``, ``relu_0.3``: 5 inputs,
  two layers of 5 units, PyTorch's initialisation times 3 (seed 0), 64 normal inputs; the named
  noise in layer 1 and 0.02 in layer 2.
- ``cube``: {±1}^12, 12 units that copy the bits and 8 dead ones, β = 1.
- ``digits_tanh_0.3`` and so on: scikit-learn's digits, 64–32–20 units, trained for 60 epochs with
  β = 0.3 (Adam, learning rate 1e-3, batches of 64), measured with the named noise; needs
  scikit-learn.
"""

import argparse
import itertools
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ib_runner.files.atomic import write_text
from ib_runner.information import estimate_layers
from ib_runner.networks import FCN, GaussianNoise
from ib_runner.networks.noise import at_noise_level


@dataclass(frozen=True)
class Case:
    """``make`` gives network, inputs and labels; ``width`` and ``seconds`` are what is aimed at."""

    make: Callable[[], tuple[nn.Module, Tensor, Tensor | None]]
    layers: tuple[int, ...]
    width: float
    seconds: float


def small(activation: str, below: float) -> tuple[nn.Module, Tensor, None]:
    torch.manual_seed(0)
    levels = iter([below, 0.02])
    network = FCN(5, 2, (5, 5), activation, lambda: GaussianNoise(next(levels))).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 3.0
    return network, torch.randn(64, 5), None


def cube() -> tuple[nn.Module, Tensor, None]:
    network = FCN(12, 2, (20,), "identity", lambda: GaussianNoise(1.0)).eval()
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(20, 12))
        network[0].bias.zero_()
    return network, torch.tensor(list(itertools.product([-1.0, 1.0], repeat=12))), None


def digits(activation: str, beta: float) -> tuple[nn.Module, Tensor, Tensor]:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(pixels / 16, dtype=torch.float32), torch.tensor(labels)
    torch.manual_seed(0)
    network = FCN(64, 10, (64, 32, 20), activation, lambda: GaussianNoise(0.3)).train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(60):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
    return at_noise_level(network.eval(), beta), x, y


CASES = {
    "linear_1.0": Case(lambda: small("identity", 1.0), (2,), 0.05, 5),
    **{
        f"{activation}_{below}": Case(
            lambda activation=activation, below=below: small(activation, below), (2,), width, 10
        )
        for activation, below, width in (
            ("tanh", 0.1, 0.05),
            ("tanh", 0.3, 0.05),
            ("tanh", 1.0, 0.05),
            ("relu", 0.1, 0.05),
            ("relu", 0.3, 0.2),
        )
    },
    "cube": Case(cube, (1,), 0.05, 5),
    **{
        f"digits_{activation}_{beta}": Case(
            lambda activation=activation, beta=beta: digits(activation, beta),
            (1, 2, 3),
            width,
            seconds,
        )
        for beta, width, seconds in ((0.3, 0.1, 30), (1.0, 0.2, 60))
        for activation in ("tanh", "relu")
    },
}


def environment() -> dict[str, str | int]:
    revision = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "processors": os.cpu_count() or 0,
        "load": round(os.getloadavg()[0], 1),
        "revision": revision.stdout.strip(),
    }


def measured(case: Case) -> dict:
    network, x, y = case.make()
    cpu, wall = time.process_time(), time.perf_counter()
    found = estimate_layers(network, x, y=y, layers=list(case.layers), target_width=case.width)
    return {
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "wall_seconds": round(time.perf_counter() - wall, 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "rows": [
            {
                "layer": one.layer,
                "dim": one.dim,
                "target": one.target,
                "lower": one.lower,
                "upper": one.upper,
                "mi": one.mi,
                "stderr": one.stderr,
                "n_x": one.n_x,
                "n_o": one.n_o,
                "n_mc": one.n_mc,
                "status": one.status.value,
            }
            for one in found
        ],
    }


def before(name: str, checkout: Path) -> dict:
    """The same case by the project in ``checkout``: this script, run by that interpreter."""
    python = checkout / ".venv" / "bin" / "python"
    command = [python, Path(__file__).resolve(), "--only-print", "--cases", name]
    run = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def show(name: str, case: Case, found: dict) -> None:
    old = {(r["layer"], r["target"]): r for r in found.get("before", {}).get("rows", ())}
    for row in found["rows"]:
        width, was = row["upper"] - row["lower"], old.get((row["layer"], row["target"]))
        beside = f"  before [{was['lower']:.3f}, {was['upper']:.3f}]" if was else ""
        print(
            f"{name:>16} {row['layer']} {row['target']} [{row['lower']:.4f}, {row['upper']:.4f}] "
            f"{width:.4f} (aim {case.width}) {row['status']:>18}{beside}"
        )
    then = f", before {found['before']['cpu_seconds']} s" if old else ""
    print(f"{'':>16} {found['cpu_seconds']} s of processor{then}, {found['peak_mib']} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="NAME")
    parser.add_argument("--output", type=Path, default=Path("results/wide_layers.json"))
    parser.add_argument("--before", type=Path, metavar="CHECKOUT")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only-print", action="store_true", help="JSON lines; no file is written")
    options = parser.parse_args()
    if options.list:
        sys.exit("\n".join(CASES))
    if options.only_print:
        for name in options.cases:
            print(json.dumps(measured(CASES[name])))
        return
    options.output.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(options.output.read_text()) if options.output.exists() else {}
    for name in options.cases:
        case = CASES[name]
        if name not in known:
            known[name] = {"environment": environment(), "aim": case.width, **measured(case)}
        if options.before and "before" not in known[name]:
            known[name]["before"] = before(name, options.before)
        write_text(options.output, json.dumps(known, indent=1) + "\n")
        show(name, case, known[name])


if __name__ == "__main__":
    main()
