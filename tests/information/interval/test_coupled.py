"""The certified interval against closed forms, bounds that always hold, and invariances."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from ib_runner.information import Status, estimate_layers, mutual_information
from ib_runner.information.exact import quadrature
from ib_runner.information.exact.linear_network import (
    gaussian_layer,
    points_in_unit_noise,
    whitened,
)
from ib_runner.information.exact.quadrature import next_layer
from ib_runner.networks import FCN, DropoutNoise, GaussianNoise, NoNoise


def linear_network(widths, beta, scale, seed):
    torch.manual_seed(seed)
    network = FCN(widths[0], 2, widths[1:], "identity", lambda: GaussianNoise(beta)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= scale
    return network


def exact_information(network, x, layer):
    """I(X;T_layer) in nats and its standard error."""
    points = whitened(*gaussian_layer(network, x, layer))
    exact = points_in_unit_noise(points, max(8, 20_000 // len(x)), seed=0)
    return exact.value, exact.stderr


def exact_label_information(network, x, labels, layer, n_draws=400):
    """I(Y;T_layer) in nats and its standard error."""
    points = whitened(*gaussian_layer(network, x, layer)).numpy()
    rng = np.random.default_rng(0)
    terms = []
    for centre, label in zip(points, labels, strict=True):
        t = centre + rng.standard_normal((n_draws, points.shape[1]))
        kernels = np.exp(-0.5 * np.square(t[:, None] - points).sum(2))
        terms.append(np.log(kernels[:, labels == label].mean(1) / kernels.mean(1)))
    terms = np.array(terms)
    return terms.mean(), terms.std() / np.sqrt(terms.size)


def inputs(n, d=3, seed=1):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def tanh_network(beta=0.05, scale=3.0):
    torch.manual_seed(3)
    network = FCN(3, 2, [4, 3, 2], "tanh", lambda: GaussianNoise(beta)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= scale
    return network


@pytest.mark.parametrize(
    ("n", "beta", "scale", "seed"), [(4, 0.3, 2.0, 0), (64, 0.1, 2.0, 1), (300, 0.03, 1.0, 2)]
)
def test_holds_the_exact_value_of_a_linear_network(n, beta, scale, seed):
    x = inputs(n)
    network = linear_network([3, 4, 3, 2], beta, scale, seed)
    for estimate in estimate_layers(network, x, seed=seed + 1):
        truth, stderr = exact_information(network, x, estimate.layer)
        assert estimate.lower - 3 * stderr <= truth <= estimate.upper + 3 * stderr
        assert estimate.lower <= estimate.mi <= estimate.upper
        assert estimate.upper - estimate.lower < 0.08
        assert abs(estimate.mi - truth) < 0.03


def test_holds_the_exact_value_for_labels():
    x = inputs(128)
    labels = (x[:, 0] > 0).long()
    network = linear_network([3, 3, 2], 0.2, 2.0, 4)
    found = estimate_layers(network, x, y=labels, seed=0)
    assert [e.target for e in found] == ["x", "y", "x", "y"]
    for estimate in (e for e in found if e.target == "y"):
        truth, stderr = exact_label_information(network, x, labels.numpy(), estimate.layer)
        assert estimate.lower - 3 * stderr <= truth <= estimate.upper + 3 * stderr
        assert estimate.upper - estimate.lower < 0.08


def test_h_t_given_x_of_layer_1_is_the_noise_entropy():
    x = inputs(32)
    for beta, dim, entropy in [(0.005, 10, -38.794), (0.005, 3, -11.638)]:
        estimate = mutual_information(linear_network([3, dim], beta, 1.0, 0), x, 1)
        assert estimate.h_t_given_x == pytest.approx(entropy, abs=1e-3)
        assert estimate.h_t - estimate.h_t_given_x == pytest.approx(estimate.mi, abs=1e-9)


def test_separate_inputs_saturate():
    x = inputs(64)
    for estimate in estimate_layers(linear_network([3, 4, 3], 1e-4, 1.0, 0), x):
        assert estimate.status is Status.SATURATED
        assert estimate.upper == pytest.approx(np.log(64), abs=1e-6)
        assert estimate.lower > np.log(64) - 0.01


def test_processing_loses_information():
    x = inputs(200)
    found = estimate_layers(tanh_network(), x, y=(x[:, 0] > 0).long())
    of_x = [e for e in found if e.target == "x"]
    for earlier, later in pairwise(of_x):
        assert later.lower <= earlier.upper
    for estimate in found:
        assert 0 <= estimate.lower <= estimate.mi <= estimate.upper
        assert estimate.upper <= (np.log(200) if estimate.target == "x" else np.log(2)) + 1e-12


def test_invariances():
    """A shift of S, scaling S and beta together, another order of inputs: the same information."""
    x = inputs(100)
    network = tanh_network()
    before = mutual_information(network, x, 2)

    class Moved(nn.Module):
        def __init__(self, shift, scale):
            super().__init__()
            self.first = nn.Sequential(network[0], network[1], network[2])
            self.second = nn.Sequential(network[3], network[4])
            self.noise = GaussianNoise(0.05 * scale)
            self.shift, self.scale = shift, scale

        def forward(self, x):
            return self.noise(self.second(self.first(x)) * self.scale + self.shift)

    moved = mutual_information(Moved(7.0, 3.0).eval(), x, 2, seed=1)
    permuted = mutual_information(network, x[torch.randperm(100)], 2, seed=2)
    for after in (moved, permuted):
        assert abs(after.mi - before.mi) < 5 * np.hypot(after.stderr, before.stderr) + 0.005


def test_same_values_whatever_the_number_of_threads():
    import numba

    x = inputs(60)
    network = tanh_network()
    threads = torch.get_num_threads(), numba.get_num_threads()
    values = []
    try:
        for n in (1, threads[1]):
            torch.set_num_threads(n)
            numba.set_num_threads(n)
            found = estimate_layers(network, x, seed=5)
            values.append([(e.mi, e.lower, e.upper, e.stderr, e.h_t) for e in found])
    finally:
        torch.set_num_threads(threads[0])
        numba.set_num_threads(threads[1])
    assert values[0] == values[1]


def test_leaves_torch_alone():
    x = inputs(20)
    network = nn.Sequential(
        nn.Linear(3, 2),
        nn.Softplus(),
        GaussianNoise(0.1),
        nn.Linear(2, 2),
        nn.Tanh(),
        GaussianNoise(0.1),
    ).eval()
    state = torch.get_rng_state()
    estimate_layers(network, x)
    assert torch.equal(state, torch.get_rng_state())
    assert not any(module.training for module in network.modules())


def test_no_gaussian_noise_is_vacuous():
    x = inputs(16)
    for noise in (NoNoise(), DropoutNoise(0.2), GaussianNoise(0.0)):
        network = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), noise).eval()
        estimate = mutual_information(network, x, 1)
        assert estimate.status is Status.VACUOUS
        assert estimate.mi is None
        assert estimate.lower is None


def test_weights_that_are_not_numbers_fail():
    network = tanh_network()
    with torch.no_grad():
        network[3].weight[0, 0] = float("nan")
    for estimate in estimate_layers(network, inputs(16)):
        assert estimate.status is Status.FAILED
        assert estimate.mi is None


def test_holds_the_integral_of_two_neurons():
    x = torch.arange(1.0, 9.0)[:, None]
    beta = 0.05
    network = FCN(1, 1, [1, 1], "leaky_relu", lambda: GaussianNoise(beta)).eval()
    with torch.no_grad():
        for module, (w, b) in zip(
            (network[0], network[3]), [(0.3, -1.0), (-1.5, 0.4)], strict=True
        ):
            module.weight.fill_(w)
            module.bias.fill_(b)

    def neuron(t, w, b):
        return np.maximum(w * t + b, 0.1 * (w * t + b))

    first = neuron(x[:, 0].double().numpy(), 0.3, -1.0)
    kink = 0.4 / 1.5
    second = next_layer(first, beta, lambda t: neuron(t, -1.5, 0.4), panel=0.5, kinks=[kink])
    layers = [(first, None), second]
    for (centres, weights), estimate in zip(layers, estimate_layers(network, x), strict=True):
        truth = quadrature.mutual_information(centres, beta, weights).value
        assert estimate.lower <= truth <= estimate.upper
        assert estimate.upper - estimate.lower < 0.05


@pytest.mark.slow
def test_unreached_width_is_said():
    x = inputs(300)
    estimate = mutual_information(tanh_network(0.2), x, 3, target_width=1e-3)
    assert estimate.status is Status.WIDTH_NOT_REACHED


@pytest.mark.slow
def test_a_small_budget_buys_fewer_points():
    x = inputs(300)
    free, bound = (
        mutual_information(tanh_network(0.2), x, 3, target_width=4e-3, budget=budget)
        for budget in (None, 10**7)
    )
    assert bound.n_mc < free.n_mc
    assert bound.upper - bound.lower > free.upper - free.lower


def test_duplicate_inputs_count_once_in_the_entropy():
    x = inputs(8).repeat_interleave(2, 0)
    estimate = mutual_information(linear_network([3, 3], 1e-3, 1.0, 0), x, 1)
    assert estimate.upper == pytest.approx(np.log(8))
    assert estimate.lower == pytest.approx(np.log(8), abs=0.02)


@pytest.mark.slow
def test_wide_layers_have_both_ends_or_prove_saturation():
    x = inputs(40, 20)
    for beta, saturated in [(0.01, True), (3.0, False)]:
        torch.manual_seed(0)
        network = FCN(20, 2, [60, 40], "relu", lambda beta=beta: GaussianNoise(beta)).eval()
        for estimate in estimate_layers(network, x, target_width=0.2):
            assert (estimate.status is Status.SATURATED) == saturated
            assert (estimate.upper == pytest.approx(np.log(40))) == saturated
            assert estimate.lower <= estimate.mi <= estimate.upper


def test_errors_name_what_is_wrong():
    x, network = inputs(10), tanh_network()
    with pytest.raises(ValueError, match="layer = 4"):
        mutual_information(network, x, 4)
    with pytest.raises(ValueError, match="method = nope"):
        mutual_information(network, x, 1, method="nope")
    with pytest.raises(ValueError, match="n_mc = 1"):
        mutual_information(network, x, 1, n_mc=1)
