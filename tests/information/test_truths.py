"""The table of truths against the networks it describes."""

import math

import numpy as np
import pytest
import torch
from truths import NOISE_ENTROPY, SZT_INPUT_ENTROPY, Chain, linear_truth, truths

from ib_runner.datasets.szt import patterns
from ib_runner.information.exact.quadrature import mutual_information
from ib_runner.networks import hidden_layers

TRUTHS = truths()


def test_constants():
    for d, value in NOISE_ENTROPY.items():
        entropy = 0.5 * d * math.log(2 * math.pi * math.e * 0.005**2)
        assert value == pytest.approx(entropy, abs=5e-4)
    assert math.log(len(patterns())) == pytest.approx(SZT_INPUT_ENTROPY, abs=5e-5)


def test_names_are_unique():
    assert len({str(truth) for truth in TRUTHS}) == len(TRUTHS)


@pytest.mark.parametrize("truth", TRUTHS, ids=str)
def test_values_obey_the_inequalities(truth):
    assert -1e-9 <= truth.value <= math.log(len(truth.x)) + 1e-9
    below = {str(t): t for t in TRUTHS}.get(f"{truth.name}, layer {truth.layer - 1}")
    assert below is None or truth.value <= below.value + 1e-9


@pytest.mark.parametrize(
    "truth", [t for t in TRUTHS if t.layer == 1 and t.name.startswith("tanh")], ids=str
)
def test_first_layers_are_the_network_s_own(truth):
    s = hidden_layers(truth.network, truth.x, noise=False)[0].s.double().numpy()[:, 0]
    exact = mutual_information(s, truth.beta).value
    assert truth.value == pytest.approx(exact, abs=truth.tolerance)


def test_a_bent_chain_on_plain_grids():
    chain = Chain("tanh", (-1.0, -0.2, 0.3, 0.8), (1.0, 2.0, 1.5), (0.1, -0.3, 0.2), 0.1)
    t = np.linspace(-2.5, 2.5, 2001)
    step = t[1] - t[0]

    def noise(difference):
        return np.exp(-0.5 * (difference / 0.1) ** 2) / (0.1 * math.sqrt(2 * math.pi))

    def information(p):
        total = p.mean(0)
        ratio = np.log(np.maximum(p, 1e-300)) - np.log(np.maximum(total, 1e-300))
        return float((p * ratio).sum(1).mean()) * step

    p = noise(t - np.tanh(np.array(chain.x) + 0.1)[:, None])
    for layer, (w, b) in enumerate(((2.0, -0.3), (1.5, 0.2)), start=2):
        p = p @ noise(t - np.tanh(w * t + b)[:, None]) * step
        assert chain.information(layer) == pytest.approx(information(p), abs=1e-9)


def test_chains_are_what_the_network_samples():
    truth = next(t for t in TRUTHS if str(t) == "2 tanh chains, layer 3")
    torch.manual_seed(0)
    t = hidden_layers(truth.network, truth.x[:1].expand(20000, -1), noise=True)[2].t
    # the two chains get the same input here and are independent
    assert abs(float(t.T.corrcoef()[0, 1])) < 0.03
    assert float(t[:, 0].mean()) == pytest.approx(float(t[:, 1].mean()), abs=0.01)


def test_linear_truths_of_more_than_one_unit_are_precise():
    truth = linear_truth([5, 3], 64, 0.3, seed=0)
    assert 0.1 < truth.value < math.log(64) - 0.1
    assert truth.tolerance < 6e-3
