"""Users' own networks and data are trained correctly, or refused before a run folder exists."""

import sys
from functools import partial

import numpy as np
import pytest
import torch
from small_training import train_into
from tiny_run import TINY
from torch import nn

from ib_runner import cli
from ib_runner.datasets import Dataset, Split
from ib_runner.networks import GaussianNoise
from ib_runner.runs.folder import Run

MODULE = __name__


@pytest.fixture
def training(tmp_path, monkeypatch, capsys):
    """Train by the command line with a network or data set of this module: the run, or the error.

    Nothing may be left behind by what is refused.
    """
    monkeypatch.setitem(sys.modules, "trial_targets", sys.modules[MODULE])
    monkeypatch.chdir(tmp_path)

    def train(*overrides):
        status = cli.main(["train", "output_root=out", "trainer.epochs=3", *overrides])
        out, err = capsys.readouterr()
        if status:
            assert status == 2
            assert not (tmp_path / "out").exists()
            assert len(err.strip().splitlines()) <= 3
            return err
        return Run(out.strip().splitlines()[-1], ["trial_targets"])

    return train


SMALL = [word for word in TINY if not word.startswith(("network", "trainer.epochs", "trainer.b"))]
CLASSES = [*SMALL, "dataset._target_=trial_targets.OwnClasses", "~dataset.x", "~dataset.y"]
CLASSES += ["trainer.loss=cross_entropy", "trainer.batch_size=8"]


def own(network):
    return [
        *CLASSES,
        f"network._target_=trial_targets.{network}",
        "~network.widths",
        "~network.activation",
    ]


def classes(x=None, y=None, n_classes=2):
    """16 inputs of 4 units, 12 for training."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(16, 4, generator=generator) if x is None else x
    y = (torch.arange(16) % 2) if y is None else y
    return Dataset(Split(x[:12], y[:12]), Split(x[12:], y[12:]), Split(x, y), n_classes)


class OwnClasses(Dataset):
    def __new__(cls, seed):
        return classes()


def network(*modules):
    return nn.Sequential(*modules)


def tied(n_inputs, n_outputs, noise):
    chain = network(
        nn.Linear(4, 4), nn.Tanh(), noise(), nn.Linear(4, 4), nn.Tanh(), noise(), nn.Linear(4, 2)
    )
    chain[3].weight = chain[0].weight
    return chain


def tied_bias(n_inputs, n_outputs, noise):
    chain = network(nn.Linear(4, 4), nn.Tanh(), noise(), nn.Linear(4, 4), noise(), nn.Linear(4, 2))
    chain[3].bias = chain[0].bias
    return chain


def shared_storage(n_inputs, n_outputs, noise):
    chain = network(nn.Linear(4, 4), nn.Tanh(), noise(), nn.Linear(4, 4), noise(), nn.Linear(4, 2))
    chain[3].weight.data = chain[0].weight.data
    return chain


def with_buffer(n_inputs, n_outputs, noise):
    chain = network(nn.Linear(4, 4), nn.Tanh(), noise(), nn.Linear(4, 2))
    chain.register_buffer("mean", torch.full((4,), float("nan")))
    chain.unused = nn.ParameterList([nn.Parameter(torch.ones(3))])[0]
    return chain


class OwnChannelsLast(nn.Module):
    def __init__(self, n_inputs, n_outputs, noise):
        super().__init__()
        self.convolution = nn.Conv2d(2, 3, 2)
        self.noise, self.out = noise(), nn.Linear(3, n_outputs)
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        x = x.reshape(-1, 1, 2, 2).expand(-1, 2, -1, -1)
        return self.out(self.noise(self.convolution(x).tanh().flatten(1)))


class OwnHalving(nn.Module):
    """Halves its input in place."""

    def __init__(self, n_inputs, n_outputs, noise):
        super().__init__()
        self.first, self.noise, self.out = nn.Linear(4, 4), noise(), nn.Linear(4, 2)

    def forward(self, x):
        x.div_(2)
        return self.out(self.noise(self.first(x)))


@pytest.mark.parametrize("name", ["tied", "tied_bias", "with_buffer", "OwnChannelsLast"])
def test_all_epochs_are_kept_and_open_again(training, name):
    run = training(*own(name))
    assert run.epochs == [0, 1, 2, 3]
    before, after = (dict(run.network(epoch).named_parameters()) for epoch in (0, 3))
    for key, parameter in after.items():
        assert (parameter != before[key]).any() == (key != "unused")


def step_of(make, x, y):
    """The weights after one step of Adam on all of x, by PyTorch alone."""
    chain = make(4, 2, partial(GaussianNoise, 0.0))
    optimizer = torch.optim.Adam(chain.parameters(), lr=0.01)
    nn.functional.cross_entropy(chain(x.clone()), y).backward()
    optimizer.step()
    return chain


@pytest.mark.parametrize("make", [tied, tied_bias, shared_storage])
def test_a_step_of_tied_weights_is_pytorchs(tmp_path, make):
    torch.manual_seed(0)
    expected = step_of(make, *_train_rows())
    torch.manual_seed(0)
    ours = make(4, 2, partial(GaussianNoise, 0.0))
    train_into(
        tmp_path,
        ours,
        1,
        data=classes(),
        batch_size=None,
        optimizer=partial(torch.optim.Adam, lr=0.01),
    )
    for key, tensor in expected.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], tensor, rtol=1e-5, atol=1e-6)


def _train_rows():
    train = classes().train
    return train.x, train.y


def test_a_network_that_changes_its_input_leaves_the_data_alone(tmp_path):
    data = classes()
    before = data.all.x.clone()
    torch.manual_seed(0)
    ours = OwnHalving(4, 2, partial(GaussianNoise, 0.0))
    rows = train_into(tmp_path, ours, 20, data=data)
    assert torch.equal(data.all.x, before)
    loss = nn.functional.cross_entropy(ours(data.train.x.clone()), data.train.y).item()
    assert rows.query("split == 'train'").loss.iloc[-1] == pytest.approx(loss, abs=1e-6)


class OwnBfloat(OwnHalving):
    def __init__(self, **sizes):
        super().__init__(**sizes)
        self.bfloat16()


class OwnHalf(OwnHalving):
    def __init__(self, **sizes):
        super().__init__(**sizes)
        self.out.half()


class OwnDouble(OwnHalving):
    def __init__(self, **sizes):
        super().__init__(**sizes)
        self.double()


class OwnAutocast(OwnHalving):
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.out(self.noise(self.first(x))).float()


class OwnRounding(OwnHalving):
    def forward(self, x):
        return self.out(self.noise(self.first(x.half().float())))


class OwnLazy(OwnHalving):
    def __init__(self, **sizes):
        super().__init__(**sizes)
        self.first = nn.LazyLinear(4)


class OwnTuple(OwnHalving):
    def forward(self, x):
        return super().forward(x), x


class OwnExpanded(OwnHalving):
    def __init__(self, **sizes):
        super().__init__(**sizes)
        self.register_buffer("mask", torch.ones(1).expand(4))


class OwnForgetful(OwnHalving):
    """Keeps a mean that no checkpoint has."""

    def __init__(self, **sizes):
        super().__init__(**sizes)
        self.register_buffer("mean", torch.zeros(4), persistent=False)

    def forward(self, x):
        if self.training:
            self.mean = x.mean(0)
        return self.out(self.noise(self.first(x - self.mean)))


class OwnWrongOutput(OwnHalving):
    def __init__(self, **sizes):
        super().__init__(**sizes)
        self.out = nn.Linear(4, 3)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("OwnBfloat", ["network=OwnBfloat", "first.weight is torch.bfloat16", "float32"]),
        ("OwnHalf", ["network=OwnHalf", "out.weight is torch.float16"]),
        ("OwnAutocast", ["network=OwnAutocast", "compute in torch.bfloat16", "autocast"]),
        ("OwnRounding", ["network=OwnRounding", "compute in torch.float16"]),
        ("OwnLazy", ["network=OwnLazy", "first.weight", "not known"]),
        ("OwnTuple", ["network=OwnTuple", "tuple"]),
        ("OwnExpanded", ["network=OwnExpanded", "checkpoint"]),
        ("OwnForgetful", ["network=OwnForgetful", "state_dict"]),
        ("OwnWrongOutput", ["network", "3 values an input", "2"]),
    ],
)
def test_networks_that_cannot_be_kept_or_measured_are_refused(training, name, words):
    error = training(*own(name))
    assert all(word in error for word in words), error


@pytest.mark.parametrize("optimizer", ["torch.optim.LBFGS", "torch.optim.SparseAdam"])
def test_optimizers_that_do_not_do_are_refused(training, optimizer):
    error = training(*own("OwnHalving"), f"optimizer._target_={optimizer}")
    assert "optimizer" in error
    assert optimizer.rpartition(".")[2] in error


def test_a_network_in_float64_is_trained(tmp_path):
    ours = OwnDouble(n_inputs=4, n_outputs=2, noise=partial(GaussianNoise, 0.0))
    rows = train_into(tmp_path, ours, 2, data=classes())
    assert ours.first.weight.dtype == torch.float64
    assert rows.loss.notna().all()


def given(monkeypatch, **data):
    monkeypatch.setattr(OwnClasses, "__new__", lambda cls, seed: classes(**data))


@pytest.mark.parametrize(
    "y",
    [
        (torch.arange(16) % 2).int(),
        (torch.arange(16) % 2).bool(),
        (torch.arange(16) % 2).float(),
        (torch.arange(16) % 2).to(torch.bfloat16)[:, None],
        np.arange(16, dtype=np.uint8) % 2,
        (np.arange(16) % 2).tolist(),
    ],
)
@pytest.mark.slow
def test_labels_of_other_types_are_the_same_labels(training, monkeypatch, y):
    expected = training(*CLASSES, "network.widths=[3,2]").table("training")
    given(monkeypatch, y=y)
    run = training(*CLASSES, "network.widths=[3,2]")
    assert run.table("training").equals(expected)
    assert run.dataset().all.y.dtype == torch.int64


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.bool])
@pytest.mark.parametrize("as_numpy", [False, True])
def test_inputs_of_other_types(training, monkeypatch, dtype, as_numpy):
    x = (classes().all.x > 0).to(dtype)
    if as_numpy:
        x = (x.float() if dtype == torch.bfloat16 else x).numpy()
    given(monkeypatch, x=x)
    run = training(*CLASSES, "network.widths=[3,2]")
    assert run.dataset().all.x.dtype == torch.float32
    assert run.state == "complete"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"y": torch.arange(16) % 2 * 2 - 1}, ["train.y holds -1", "0 to 1"]),
        ({"y": torch.arange(16) % 3}, ["train.y holds 2", "0 to 1"]),
        ({"y": torch.full((16,), float("nan"))}, ["train.y holds 12 values", "NaN"]),
        ({"y": torch.full((16,), 0.5)}, ["train.y holds 0.5", "whole numbers"]),
        ({"y": torch.full((16, 2), 1)}, ["train.y has shape [12, 2]"]),
        ({"y": np.array(["a"] * 16)}, ["train.y", "no array of numbers"]),
        ({"y": torch.zeros(16), "n_classes": 2.0}, ["n_classes = 2.0"]),
        ({"x": torch.full((16, 4), float("inf"))}, ["train.x holds 48 values", "infinite"]),
        ({"x": torch.full((16, 4), 1e300, dtype=torch.float64)}, ["beyond float32"]),
        ({"x": torch.zeros(16)}, ["train.x has shape [12]"]),
        ({"x": torch.zeros(16, 4, dtype=torch.complex64)}, ["train.x", "real numbers"]),
        ({"x": torch.zeros(16, 4, dtype=torch.int64)}, ["torch.int64", "x.float()"]),
        ({"x": torch.zeros(14, 4)}, ["test: 2 inputs", "[4]"]),
    ],
)
def test_data_that_cannot_be_meant_are_refused(training, monkeypatch, data, words):
    given(monkeypatch, **data)
    error = training(*CLASSES, "network.widths=[3,2]")
    assert all(word in error for word in words), error


def test_something_else_than_a_data_set_is_refused(training, monkeypatch):
    monkeypatch.setattr(OwnClasses, "__new__", lambda cls, seed: (1, 2))
    assert "tuple" in training(*CLASSES, "network.widths=[3,2]")
