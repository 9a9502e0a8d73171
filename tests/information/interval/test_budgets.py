"""The budget of a layer by paths, where none is given and where one is."""

import pytest
import torch

from ib_runner.information.estimate_layers import coupled_task
from ib_runner.information.interval.coupled import paths_budget_of
from ib_runner.networks import FCN, GaussianNoise


def budget(n, width, **settings):
    network = FCN(2, 2, (3, width), "tanh", lambda: GaussianNoise(0.1)).eval()
    task = coupled_task(network, torch.randn(n, 2), None, 0, settings)
    return paths_budget_of(task, task.layers[1])


@pytest.mark.parametrize(
    ("n", "width", "expected"),
    [(64, 20, 2e9), (1024, 20, 2e9), (2048, 20, 4e9), (10_240, 20, 2e10), (40_000, 20, 2e10)],
)
def test_it_grows_with_the_inputs_of_a_wide_layer(n, width, expected):
    assert budget(n, width) == expected
    assert budget(n, 4) == 2e9


def test_one_that_is_given_is_kept_however_large():
    assert budget(64, 20, budget=5 * 10**10) == 5e10
    assert budget(64, 20, budget=1000) == 1000
    assert budget(64, 20, n_mc=4) == 2e9
