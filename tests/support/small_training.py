"""Small data and networks that the tests of training share."""

from functools import partial

import numpy as np
import torch
from torch import nn

from ib_runner.datasets import Dataset, Split
from ib_runner.networks import FCN, GaussianNoise, NoiseChannel, NoNoise
from ib_runner.runs.checkpoints import Checkpoints
from ib_runner.tables.files import read_table, write_table
from ib_runner.training.loop import prepare
from ib_runner.training.problem import Problem, part
from ib_runner.training.schedule import constant

NOISE = partial(GaussianNoise, 0.1)
ADAM = partial(torch.optim.Adam, lr=0.01)


def small_data(n_classes=2, n=100, n_inputs=4):
    """A data set of random inputs, and classes or values that depend on them; 70 % for training."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, n_inputs, generator=generator)
    score = x[:, 0] - x[:, 1] * x[:, 2]
    cuts = {2: [0.0], 3: [-0.5, 0.5]}
    y = score.tanh() if n_classes is None else torch.bucketize(score, torch.tensor(cuts[n_classes]))
    data = Split(x, y)
    cut = int(0.7 * n)
    return Dataset(data[torch.arange(cut)], data[torch.arange(cut, n)], data, n_classes)


def small_network(activation="tanh", noise=NOISE, outputs=2):
    """A network of widths 4-5-3-outputs, with the same initial weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return FCN(4, outputs, [5, 3], activation, noise)


def problem(network, data, optimizer=ADAM, **settings):
    """A training problem with batches of 32 and seed 3."""
    cpu = torch.device("cpu")
    defaults = {
        "loss": "cross_entropy" if data.n_classes else "mse",
        "batch_size": 32,
        "regularizer": None,
        "schedule": constant,
        "seed": 3,
    }
    return Problem(
        network=network,
        train=part(data.train, data, cpu),
        test=part(data.test, data, cpu),
        classes=data.n_classes is not None,
        optimizer=optimizer(network.parameters()),
        **{**defaults, **settings},
    )


class Replay(NoiseChannel):
    """A channel with given noise z [units, N], whose columns are used batch by batch."""

    def __init__(self, channel):
        super().__init__()
        self.channel = channel
        self.z = np.zeros((0, 0))
        self.used = 0

    def forward(self, s):
        if not self.training or isinstance(self.channel, NoNoise):
            return s
        z = torch.from_numpy(self.z[:, self.used : self.used + len(s)].T)
        self.used += len(s)
        return s + z if isinstance(self.channel, GaussianNoise) else s * z


def replaying(network: nn.Sequential) -> list[Replay]:
    """Put replaying channels into ``network`` and return them."""
    replays = []
    for number, module in enumerate(network):
        if isinstance(module, NoiseChannel):
            network[number] = Replay(module)
            replays.append(network[number])
    return replays


class WithBatchNorm(nn.Module):
    """A user's own network, which the kernels do not support; buffers are float32 and int64."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 5)
        self.norm = nn.BatchNorm1d(5)
        self.noise = GaussianNoise(0.1)
        self.out = nn.Linear(5, 2)

    def forward(self, x):
        return self.out(self.noise(torch.tanh(self.norm(self.first(x)))))


def small_user_network():
    """``WithBatchNorm`` with the same initial weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return WithBatchNorm()


NETWORKS = {"fused": small_network, "plain": small_user_network}


def training(folder, network, epochs, data=None, **settings):
    """A training in ``folder``, ready to begin or to go on, as the train stage prepares it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "training.parquet"
    defaults = {
        "batch_size": 32,
        "loss": "cross_entropy",
        "optimizer": ADAM,
        "checkpoints": Checkpoints(folder, shard_epochs=7),
        "seed": 3,
        "history": read_table(path) if path.exists() else None,
        "on_commit": lambda rows: write_table(path, rows, "training"),
    }
    return prepare(network, data or small_data(), epochs=epochs, **{**defaults, **settings})


def train_into(folder, network, epochs, **settings):
    """Train a new ``network`` in ``folder``, or go on there, as the train stage does."""
    return training(folder, network, epochs, **settings).run()


def contents(folder):
    """Every file below ``folder`` with its bytes."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
