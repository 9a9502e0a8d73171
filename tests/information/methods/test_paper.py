"""The paper's estimator against closed forms, and the certified interval."""

import numpy as np
import pytest
import torch

from ib_runner.information import Status, estimate_layers, mutual_information
from ib_runner.networks import FCN, GaussianNoise


def setting():
    torch.manual_seed(2)
    network = FCN(3, 2, [3, 2], "tanh", lambda: GaussianNoise(0.1)).eval()
    return network, torch.randn(100, 3)


def test_agrees_with_the_certified_interval():
    network, x = setting()
    certified = estimate_layers(network, x)
    for layer, interval in enumerate(certified, 1):
        paper = mutual_information(network, x, layer, method="paper", n_mc=64)
        room = 4 * paper.stderr + 0.01  # its bias at n_x = 1000
        assert interval.lower - room <= paper.mi <= interval.upper + room
        assert paper.status is Status.NOT_CERTIFIED
        assert paper.lower is None
        assert paper.upper is None
        assert paper.mi == pytest.approx(paper.h_t - paper.h_t_given_x, abs=1e-12)
        assert abs(paper.h_t - interval.h_t) < room


def test_the_conditional_entropy_of_layer_1_is_exact():
    network, x = setting()
    paper = mutual_information(network, x, 1, method="paper", n_mc=2)
    assert paper.h_t_given_x == pytest.approx(1.5 * np.log(2 * np.pi * np.e * 0.01))


def test_where_no_noise_overlaps_it_has_no_error():
    """Both terms are taken at the same points: what is random in them cancels."""
    network = FCN(1, 2, [2], "tanh", lambda: GaussianNoise(1e-3)).eval()
    x = torch.linspace(-1.0, 1.0, 20)[:, None]
    paper = mutual_information(network, x, 1, method="paper")
    assert paper.mi == pytest.approx(np.log(20), abs=1e-3)
    assert paper.stderr < 1e-4
