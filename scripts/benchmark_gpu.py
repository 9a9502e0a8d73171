"""Times and errors on a GPU: training many CNNs at once, and density sums, against float64.

    python scripts/benchmark_gpu.py [--jobs 56] [--output results/gpu.json]

Training: milliseconds of a step of all jobs (each a batch of 32, seven conditions of section 8.3)
by our kernels and by PyTorch's operators in groups, and how far one step's gradient is from
float64. Density: seconds for 10^6 points and 131,000 centres in 16 dimensions, by the streaming
kernel and by blocks in float64 (of some points, scaled up), and the largest difference. Random
images: no data is needed.
"""

import argparse
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch.nn import functional

from ib_runner.datasets.augment import augment
from ib_runner.files.atomic import write_json
from ib_runner.files.provenance import git_revision
from ib_runner.information.density.blocked import blocked_log_kernel_sums
from ib_runner.information.density.streamed import streamed_log_kernel_sums
from ib_runner.networks import DropoutNoise, GaussianNoise, NoNoise
from ib_runner.networks.cnn import CNN
from ib_runner.training.problem import Part, Problem
from ib_runner.training.together.cnn_trainer import CNNTrainer
from ib_runner.training.together.stacked_trainer import StackedTrainer

NOISES = [
    NoNoise,
    *(partial(GaussianNoise, beta) for beta in (0.05, 0.1, 0.2, 0.5)),
    partial(DropoutNoise, 0.2),
    partial(DropoutNoise, 0.2, True),
]
BATCH, STEPS = 32, 60
POINTS, CENTRES, DIMENSIONS, SOME = 1_000_000, 131_000, 16, 20_000


def problems(jobs: int, data: Part) -> list[Problem]:
    """``jobs`` problems on ``data``, the noises of a seed after one another."""
    found = []
    for job in range(jobs):
        torch.manual_seed(job)
        network = CNN(1, 10, NOISES[job % len(NOISES)]).to(data.x.device)
        optimizer = torch.optim.SGD(network.parameters(), lr=5e-3)
        found.append(
            Problem(
                network, data, data, True, "cross_entropy", BATCH, optimizer, None,
                lambda _: 1.0, job // len(NOISES), augment,
            )
        )  # fmt: skip
    return found


def seconds(action: Callable[[], object], times: int) -> float:
    """Mean seconds of one of ``times`` calls, behind some that compile and warm up."""
    for _ in range(3):
        action()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(times):
        action()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / times


def training(jobs: int, data: Part) -> dict:
    """Milliseconds of a step by kernels and by PyTorch, and of scoring 1000 images of every job."""
    ours, theirs = CNNTrainer(problems(jobs, data)), StackedTrainer(problems(jobs, data))
    ours.begin_epoch(1)
    order = torch.arange(BATCH, device=data.x.device).unsqueeze(1).repeat(1, len(ours._firsts))
    sources = ours.sources[:BATCH].contiguous()
    some = [Part(data.x[:1000], data.y[:1000])] * jobs
    kernels = seconds(ours._take, STEPS)
    operators = seconds(lambda: theirs._take_step(order, sources), STEPS)
    return {
        "jobs": jobs,
        "kernels_ms": 1e3 * kernels,
        "operators_ms": 1e3 * operators,
        "ratio": kernels / operators,
        "score_of_1000_ms": 1e3 * seconds(lambda: ours.score_all(some), 3),
    }


def gradient(data: Part) -> dict[str, float]:
    """Relative distance of one step's gradient, without noise, from float64's, by parameter."""
    one = problems(1, data)[0]
    trainer = CNNTrainer([one])
    trainer.begin_epoch(1)
    network = CNN(1, 10, NoNoise).to(data.x.device)
    network.load_state_dict(one.network.state_dict())
    network.double().train()
    ours = dict(zip(trainer.stacked.parameters, trainer.gradients_of(BATCH), strict=True))
    images = trainer._arrays(BATCH, train=True).framed[0, :, None, 2:30, 2:30]
    loss = functional.cross_entropy(network(images.double()), trainer.labels[:BATCH, 0])
    found = {}
    for name, parameter in network.named_parameters():
        (exact,) = torch.autograd.grad(loss, parameter, retain_graph=True)
        if float(exact.norm()) > 1e-12:  # the gradient of a bias in front of batch norm is 0
            off = (ours[name][0].double() - exact).norm() / exact.norm()
            found[name] = float(off)
    return found


def density(device: torch.device) -> list[dict[str, float]]:
    """Seconds by the kernel and by float64, and their difference in nats, for three spreads."""
    rows = []
    generator = torch.Generator(device).manual_seed(0)
    for spread in (0.5, 3.0, 20.0):
        points, centres = (
            spread * torch.randn(n, DIMENSIONS, device=device, generator=generator)
            for n in (POINTS, CENTRES)
        )
        some = points[:SOME]
        streamed = streamed_log_kernel_sums(points, centres, 1.0, 1e-3)
        took = seconds(lambda p=points, c=centres: streamed_log_kernel_sums(p, c, 1.0, 1e-3), 1)
        exact = blocked_log_kernel_sums(some, centres, 1.0)
        blocked = seconds(lambda p=some, c=centres: blocked_log_kernel_sums(p, c, 1.0), 1)
        rows.append(
            {
                "spread": spread,
                "streamed_s": took,
                "blocked_s": blocked * POINTS / SOME,
                "largest_difference": float((streamed[:SOME] - exact).abs().max()),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=56)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    device = torch.device("cuda")
    torch.manual_seed(0)
    labels = functional.one_hot(torch.arange(6000) % 10, 10).float()
    data = Part(torch.rand(6000, 1, 28, 28).to(device), labels.to(device))
    found = {
        "command": f"python scripts/benchmark_gpu.py --jobs {arguments.jobs}",
        "revision": git_revision()["revision"],
        "machine": f"{torch.cuda.get_device_name()}, {platform.machine()}, "
        f"torch {torch.__version__}",
        "date": time.strftime("%Y-%m-%d"),
        "training": training(arguments.jobs, data),
        "gradient": gradient(data),
        "density": density(device),
    }
    for name in ("training", "gradient", "density"):
        print(name, found[name])
    if arguments.output:
        write_json(arguments.output, found)


if __name__ == "__main__":
    main()
