"""How much measuring in a worker slows down a training: ``results/as_it_trains.csv``.

    python scripts/benchmark_as_it_trains.py [rounds=3] [epochs=400]

Runs the loop of ``examples/plain_loop.py``, on one thread, recorded without and with
``measure="as it trains"`` in turn. The time is that of the loop, from the first epoch to the last:
wall clock, and processor time of the training process. Needs a core to spare: on a machine with
other work the wall clock says little.
"""

import csv
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from torch import nn

import ib_runner
from ib_runner.files import provenance

RESULTS = Path(__file__).resolve().parents[1] / "results"
EVERY = 20


def noisy_network() -> nn.Module:
    """The network that is trained in this process and built again in the worker."""
    layers = nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3), nn.Tanh(), nn.Linear(3, 2)
    return ib_runner.networks.with_noise(nn.Sequential(*layers), beta=0.1, after=nn.Tanh)


def train(epochs: int, folder: str, measure: dict | None) -> tuple[float, float]:
    """Seconds of the loop: wall clock, and processor time of this process."""
    torch.manual_seed(0)
    x = torch.randn(512, 8)
    y = (x[:, 0] * x[:, 1] > 0).long()
    noisy = noisy_network()
    optimizer = torch.optim.Adam(noisy.parameters(), lr=0.01)
    factory = f"{Path(__file__).stem}.noisy_network"  # the folder of a script is on its path
    with ib_runner.Recorder(
        noisy, x, y, output_root=folder, factory=factory, measure=measure
    ) as recorder:
        if measure is not None:  # wait until the worker has started, before timing
            while not recorder.run.table_path("mutual_information").is_file():
                time.sleep(0.1)
        clock, processor = time.perf_counter(), time.process_time()
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(64):
                optimizer.zero_grad()
                nn.functional.cross_entropy(noisy(x[rows]), y[rows]).backward()
                optimizer.step()
            recorder.epoch()
        took = time.perf_counter() - clock, time.process_time() - processor
    return took


def main(rounds: int = 3, epochs: int = 400) -> None:
    torch.set_num_threads(1)
    settings = {
        "epochs": list(range(0, epochs + 1, EVERY)),
        "target_width": 0.2,
        "measurements": ["mutual_information", "binned_entropy"],
    }
    names = {"not measured": None, "as it trains": settings}
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, measure in names.items():
                took[name].append(train(epochs, folder, measure))
    clock, processor = (
        {name: median(one[kind] for one in took[name]) for name in names} for kind in (0, 1)
    )
    with (RESULTS / "as_it_trains.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["training", "seconds by the clock", "seconds of the processor"])
        for name in names:
            writer.writerow([name, f"{clock[name]:.2f}", f"{processor[name]:.2f}"])
    made = {
        **provenance.of_result(
            f"scripts/benchmark_as_it_trains.py rounds={rounds} epochs={epochs}"
        ),
        "epochs measured": len(settings["epochs"]),
        "slower by the clock (%)": _percent(clock),
        "slower by processor time (%)": _percent(processor),
    }
    text = json.dumps(made, indent=2, ensure_ascii=False)
    (RESULTS / "as_it_trains.json").write_text(text + "\n", encoding="utf-8")
    print(text)


def _percent(seconds: dict[str, float]) -> float:
    return round(100 * (seconds["as it trains"] / seconds["not measured"] - 1), 1)


if __name__ == "__main__":
    main(**{key: int(value) for key, value in (word.split("=") for word in sys.argv[1:])})
