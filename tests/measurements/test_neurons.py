"""What is measured on neurons alone: densities, parameters, information at several noise levels."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from ib_runner.datasets.points import points
from ib_runner.measurements.density import Density
from ib_runner.measurements.mutual_information import MutualInformation
from ib_runner.measurements.parameter import Parameter
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.networks import FCN, GaussianNoise
from ib_runner.networks.neurons import Neurons
from ib_runner.tables.files import write_table

BETA = 0.05
X = [-3.0, -1.0, 1.0, 3.0]


def snapshot(weights=(0.7,), biases=(-0.4,), activation="tanh"):
    network = Neurons(1, 1, weights, biases, activation, partial(GaussianNoise, BETA)).eval()
    return Snapshot(7, network, points(X, X, seed=0).all, seed=0)


def normal(t, mean, sd=BETA):
    return np.exp(-0.5 * ((t - mean) / sd) ** 2) / (math.sqrt(2 * math.pi) * sd)


def integral(rows):
    """Of a table on a grid; what is left out between two clusters is next to nothing."""
    return rows.density.sum() * np.diff(rows.t).min()


def test_the_density_is_the_mixture_formula_and_integrates_to_one(tmp_path):
    rows = Density()(snapshot())
    write_table(tmp_path / "t", rows, "density")
    centres = np.tanh(0.7 * np.array(X) - 0.4)
    expected = np.mean([normal(rows.t.to_numpy(), centre) for centre in centres], axis=0)
    np.testing.assert_allclose(rows.density, expected, rtol=1e-5)
    assert integral(rows) == pytest.approx(1.0, abs=1e-6)
    assert (rows.epoch == 7).all()
    assert (rows.layer == 1).all()


def test_the_second_layer_is_a_convolution():
    # identity: T2 = w2·(w1·x + b1 + Z1) + b2 + Z2
    rows = Density()(snapshot([0.5, -2.0], [0.1, 0.3], "identity"))
    second = rows[rows.layer == 2]
    centres = -2.0 * (0.5 * np.array(X) + 0.1) + 0.3
    spread = BETA * math.sqrt(1 + 4)
    t = second.t.to_numpy()
    expected = np.mean([normal(t, centre, spread) for centre in centres], axis=0)
    np.testing.assert_allclose(second.density, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("activation", ["leaky_relu", "tanh"])
def test_a_curved_second_layer_integrates_to_one_and_has_its_moments(activation):
    one = snapshot([0.5, -2.0], [0.1, 0.3], activation)
    rows = Density()(one)
    second = rows[rows.layer == 2]
    assert integral(second) == pytest.approx(1.0, abs=1e-6)
    torch.manual_seed(0)
    with torch.no_grad():
        draws = one.network.train()(one.inputs.x.repeat(50_000, 1)).flatten().numpy()
    mean = (second.t * second.density).sum() / second.density.sum()
    assert mean == pytest.approx(draws.mean(), abs=5 * float(draws.std()) / len(draws) ** 0.5)


def test_the_grid_is_the_same_at_every_epoch():
    here, there = (Density(spacing=0.25)(snapshot(biases=(b,))).t for b in (-0.4, 0.1))
    for t in (here, there):
        cells = t / (0.25 * BETA)
        np.testing.assert_allclose(cells, cells.round(), atol=1e-6)


def test_wide_layers_have_no_density_and_a_remark_says_so():
    network = FCN(1, 1, [1, 2], "tanh", partial(GaussianNoise, BETA)).eval()
    one = Snapshot(0, network, points(X, X, seed=0).all, seed=0)
    assert set(Density()(one).layer) == {1}
    (remark,) = Density().remarks(network, one.inputs.x)
    assert remark.startswith("layer 2 left out")
    wide = FCN(1, 1, [3, 2], "tanh", partial(GaussianNoise, BETA)).eval()
    assert Density()(Snapshot(0, wide, one.inputs, seed=0)).empty


def test_parameters_have_the_papers_names(tmp_path):
    rows = Parameter()(snapshot([0.5, -2.0], [0.25, 0.75]))
    write_table(tmp_path / "t", rows, "parameter")
    values = dict(zip(rows.name, rows.value, strict=True))
    assert values == {"w_1": 0.5, "b_1": 0.25, "w_2": -2.0, "b_2": 0.75}


def test_numbers_of_a_matrix_have_indices():
    network = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), GaussianNoise(0.1), nn.Linear(3, 1))
    one = Snapshot(0, network, points(X, X, seed=0).all, seed=0)
    rows = Parameter()(one)
    assert len(rows) == sum(p.numel() for p in network.parameters())
    values = dict(zip(rows.name, rows.value, strict=True))
    assert values["w_1[3,2]"] == network[0].weight[2, 1].item()
    assert values["b_1[2]"] == network[0].bias[1].item()
    assert values["w_2[1,3]"] == network[3].weight[0, 2].item()
    assert values["b_2"] == network[3].bias.item()


def test_information_at_other_noise_levels_leaves_the_network_as_it_is():
    one = snapshot()
    rows = MutualInformation(["quadrature"], betas=[0.2, 1.0])(one)
    assert rows.beta.tolist() == [0.2, 1.0]
    assert rows.mi.is_monotonic_decreasing
    assert one.network[2].beta == BETA
    alone = Neurons(1, 1, [0.7], [-0.4], "tanh", partial(GaussianNoise, 0.2)).eval()
    expected = MutualInformation(["quadrature"])(Snapshot(7, alone, one.inputs, seed=0))
    assert rows.mi[0] == pytest.approx(expected.mi.item(), abs=1e-12)


def test_the_papers_estimator_and_the_interval_agree_with_quadrature():
    one = snapshot([0.7, 1.5], [-0.4, 0.2])
    exact = MutualInformation(["quadrature"])(one).set_index("layer")
    coupled = MutualInformation(["coupled"])(one).set_index("layer")
    sampled = MutualInformation(["paper"], n_mc=4000)(one).set_index("layer")
    for layer in (1, 2):
        truth = exact.mi[layer]
        assert coupled.lower[layer] - 1e-6 <= truth <= coupled.upper[layer] + 1e-6
        assert sampled.mi[layer] == pytest.approx(truth, abs=5 * sampled.stderr[layer] + 0.01)
