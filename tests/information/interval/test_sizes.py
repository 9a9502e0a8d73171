"""Sizes chosen on a pilot: cheap where wide intervals will do, and within the budget always."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ib_runner.information import Status, mutual_information
from ib_runner.information.interval import clouds
from ib_runner.information.interval import mixtures as mixtures_module
from ib_runner.information.interval.mixture_kernel import ALL
from ib_runner.information.interval.sizes import Pilot, Request, choose
from ib_runner.networks import FCN, GaussianNoise

#: bounds that are 0.02 + 5/n_x + 2/n_o apart; four Gaussians take the 0.02 away
PILOT = Pilot(
    own={256: 5 / 256, 512: 5 / 512},
    fitted={(n, k): (-0.02 if k == 1 else 0.0) - 2 / n for n in (256, 512) for k in (1, 4)},
    base=(512, (256, 1)),
    upper=3.0,
    loss={1e-4: 0.0, 1e-3: 0.001, 1e-2: 0.01},
    spread={1e-4: 2.0, 1e-3: 1.9, 1e-2: 1.8},
    posterior=0.2,
    near=30.0,
)
EXACT = replace(PILOT, own={1: 0.0}, fitted={(1, 1): 0.0}, base=(1, (1, 1)))
REQUEST = Request(n=1000, exact=False, highest=math.log(1000), target_width=0.05, budget=1e9)


def network():
    torch.manual_seed(3)
    one = FCN(3, 2, [4, 3, 2], "tanh", lambda: GaussianNoise(0.1)).eval()
    with torch.no_grad():
        for parameter in one.parameters():
            parameter *= 3.0
    return one, torch.randn(300, 3)


def test_the_gap_is_what_was_measured_and_forecast():
    for n_x, n_o, k, extra in [(256, 512, 1, 0.02), (4096, 2048, 1, 0.02), (1024, 256, 4, 0.0)]:
        gap = PILOT.gap(n_x, n_o, k, 1e-4, 10.0)
        assert gap == pytest.approx(extra + 5 / n_x + 2 / n_o, abs=1e-12)
    assert PILOT.gap(512, 256, 1, 1e-2, 10.0) - PILOT.gap(512, 256, 1, 1e-4, 10.0) == (
        pytest.approx(0.01)
    )
    # both bounds above what there is: no gap
    assert PILOT.gap(512, 256, 1, 1e-4, 2.0) == 0.0


def test_wide_intervals_are_cheap_and_narrow_ones_take_more_of_everything():
    wide, narrow = (choose(PILOT, replace(REQUEST, target_width=w)) for w in (0.3, 0.02))
    assert (wide.n_x, wide.n_o, wide.components) == (256, 256, 1)
    assert narrow.components == 4
    assert narrow.n_x > 256
    assert narrow.n_mc > 4 * wide.n_mc


def test_given_sizes_stand_but_one_draw_is_all_of_an_exact_cloud():
    sizes = choose(PILOT, replace(REQUEST, n_x=300, n_o=700, n_mc=9))
    assert (sizes.n_x, sizes.n_o, sizes.n_mc) == (300, 700, 9)
    exact = choose(EXACT, replace(REQUEST, exact=True, n_x=300, n_o=700, n_mc=9))
    assert (exact.n_x, exact.n_o, exact.n_mc) == (1, 1, 9)


def test_a_budget_for_nothing_chooses_nothing():
    assert choose(PILOT, replace(REQUEST, budget=1e5)) is None


@pytest.mark.parametrize("budget", [3e6, 1e7, 1e8])
@pytest.mark.slow
def test_the_budget_is_a_limit(budget, monkeypatch):
    spent = []

    def own(n, points, references, cloud, out):
        spent.append(out.size * cloud.shape[2])
        own_cloud_densities(n, points, references, cloud, out)

    def mixtures(n, queries, components, boxes, sums, wanted):
        add_mixtures(n, queries, components, boxes, sums, wanted)
        if wanted == ALL:
            spent.append(int(sums.evaluations.sum()))

    own_cloud_densities = clouds.own_cloud_densities
    add_mixtures = mixtures_module.add_mixtures
    monkeypatch.setattr(clouds, "own_cloud_densities", own)
    monkeypatch.setattr(mixtures_module, "add_mixtures", mixtures)
    one, x = network()
    found = mutual_information(one, x, 3, target_width=1e-3, budget=int(budget))
    assert 0.02 * budget < sum(spent) <= budget
    assert found.status is Status.WIDTH_NOT_REACHED
    assert found.n_mc >= 2


@pytest.mark.slow
def test_more_budget_narrower_intervals():
    one, x = network()
    widths = []
    for budget in (10**6, 10**7, 10**8):
        found = mutual_information(one, x, 3, target_width=1e-3, budget=budget)
        widths.append(found.upper - found.lower)
    assert widths == sorted(widths, reverse=True)


def test_a_budget_for_nothing_certifies_nothing():
    one, x = network()
    found = mutual_information(one, x, 3, budget=1000)
    assert found.status is Status.NOT_CERTIFIED
    assert (found.lower, found.upper, found.mi) == (0.0, pytest.approx(np.log(300)), None)


@pytest.mark.parametrize("target_width", [0.3, 0.05, 0.02])
def test_widths_are_reached_and_not_by_far(target_width):
    one, x = network()
    found = mutual_information(one, x, 3, target_width=target_width)
    assert found.status is Status.OK
    assert found.upper - found.lower > 0.2 * target_width
