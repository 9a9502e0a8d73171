"""Networks and noise at the ends of the range of numbers: right, marked, or refused."""

import math
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from ib_runner.errors import UnresolvedError
from ib_runner.information import Estimate, Status, estimate_layers, mutual_information
from ib_runner.information.estimate import Values
from ib_runner.information.exact.quadrature import mutual_information as on_a_line
from ib_runner.information.methods.registry import METHODS
from ib_runner.networks import FCN, GaussianNoise

#: I(±1; ±1 + N(0, s²)), nats
J = {0.5: 0.63272, math.sqrt(0.5): 0.50007, 1.0: 0.33683, math.sqrt(2): 0.20135, 2.0: 0.11142}
CERTIFYING = ("coupled", "quadrature", "pairwise_lower", "pairwise_upper")


def channel(beta, bias=0.0):
    linear = nn.Linear(1, 1)
    with torch.no_grad():
        linear.weight.fill_(1.0)
        linear.bias.fill_(bias)
    return nn.Sequential(linear, GaussianNoise(beta))


def signs():
    return torch.tensor([[-1.0], [1.0]])


class Repeated(nn.Module):
    """T = (x, x, …) + Z, 20 units."""

    def __init__(self, beta):
        super().__init__()
        self.noise = GaussianNoise(beta)

    def forward(self, x):
        return self.noise(x.repeat(1, 20))


class BesideAConstant(nn.Module):
    """T = (x, 1e8) + Z."""

    def __init__(self, beta):
        super().__init__()
        self.noise = GaussianNoise(beta)

    def forward(self, x):
        return self.noise(torch.cat([x, torch.full_like(x, 1e8)], 1))


@pytest.mark.parametrize("s", J)
@pytest.mark.parametrize("method", CERTIFYING)
def test_two_inputs(s, method):
    found = mutual_information(channel(s), signs(), 1, method=method)
    assert found.lower - 1e-5 <= J[s] <= found.upper + 1e-5


@pytest.mark.parametrize("method", CERTIFYING)
def test_the_network_that_computes_is_measured_roundings_included(method):
    """float32 has no number between 1e5 and 1e5 + 2⁻⁷: the inputs are 2⁻⁷ apart, not 0.01."""
    network, x = channel(0.005, bias=1e5), torch.tensor([[0.0], [0.01]])
    truth = on_a_line(np.array([0.0, 2.0**-7]), 0.005).value
    found = mutual_information(network, x, 1, method=method)
    assert found.lower - 1e-9 <= truth <= found.upper + 1e-9


def test_intervals_behind_roundings_do_not_exclude_each_other():
    """The second layer's roundings: quadrature, which has none, widens its interval or refuses."""
    torch.manual_seed(0)
    network = nn.Sequential(*channel(0.005), *channel(0.005, bias=1e3)).eval()
    x = torch.tensor([[0.0], [0.01]])
    certified = mutual_information(network, x, 2)
    exact = mutual_information(network, x, 2, method="quadrature")
    assert exact.lower <= certified.upper
    assert certified.lower <= exact.upper
    assert exact.upper - exact.lower > 1e-3
    far = nn.Sequential(*channel(0.005), *channel(0.005, bias=1e5))
    with pytest.raises(ValueError, match="method quadrature needs"):
        mutual_information(far, x, 2, method="quadrature")


@pytest.mark.parametrize("beta", [1e-310, 1e-160, 1e-30, 1e-17, 1e-16, 1e-13, 1e-7])
@pytest.mark.parametrize("method", CERTIFYING)
def test_noise_far_below_the_distances(beta, method):
    x = torch.arange(64.0)[:, None]
    found = mutual_information(channel(beta), x, 1, method=method)
    assert found.lower - 1e-9 <= math.log(64) <= found.upper + 1e-9
    if method != "pairwise_upper":
        assert found.status is Status.SATURATED


@pytest.mark.parametrize("method", ["paper", "nearest_neighbours"])
def test_samples_that_float32_does_not_resolve(method):
    x = torch.arange(64.0)[:, None]
    found = mutual_information(channel(1e-7), x, 1, method=method)
    assert found.mi == pytest.approx(math.log(64), abs=3 * found.stderr + 0.05)


def test_noise_that_float64_does_not_resolve():
    """Distances between inputs are enough for the paper's estimator; neighbours need coordinates"""
    x = torch.arange(64.0)[:, None]
    found = mutual_information(channel(1e-17), x, 1, method="paper")
    assert found.mi == pytest.approx(math.log(64), abs=1e-6)
    with pytest.raises(UnresolvedError, match="float64 does not resolve"):
        mutual_information(channel(1e-17), x, 1, method="nearest_neighbours")


@pytest.mark.parametrize("method", ["paper", "nearest_neighbours", "coupled"])
def test_a_large_constant_beside_what_varies(method):
    found = mutual_information(BesideAConstant(0.5), signs(), 1, method=method, n_mc=2000, n_x=2000)
    assert found.mi == pytest.approx(J[0.5], abs=0.06)


@pytest.mark.parametrize(("size", "beta"), [(1e20, 0.05), (1e30, 1e-10), (1.0, 1e-25), (1.0, 0.05)])
def test_many_units_beyond_the_squares_of_float32(size, beta):
    found = mutual_information(Repeated(beta), size * signs(), 1)
    assert found.lower == pytest.approx(math.log(2), abs=0.01)
    assert found.status is Status.SATURATED


def test_groups_far_apart_of_inputs_that_touch():
    """Two inputs that touch at 0 and two at 1e9: 1 bit for the group, and what two tell."""
    x = torch.tensor([[0.0], [1.0], [1e9], [1e9 + 1.0]], dtype=torch.float64)
    found = mutual_information(channel(0.5).double(), x, 1)
    truth = math.log(2) + J[1.0]
    assert found.lower <= truth <= found.upper
    assert found.upper - found.lower < 0.05
    wide = FCN(1, 1, [1, 1], "identity", lambda: GaussianNoise(0.5)).double()
    with torch.no_grad():
        for layer in (wide[0], wide[3]):
            layer.weight.fill_(1.0)
            layer.bias.fill_(0.0)
    found = mutual_information(wide, x, 2)
    assert found.lower <= math.log(2) + J[math.sqrt(2)] <= found.upper


@pytest.mark.parametrize(
    "labels",
    [torch.zeros(32), torch.tensor([0.0] * 31 + [1.0])],
    ids=["one class", "a rare class"],
)
def test_little_to_know_is_not_all_known(labels):
    """The layer hardly depends on the input: it tells nothing apart, however small H(Y) is."""
    x = 1e-3 * torch.arange(32.0)[:, None]
    for found in estimate_layers(channel(10.0), x, y=labels):
        assert found.status is not Status.SATURATED
        assert found.lower == pytest.approx(0.0, abs=1e-3)


def test_a_rare_class_that_is_told_apart():
    labels = torch.zeros(4096)
    labels[:4] = 1
    entropy = -sum(p * math.log(p) for p in (4 / 4096, 4092 / 4096))
    assert entropy < 0.01
    assert Status.of(0.0, entropy, entropy, 0.05) is Status.OK
    assert Status.of(0.995 * entropy, entropy, entropy, 0.05) is Status.SATURATED
    assert Status.of(8.31, 8.3178, 8.3178, 0.05) is Status.SATURATED
    assert Status.of(8.30, 8.3178, 8.3178, 0.05) is Status.OK


def test_one_input():
    for method in CERTIFYING:
        found = mutual_information(channel(0.1), torch.ones(1, 1), 1, method=method)
        assert (found.lower, found.upper) == (0.0, 0.0)
        assert found.status is not Status.SATURATED


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_labels_that_are_no_numbers(value):
    labels = torch.tensor([0.0, 0.0, value, value])
    with pytest.raises(ValueError, match="y has values that are NaN or infinite"):
        estimate_layers(channel(0.1), torch.arange(4.0)[:, None], y=labels)


@pytest.mark.parametrize(
    "labels",
    [
        [0, 0, 1, 1],
        np.array([0, 0, 1, 1]),
        np.array([0.5, 0.5, 1.5, 1.5]),
        torch.tensor([0, 0, 1, 1], dtype=torch.bfloat16),
        torch.tensor([False, False, True, True]),
        torch.tensor([-1, -1, 1, 1], dtype=torch.int32)[:, None],
        torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]),
        np.array([-0.0, 0.0, 1.0, 1.0]),
    ],
)
def test_labels_as_people_have_them(labels):
    found = estimate_layers(channel(1e-3), torch.arange(4.0)[:, None], y=labels)
    about_y = next(e for e in found if e.target == "y")
    assert about_y.upper == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize("labels", [torch.tensor(1), 1, [0, 1, 2], "abcd", [0, None, 1, 1]])
def test_labels_that_are_refused(labels):
    with pytest.raises(ValueError, match=r"y|labels"):
        estimate_layers(channel(0.1), torch.arange(4.0)[:, None], y=labels)


def test_a_value_that_cannot_be_is_marked():
    """Neighbours in 20 dimensions: an error of nats."""
    found = mutual_information(Repeated(0.1), signs(), 1, method="nearest_neighbours", n_x=8)
    assert not -0.01 <= found.mi <= math.log(2) + 0.01
    assert found.status is Status.IMPOSSIBLE
    assert Status.of_value(-0.14, 0.69) is Status.IMPOSSIBLE
    assert Status.of_value(1.85, 0.69) is Status.IMPOSSIBLE
    assert Status.of_value(-0.005, 0.69) is Status.NOT_CERTIFIED


@pytest.mark.parametrize("method", METHODS)
def test_no_status_but_failed_beside_what_is_no_number(method, monkeypatch):
    network, x = channel(0.5), signs()
    nothing = {"x": Values(mi=math.nan, lower=math.nan, upper=0.5, status=Status.OK)}
    monkeypatch.setattr(METHODS[method], "values", lambda *_: nothing)
    found = mutual_information(network, x, 1, method=method)
    assert found.status is Status.FAILED
    assert (found.mi, found.lower, found.upper) == (None, None, None)
    with pytest.raises(ValueError, match="not finite"):
        Estimate(layer=1, dim=1, target="x", method=method, mi=math.nan, beta=1, status=Status.OK)
    assert Status.of(math.nan, 0.5, 0.69, 0.05) is Status.FAILED
    assert Status.of(0.1, math.nan, 0.69, 0.05) is Status.FAILED


@pytest.mark.parametrize("method", ["paper", "nearest_neighbours"])
def test_a_budget_limits_every_method(method):
    x = torch.randn(64, 1, generator=torch.Generator().manual_seed(0))
    network = nn.Sequential(*channel(0.1), *channel(0.1)).eval()
    whole = mutual_information(network, x, 2, method=method)
    part = mutual_information(network, x, 2, method=method, budget=10**6)
    assert part.n_x < whole.n_x
    assert part.n_x**2 * 64**2 <= 10**6 or part.n_x * (part.n_mc or 1) * 64 * 65 <= 10**6
    nothing = mutual_information(network, x, 2, method=method, budget=100)
    assert nothing.status is Status.NOT_CERTIFIED
    assert nothing.mi is None


class Roots(nn.Module):
    def forward(self, x):
        return x.sqrt()


@pytest.mark.parametrize("beta", [1e-40, 1e-30, 1e15, 1e25, 1e30])
def test_many_units_behind_noise_beyond_the_squares_of_float32(beta):
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Linear(1, 17), nn.ReLU(), GaussianNoise(beta)),
        *(nn.Linear(17, 17), nn.ReLU(), GaussianNoise(beta)),
    )
    found = mutual_information(network, signs(), 2, target_width=0.1, budget=10**6)
    below = mutual_information(network, signs(), 1, target_width=0.1, budget=10**6)
    assert found.status is not Status.FAILED
    assert found.lower <= below.upper
    assert 0 <= found.lower <= found.upper <= math.log(2) + 1e-9


@pytest.mark.parametrize("method", METHODS)
def test_one_input_of_many_whose_values_are_no_numbers(method):
    x = torch.ones(1000, 1)
    x[501:] = 2.0
    x[501] = -1.0
    found = mutual_information(nn.Sequential(Roots(), GaussianNoise(0.5)), x, 1, method=method)
    assert found.status is Status.FAILED
    assert (found.mi, found.lower, found.upper) == (None, None, None)


@pytest.mark.parametrize("method", ["pairwise_lower", "pairwise_upper"])
def test_a_budget_pays_for_all_pairs_or_for_nothing(method):
    x = torch.arange(64.0)[:, None]
    enough = mutual_information(channel(1.0), x, 1, method=method, budget=64**2)
    assert enough.mi == mutual_information(channel(1.0), x, 1, method=method).mi
    found = mutual_information(channel(1.0), x, 1, method=method, budget=64**2 - 1)
    assert (found.mi, found.lower, found.upper) == (None, 0.0, pytest.approx(math.log(64)))
    assert found.status is Status.NOT_CERTIFIED


@pytest.mark.parametrize("method", METHODS)
def test_what_numpy_is_told_to_raise_is_not_raised_by_us(method):
    quiet = mutual_information(channel(1e-3), torch.arange(5.0)[:, None], 1, method=method)
    with np.errstate(all="raise"):
        found = mutual_information(channel(1e-3), torch.arange(5.0)[:, None], 1, method=method)
    assert (found.mi, found.status) == (quiet.mi, quiet.status)


def test_nothing_is_said_on_the_way():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for method in METHODS:
            mutual_information(channel(1e-6), torch.arange(5.0)[:, None], 1, method=method)
