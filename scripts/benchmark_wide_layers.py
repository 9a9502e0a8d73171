"""Intervals of wide layers and wide clouds, also compared with those of an older revision.

Prints a row for each case and layer: the interval, its width, processor time and memory, and, with
``--before``, the same by another checkout of this project. Each case is written to the output as
JSON with its provenance; cases that the output has already are not run again.

    python scripts/benchmark_wide_layers.py [--cases NAME …] [--output results/wide_layers.json]
        [--before CHECKOUT] [--list]

The cases:

- ``linear_1.0``, ``tanh_0.1``, ``tanh_0.3``, ``tanh_1.0``, ``relu_0.1``, ``relu_0.3``: 5 inputs,
  two layers of 5 units, PyTorch's initialisation times 3 (seed 0), 64 normal inputs; the named
  noise in layer 1 and 0.02 in layer 2. Constants of the estimator were tuned on these cases;
  ``…_fresh`` are the same with seed 77, on which nothing was tuned.
- ``cube``: {±1}^12, 12 units that copy the bits and 8 dead ones, β = 1.
- ``szt_x10``: the paper's tanh network for the SZT problem, trained for 300 epochs with β = 0.005,
  all weights and biases times 10 then.
- ``digits_tanh_0.3`` and so on: scikit-learn's digits, 64–32–20 units, trained for 60 epochs with
  β = 0.3 (Adam, learning rate 1e-3, batches of 64), measured with the named noise; needs
  scikit-learn.
- ``mlp``: 784–256–128–64 tanh units, trained on MNIST for 4 epochs with β = 0.5 (Adam, 1e-3, 128);
  X are its 10,000 test images.
- ``cnn_0.5``, ``cnn_1.0``: the convolutional network, trained for an epoch with β = 0.5, measured
  on the test images with the named noise.

Weights of networks that are trained here stay in the system's folder for temporary files.
"""

import argparse
import itertools
import json
import logging
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from ib_runner.files.atomic import make_folder, write_bytes
from ib_runner.information import estimate_layers
from ib_runner.networks import FCN, GaussianNoise
from ib_runner.networks.cnn import CNN
from ib_runner.networks.noise import at_noise_level

#: where weights of networks that are trained here stay
CACHE = Path(tempfile.gettempdir()) / "ib-run-benchmark-weights"


@dataclass(frozen=True)
class Case:
    """A case; ``make()`` returns network, inputs and labels, ``width`` and ``seconds`` are aims."""

    make: Callable[[], tuple[nn.Module, Tensor, Tensor | None]]
    layers: tuple[int, ...]
    width: float
    seconds: float


def small(activation: str, below: float, seed: int) -> tuple[nn.Module, Tensor, None]:
    torch.manual_seed(seed)
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


def trained(name: str, network: nn.Module, x: Tensor, y: Tensor, epochs: int, size: int):
    """``network`` after ``epochs`` of Adam in batches of ``size``; its weights stay on disk."""
    kept = CACHE / f"{name}.safetensors"
    if kept.exists():
        network.load_state_dict(load_file(kept))
        return network.eval()
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
    make_folder(CACHE)
    write_bytes(kept, save(network.state_dict()))
    return network.eval()


def szt_times_ten() -> tuple[nn.Module, Tensor, Tensor]:
    from ib_runner.datasets.szt import szt

    data = szt(train_fraction=0.85, seed=0)
    torch.manual_seed(0)
    network = FCN(12, 2, (10, 7, 5, 4, 3), "tanh", lambda: GaussianNoise(0.005))
    network = trained("szt", network, data.train.x, data.train.y, 300, 256)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 10.0
    return network, data.all.x, data.all.y


def digits(activation: str, beta: float) -> tuple[nn.Module, Tensor, Tensor]:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(pixels / 16, dtype=torch.float32), torch.tensor(labels)
    torch.manual_seed(0)
    network = FCN(64, 10, (64, 32, 20), activation, lambda: GaussianNoise(0.3))
    network = trained(f"digits_{activation}", network, x, y, 60, 64)
    return at_noise_level(network, beta), x, y


def mnist(name: str, beta: float) -> tuple[nn.Module, Tensor, Tensor]:
    from ib_runner.datasets.mnist import mnist as load

    data = load(seed=0)
    torch.manual_seed(0)
    if name == "cnn":
        network, epochs = CNN(1, 10, lambda: GaussianNoise(0.5)), 1
    else:
        chain = FCN(784, 10, (256, 128, 64), "tanh", lambda: GaussianNoise(0.5))
        network, epochs = nn.Sequential(nn.Flatten(), *chain), 4
    network = trained(name, network, data.train.x, data.train.y, epochs, 128)
    return at_noise_level(network, beta), data.test.x, data.test.y


CASES = {
    **{
        f"{'linear' if activation == 'identity' else activation}_{below}{name}": Case(
            lambda activation=activation, below=below, seed=seed: small(activation, below, seed),
            (2,),
            width,
            seconds,
        )
        for name, seed in (("", 0), ("_fresh", 77))
        for activation, below, width, seconds in (
            ("identity", 1.0, 0.05, 5),
            ("tanh", 0.1, 0.05, 10),
            ("tanh", 0.3, 0.05, 10),
            ("tanh", 1.0, 0.05, 10),
            ("relu", 0.1, 0.05, 10),
            ("relu", 0.3, 0.2, 60),
        )
    },
    "cube": Case(cube, (1,), 0.05, 5),
    "szt_x10": Case(szt_times_ten, (2, 3, 4, 5), 0.05, 10),
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
    "mlp": Case(lambda: mnist("mlp", 0.5), (1, 2, 3), 0.2, 300),
    **{
        f"cnn_{beta}": Case(lambda beta=beta: mnist("cnn", beta), (1, 2, 3), 0.2, 600)
        for beta in (0.5, 1.0)
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


class _Said(logging.Handler):
    """Collects the estimator's log messages about its densities."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def measured(case: Case) -> dict:
    network, x, y = case.make()
    said, logger = _Said(), logging.getLogger("ib_runner.information")
    logger.addHandler(said)
    logger.setLevel(logging.DEBUG)
    cpu, wall = time.process_time(), time.perf_counter()
    found = estimate_layers(network, x, y=y, layers=list(case.layers), target_width=case.width)
    return {
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "wall_seconds": round(time.perf_counter() - wall, 1),
        "densities": said.lines,
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
    """The results of case ``name`` by ``checkout``, whose interpreter runs this script."""
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
    for line in found.get("densities", ()):
        print(f"{'':>16} {line}")
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
    # imported here, as an older checkout that runs this script may lack the module
    from ib_runner.files.atomic import write_text

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
