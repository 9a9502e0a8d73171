"""The table ``layers``: noise, ranges and entropies as the network and its inputs show them."""

import math

import pandas as pd
import pytest
import torch
from torch import nn

from ib_runner.datasets import Split
from ib_runner.measurements.layers import layers_table
from ib_runner.networks import DropoutNoise, GaussianNoise, NoiseChannel, NoNoise
from ib_runner.networks.cnn import CNN
from ib_runner.networks.ranges import activation_ranges
from ib_runner.tables.files import read_table, write_table
from ib_runner.tables.layers import Layers

INF = math.inf


def of_network(*modules, x=None, y=None):
    x = torch.arange(8.0).reshape(4, 2) if x is None else x
    inputs = Split(x, torch.tensor([0, 1, 1, 1]) if y is None else y)
    return layers_table(nn.Sequential(*modules).eval(), inputs, "all")


def test_every_layer_has_its_own_noise_and_range(tmp_path):
    table = of_network(
        nn.Linear(2, 5), nn.Tanh(), GaussianNoise(0.1),
        nn.Linear(5, 3), nn.ReLU(), GaussianNoise(0.3),
        nn.Linear(3, 2), DropoutNoise(0.2),
        nn.Linear(2, 2), nn.Sigmoid(), DropoutNoise(0.5, feature_maps=True),
        NoNoise(), nn.Linear(2, 1),
    )  # fmt: skip
    write_table(tmp_path / "layers.parquet", table, "layers")
    rows = read_table(tmp_path / "layers.parquet").set_index("layer")
    assert rows.dim.tolist() == [2, 5, 3, 2, 2, 2]
    assert rows.noise[1:].tolist() == ["gaussian", "gaussian", "dropout", "dropout_maps", "none"]
    assert rows.beta[1:].tolist() == [0.1, 0.3, 0.0, 0.0, 0.0]
    assert rows.p[1:].tolist() == [0.0, 0.0, 0.2, 0.5, 0.0]
    assert rows.low[1:].tolist() == pytest.approx([-1, 0, math.nan, 0, 0], nan_ok=True)
    assert rows.high[1:].tolist() == pytest.approx([1, math.nan, math.nan, 1, 1], nan_ok=True)
    assert rows.loc[0, ["noise", "beta", "p", "low", "high"]].isna().all()
    assert rows.loc[1:, ["h_x", "h_y", "n_inputs"]].isna().all(axis=None)
    layers = Layers(rows.reset_index())
    assert layers.bounds(1) == (-1.0, 1.0)
    assert [layers.bounds(layer) for layer in (2, 3, 9)] == [None] * 3
    own = pd.DataFrame({"layer": [1, 1, 2, 3], "beta": [0.1, 0.3, 0.3, 0.0]})
    assert layers.at_own_noise(own).index.tolist() == [0, 2, 3]


def test_a_users_own_channel_is_called_by_its_class():
    class Salt(NoiseChannel):
        def forward(self, s):
            return s

    assert of_network(nn.Linear(2, 2), Salt()).noise.tolist()[1] == "Salt"


def test_repeated_inputs_are_one_for_h_x_and_each_for_their_number():
    table = of_network(
        nn.Linear(1, 1), GaussianNoise(0.1), x=torch.tensor([[0.0], [0.0], [1.0], [2.0]])
    )
    assert table.h_x[0] == pytest.approx(1.5 * math.log(2))  # 1.0397, not ln 4
    assert table.h_y[0] == pytest.approx(math.log(4) - 0.75 * math.log(3))
    assert table.n_inputs[0] == 4


def test_default_bins_are_ten_betas_and_at_most_half_the_range():
    layers = Layers(
        of_network(
            nn.Linear(2, 2), nn.Tanh(), GaussianNoise(0.05),
            nn.Linear(2, 2), nn.Tanh(), GaussianNoise(0.3),
            nn.Linear(2, 2), nn.ReLU(), GaussianNoise(0.3),
            nn.Linear(2, 2), nn.ReLU(), NoNoise(),
        )
    )  # fmt: skip
    assert [layers.bin_width(layer) for layer in (1, 2, 3, 4)] == [0.5, 1.0, 3.0, 3.0]


class Functional(nn.Module):
    """Nine layers without a module for any activation."""

    def __init__(self):
        super().__init__()
        self.noise = nn.ModuleList(GaussianNoise(0.1) for _ in range(9))
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        one, *noise = self.noise
        t = one(torch.tanh(self.linear(x)))
        steps = [
            lambda s: t + torch.tanh(s),  # a residual block is not bounded by tanh
            torch.relu,
            nn.functional.relu6,
            lambda s: nn.functional.hardtanh(s, -2, 3),
            lambda s: torch.softmax(s, -1),
            doubled,
            lambda s: nn.functional.dropout(torch.tanh(s), 0.5, self.training),
            lambda s: s.tanh_().clamp(min=0),
        ]
        for channel, step in zip(noise, steps, strict=True):
            t = channel(step(self.linear(t)))
        return t


def doubled(s):
    """Written into after the activation, by way of another view."""
    u = torch.sigmoid(s)
    u.view(-1).mul_(2)
    return u


def test_ranges_of_functions_and_of_what_is_done_to_them_afterwards():
    x = torch.randn(2, 3)
    before = x.clone()
    assert activation_ranges(Functional(), x) == [
        (-1, 1), (-INF, INF), (0, INF), (0, 6), (-2, 3), (0, 1), (-INF, INF), (-1, 1), (0, 1)
    ]  # fmt: skip
    assert torch.equal(x, before)


def test_ranges_behind_pooling_flattening_and_in_place():
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(), GaussianNoise(0.1),
        nn.Linear(2 * 13 * 13, 4), nn.ReLU(inplace=True), GaussianNoise(0.1),
        nn.LeakyReLU(), GaussianNoise(0.1),
    )  # fmt: skip
    expected = [(-1, 1), (0, INF), (-INF, INF)]
    assert activation_ranges(network, torch.randn(2, 1, 28, 28)) == expected


def test_the_cnns_layers_are_its_channels():
    x = torch.rand(4, 1, 28, 28)
    network = CNN(1, 10, lambda: GaussianNoise(0.1)).eval()
    table = layers_table(network, Split(x, torch.arange(4)), "test")
    assert table.dim.tolist() == [784, 16 * 28 * 28, 32 * 14 * 14, 128]
    assert table.low[1:].tolist() == [-1.0] * 3
    assert set(table.inputs) == {"test"}
