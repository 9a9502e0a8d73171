"""The spiral: its equation, its balance, its split."""

import math

import pytest
import torch

from ib_runner.datasets.spiral import spiral


def data(seed=0, n=1024, turns=1.0):
    return spiral(n=n, turns=turns, radius=3.0, train_fraction=0.8, seed=seed)


def test_two_arms_one_the_other_turned_by_half_a_circle():
    points = data().all
    assert points.x.shape == (1024, 2)
    assert points.y.bincount().tolist() == [512, 512]
    assert torch.equal(points.x[points.y == 1], -points.x[points.y == 0])


@pytest.mark.parametrize("turns", [0.5, 1.0, 2.5])
def test_the_angle_grows_with_the_radius(turns):
    arm = data(turns=turns).all.x[::2].double()
    radius = arm.norm(dim=1)
    k = torch.arange(512).double()
    torch.testing.assert_close(radius, 3 * ((k + 0.5) / 512).sqrt(), atol=1e-6, rtol=0)
    angle = torch.atan2(arm[:, 1], arm[:, 0])
    turned = angle - 2 * math.pi * turns * radius / 3
    torch.testing.assert_close(turned.cos(), torch.ones(512).double(), atol=1e-6, rtol=0)


def test_points_differ_and_the_split_is_a_function_of_the_seed():
    one, again, other = data(), data(), data(seed=1)
    assert len(one.all.x.unique(dim=0)) == 1024
    assert (len(one.train), len(one.test)) == (819, 205)
    assert one.fingerprint == again.fingerprint != other.fingerprint
    assert torch.equal(one.all.x, other.all.x)
