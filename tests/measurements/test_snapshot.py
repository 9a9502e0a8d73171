"""Snapshots of users' own networks: layers, noise, ranges, number types."""

import math

import pytest
import torch
from torch import nn

from ib_runner.datasets import Split
from ib_runner.errors import UnmeasurableError
from ib_runner.measurements.binned_entropy import BinnedEntropy
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.networks import DropoutNoise, GaussianNoise, NoNoise

X = torch.tensor([[-3.0], [-1.0], [1.0], [3.0]])


def same():
    linear = nn.Linear(1, 1)
    with torch.no_grad():
        linear.weight.fill_(1.0)
        linear.bias.zero_()
    return linear


def snapshot(network, x=X):
    return Snapshot(3, network, Split(x, torch.zeros(len(x), dtype=torch.int64)), seed=0)


@pytest.mark.parametrize(
    "channel", [NoNoise, lambda: GaussianNoise(0.0), lambda: DropoutNoise(0.0)]
)
@pytest.mark.parametrize("behind", [nn.ReLU(inplace=True), nn.Hardtanh(0, 1, inplace=True)])
def test_values_that_are_overwritten_behind_their_channel(channel, behind):
    seen = snapshot(nn.Sequential(same(), channel(), behind, same()))
    assert torch.equal(seen.representations[1], X.double())
    table = BinnedEntropy([0.5], units=False)(seen)
    assert table.entropy.tolist() == pytest.approx([math.log(4)])


def test_noisy_values_are_overwritten_behind_their_channel():
    noisy = nn.Sequential(same(), GaussianNoise(1.0), nn.ReLU(inplace=True), same())
    kept = nn.Sequential(same(), GaussianNoise(1.0), nn.ReLU(), same())
    assert torch.equal(snapshot(noisy).representations[1], snapshot(kept).representations[1])
    assert bool((snapshot(noisy).representations[1] < 0).any())


class Halves(nn.Module):
    """Writes over its input."""

    def __init__(self):
        super().__init__()
        self.noise = NoNoise()

    def forward(self, x):
        x.div_(2)
        return self.noise(x)


def test_inputs_stay_as_they_are():
    x = X.clone()
    seen = snapshot(Halves(), x)
    for _ in range(2):
        layers = seen.represent(seen.inputs.x, torch.float64)
        assert torch.equal(layers[0], X.double())
        assert torch.equal(layers[1], X.double() / 2)
    assert torch.equal(x, X)


class Sequences(nn.Module):
    """A recurrent network that has the time first."""

    def __init__(self, batch_first):
        super().__init__()
        self.recurrent, self.noise = nn.LSTM(3, 2, batch_first=batch_first), NoNoise()

    def forward(self, x):
        return self.noise(self.recurrent(x)[0])


def test_rows_that_are_times():
    x = torch.randn(6, 64, 3, generator=torch.Generator().manual_seed(0))
    with pytest.raises(UnmeasurableError, match="depends on the others in its batch"):
        BinnedEntropy([0.1])(snapshot(Sequences(False), x))
    table = BinnedEntropy([0.1], units=False)(snapshot(Sequences(True), x.transpose(0, 1)))
    assert table.entropy.tolist() == pytest.approx([math.log(64)])


def test_the_global_generator_stays():
    class Drops(nn.Module):
        def __init__(self):
            super().__init__()
            self.noise = NoNoise()

        def forward(self, x):
            return nn.functional.dropout(self.noise(x))

    before = torch.get_rng_state()
    seen = snapshot(Drops())
    assert len(seen.channels) == 1
    assert torch.equal(seen.representations[1], X.double())
    assert torch.equal(torch.get_rng_state(), before)
