"""The paper's estimator against closed forms, and the certified interval."""

import numpy as np
import pytest
import torch

from ib_runner.information import (
    Status,
    estimate_layers,
    log_mixture_density,
    mutual_information,
)
from ib_runner.information.interval.mixtures import unit
from ib_runner.information.methods import paper as method
from ib_runner.information.sampling.sampler import Sampler
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


@pytest.mark.parametrize(("beta", "n_mc"), [(0.02, 1), (0.1, 4), (0.5, 2)])
def test_it_integrates_the_mixture_of_all_draws(beta, n_mc):
    """Although few draws of other inputs' clouds count at most points: clouds apart to merged."""
    torch.manual_seed(5)
    network = FCN(3, 2, [4, 3], "tanh", lambda: GaussianNoise(beta)).eval()
    sampler = Sampler(network, torch.randn(700, 3), seed=3)
    layer = sampler.layers[1]
    drawn = method.draw(sampler, [layer], 300)[2]
    found = method.entropies(sampler, layer, n_mc, drawn)
    s = torch.from_numpy(drawn.centres[:, None] + drawn.draws.transpose(0, 2, 1) * unit(beta))
    rng = torch.Generator().manual_seed(0)
    points = s[:, torch.randint(300, (20,), generator=rng)].double()
    points += beta * torch.randn(points.shape, generator=rng, dtype=torch.float64)
    own = torch.stack(
        [log_mixture_density(t, c.double(), beta) for t, c in zip(points, s, strict=True)]
    )
    of_all = log_mixture_density(points.reshape(-1, 3), s.reshape(-1, 3).double(), beta)
    terms = own - of_all.reshape(700, 20)
    error = float(terms.std() / len(of_all) ** 0.5)
    found_mi = found.h_t - found.h_t_given_x
    assert found_mi == pytest.approx(float(terms.mean()), abs=4 * (found.stderr + error) + 1e-3)
    # what the few draws cost: with all of them the error were that of the points alone
    points_alone = float((terms.var(1).mean() / (700 * n_mc)) ** 0.5) if n_mc > 1 else np.inf
    assert found.stderr < 1.25 * points_alone + 1e-4
