"""The points of Fig. 4 and 9, as the configuration has them."""

import pytest
import torch

from ib_runner.config.builder import Builder
from ib_runner.config.compose import compose, open_hydra, settings
from ib_runner.datasets.points import points

POINTS = {
    "points4": ([-3, -1, 1, 3], [-1, -1, -1, 1]),
    "points8": ([1, 2, 3, 4, 5, 6, 7, 8], [0, 0, 0, 0, 0.25, 0.25, 0.25, 0.25]),
}


@pytest.mark.parametrize("name", POINTS)
def test_values_are_the_papers(name):
    x, y = POINTS[name]
    data = Builder(settings(compose(open_hydra(), "train", [f"dataset={name}"]))).dataset()
    assert data.n_classes is None
    for split in (data.train, data.test, data.all):
        assert torch.equal(split.x, torch.tensor(x).float()[:, None])
        assert torch.equal(split.y, torch.tensor(y).float())


def test_the_fingerprint_tells_data_apart_and_not_seeds():
    x, y = POINTS["points4"]
    fingerprint = points(x, y, seed=0).fingerprint
    assert fingerprint == points(x, y, seed=1).fingerprint
    assert fingerprint != points(x, y[::-1], seed=0).fingerprint


def test_every_point_needs_a_value():
    with pytest.raises(ValueError, match="2 points x and 1 values y"):
        points([1, 2], [3], seed=0)
