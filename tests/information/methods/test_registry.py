"""Every method on the networks that it is for, held against known values."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from truths import Truth, truths

from ib_runner.information import Status, estimate_layers, mutual_information
from ib_runner.information.estimate_layers import layers_left_out
from ib_runner.information.methods.registry import METHODS
from ib_runner.networks import FCN, GaussianNoise
from ib_runner.networks.noise import NoNoise
from ib_runner.rules import METHODS as CONFIGURED

TRUTHS = truths()


def covered(method: str) -> list[Truth]:
    return [t for t in TRUTHS if t.layer not in layers_left_out(t.network, t.x, method)]


def network(widths, activation, beta=0.1, n_inputs=3):
    torch.manual_seed(0)
    return FCN(n_inputs, 2, widths, activation, partial(GaussianNoise, beta)).eval()


def test_configuration_accepts_every_method():
    assert set(CONFIGURED) == set(METHODS)


@pytest.mark.parametrize("truth", covered("quadrature"), ids=str)
def test_quadrature_is_exact(truth):
    found = mutual_information(truth.network, truth.x, truth.layer, method="quadrature")
    assert found.mi == pytest.approx(truth.value, abs=truth.tolerance)
    assert found.lower <= found.mi <= found.upper
    # layer 1 is the network's own; behind it float32 rounds what quadrature does not
    assert found.upper - found.lower < (1e-8 if truth.layer == 1 else 1e-3)
    assert found.status in (Status.OK, Status.SATURATED)
    assert found.h_t - found.h_t_given_x == pytest.approx(found.mi, abs=1e-8)


@pytest.mark.parametrize("truth", covered("pairwise_lower"), ids=str)
def test_pairwise_bounds_bracket_the_truth(truth):
    lower, upper = (
        mutual_information(truth.network, truth.x, truth.layer, method=method)
        for method in ("pairwise_lower", "pairwise_upper")
    )
    room = truth.tolerance + 1e-9
    assert lower.mi - room <= truth.value <= upper.mi + room
    assert lower.lower == lower.mi
    assert upper.upper == upper.mi


@pytest.mark.parametrize("layer", [1, 2])
def test_nearest_neighbours_come_close_in_few_dimensions(layer):
    truth = next(t for t in TRUTHS if str(t) == f"2 tanh chains, layer {layer}")
    found = mutual_information(truth.network, truth.x, layer, method="nearest_neighbours", n_x=1000)
    assert found.mi == pytest.approx(truth.value, abs=0.05)
    assert found.status is Status.NOT_CERTIFIED
    assert found.lower is None


def test_quadrature_behind_a_wide_first_layer():
    """What one unit sees of a wide Gaussian layer is a Gaussian: coupled intervals agree."""
    one, x = network([4, 1, 1], "tanh"), torch.randn(6, 3)
    for layer in (2, 3):
        exact = mutual_information(one, x, layer, method="quadrature")
        interval = mutual_information(one, x, layer)
        assert interval.lower <= exact.mi <= interval.upper
        assert exact.h_t_given_x == pytest.approx(interval.h_t_given_x, abs=0.02)


def test_quadrature_of_labels():
    one, x = network([1, 1], "leaky_relu", n_inputs=1), torch.arange(8.0)[:, None]
    labels = (x[:, 0] > 3).long()
    exact = estimate_layers(one, x, y=labels, method="quadrature")
    intervals = estimate_layers(one, x, y=labels)
    assert [(e.layer, e.target) for e in exact] == [(1, "x"), (1, "y"), (2, "x"), (2, "y")]
    for found, interval in zip(exact, intervals, strict=True):
        assert interval.lower <= found.mi <= interval.upper


@pytest.mark.parametrize("weight", [0.0, 1e-9, 0.01])
def test_quadrature_where_next_to_nothing_comes_from_below(weight):
    one, x = network([1, 1], "tanh", n_inputs=1), torch.tensor([[-1.0], [1.0]])
    with torch.no_grad():
        one[3].weight.fill_(weight)
    found = mutual_information(one, x, 2, method="quadrature")
    # two Gaussians 2·δ apart in units of the noise: I → δ²/2
    s = torch.tanh(one[0](x)).detach().double()
    slope = 1 - math.tanh(one[3].bias.item()) ** 2
    delta = 0.5 * slope * weight * float(s[1] - s[0]) / 0.1
    assert found.mi == pytest.approx(delta**2 / 2, rel=1e-3, abs=2e-9)


def test_duplicate_inputs_count_once():
    one, x = network([1], "tanh", beta=1e-3), torch.randn(4, 3).repeat_interleave(2, 0)
    found = mutual_information(one, x, 1, method="quadrature")
    assert found.mi == pytest.approx(math.log(4), abs=1e-8)


def test_layers_left_out_and_asked_for():
    tanh, linear = network([4, 3, 2], "tanh"), network([4, 3, 2], "identity")
    x = torch.randn(20, 3)
    assert layers_left_out(tanh, x, "pairwise_upper") == [2, 3]
    assert layers_left_out(linear, x, "pairwise_upper") == []
    assert layers_left_out(tanh, x, "quadrature") == [1, 2, 3]
    assert layers_left_out(tanh, x, "coupled") == []
    assert [e.layer for e in estimate_layers(tanh, x, method="pairwise_lower")] == [1]
    with pytest.raises(ValueError, match="layer = 2: method pairwise_lower needs T given x"):
        mutual_information(tanh, x, 2, method="pairwise_lower")
    assert layers_left_out(network([1025, 2], "tanh"), x, "pairwise_lower") == [1, 2]


def test_noise_that_begins_late():
    """Layers without noise below are Gaussian given x, whatever the network is made of."""
    torch.manual_seed(0)
    one = nn.Sequential(
        nn.Linear(3, 4), nn.Softplus(), NoNoise(), nn.Linear(4, 1), nn.Tanh(), GaussianNoise(0.1)
    ).eval()
    x = torch.randn(30, 3)
    first, second = estimate_layers(one, x, method="quadrature")
    assert first.status is Status.VACUOUS
    interval = mutual_information(one, x, 2)
    assert interval.lower <= second.mi <= interval.upper


@pytest.mark.parametrize("method", METHODS)
def test_methods_agree_on_two_separate_inputs(method):
    one, x = network([1, 1], "identity", beta=1e-3, n_inputs=1), torch.tensor([[0.0], [1.0]])
    for found in estimate_layers(one, x, method=method, seed=3, n_mc=256):
        assert found.mi == pytest.approx(math.log(2), abs=0.15)
        assert found.method == method
        assert found.dim == 1
        assert np.isfinite(found.stderr)


def test_settings_that_do_not_exist():
    with pytest.raises(TypeError, match="widht"):
        estimate_layers(network([2], "tanh"), torch.randn(4, 3), target_widht=0.1)
