"""Sizes for the interval by paths: within the budget, as wide as promised, as the user asked."""

from itertools import pairwise

import pytest
import torch

from ib_runner.information.labels import Labels
from ib_runner.information.paths.plan import prepare
from ib_runner.information.sampling.sampler import Sampler
from ib_runner.information.task import Settings, Task
from ib_runner.networks import FCN, GaussianNoise


def task(budget=10**8, betas=(0.4, 0.2), widths=(4, 4), **settings):
    torch.manual_seed(0)
    levels = iter(betas)
    network = FCN(4, 2, widths, "tanh", lambda: GaussianNoise(next(levels))).eval()
    x = torch.randn(64, 4)
    sampler = Sampler(network, x, 0)
    settings = Settings(budget=budget, **settings)
    return Task(sampler, [sampler.layers[1]], Labels(torch.arange(64)), None, settings)


def planned(budget=10**8, **settings):
    asked = task(budget, **settings)
    return prepare(asked, asked.layers[0], float(budget))


@pytest.mark.parametrize("budget", [10**6, 10**7, 10**8])
def test_a_plan_costs_no_more_than_the_budget(budget):
    found = planned(budget)
    assert found.plan.cost <= budget
    assert found.plan.points >= 2
    assert found.plan.path_points <= found.plan.points
    assert found.plan.choice.share == found.plan.path_points / found.plan.points


@pytest.mark.slow
def test_more_budget_promises_no_wider_interval_and_less_width_costs_more():
    widths = [planned(10**k, target_width=0.02).plan.width for k in (6, 7, 8)]
    assert all(more <= less * 1.05 for less, more in pairwise(widths))
    wide, narrow = (planned(10**8, target_width=width).plan for width in (0.5, 0.2))
    assert wide.cost < narrow.cost
    assert narrow.width <= 0.2


def test_sizes_that_are_asked_for_are_kept():
    found = planned(10**8, n_mc=32, n_x=24, n_o=6).plan
    assert found.points == 32 * 64
    if found.path_points:
        assert (found.reach.n_paths, found.reach.n_others) == (24, 6)
    assert found.path_points > 0


def test_a_budget_that_pays_for_nothing_has_no_plan():
    assert planned(10) is None


def test_a_layer_whose_density_is_known_needs_no_paths():
    asked = task()
    found = prepare(asked, asked.sampler.layers[0], 1e8)
    assert found.source.exact
    assert found.units is None
    assert found.plan.path_points == 0
