"""Clouds A and B: evaluation points and densities, in noise units about the inputs' centres."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from ib_runner.information.interval import clouds
from ib_runner.information.sampling.sampler import Sampler
from ib_runner.networks import GaussianNoise

BETA = 0.3
#: a noise unit: exp(−r²/2β²) = 2^(−(r/unit)²)
UNIT = BETA * math.sqrt(2 * math.log(2))


@pytest.fixture
def sampler():
    """One exact layer of two units, then one whose draws differ."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(3, 2), GaussianNoise(BETA), nn.Linear(2, 2), nn.Tanh(), GaussianNoise(BETA)
    ).eval()
    return Sampler(network, torch.randn(40, 3), seed=1)


@pytest.mark.parametrize(
    ("n", "draws"), [(1, 256), (100, 1), (100, 256), (1000, 8192), (33, 2**20)]
)
def test_blocks_are_all_inputs_once_and_fit_in_memory(n, draws):
    blocks = clouds.blocks_of(n, draws)
    assert clouds.owners_of(blocks).tolist() == list(range(n))
    sizes = [last - first for first, last in blocks]
    assert all(size <= 16 or size * draws <= 16 * 2**14 for size in sizes)


@pytest.mark.parametrize("number", [1, 2])
def test_points_are_draws_and_noise_and_their_density_is_that_of_the_cloud(sampler, number):
    layer = sampler.layers[number - 1]
    sizes = {number: (1, 1) if layer.exact else (256, 1)}
    densities = clouds.fit_densities(sampler, [layer], sizes)
    n_x = {number: 1 if layer.exact else 64}
    points = clouds.evaluation_points(sampler, [layer], densities, n_x, {number: 20})[number]
    assert points.t.shape == (40, 2, 20)
    s = sampler.draw(0, 40, n_x[number], clouds.Stream.CLOUD_A, [number])[number].astype(float)
    cloud = (s - densities[number].centres[:, :, None]) / UNIT
    squares = ((points.t[:, :, :, None] - cloud[:, :, None]) ** 2).sum(1)  # [n, m, draws]
    expected = np.log2(np.exp2(-squares).mean(-1))
    assert points.log2_own_cloud == pytest.approx(expected, abs=1e-3)
    # noise of variance β², which is 1/(2 ln 2) in noise units, about draw j of its own input
    noise = points.t - cloud[:, :, :20] if not layer.exact else points.t - cloud
    assert noise.var() == pytest.approx(1 / (2 * math.log(2)), rel=0.1)
    assert abs(noise.mean()) < 0.1


def test_sums_at_the_points_of_some_inputs(sampler):
    layer = sampler.layers[0]
    densities = clouds.fit_densities(sampler, [layer], {1: (1, 1)})[1]
    points = clouds.evaluation_points(sampler, [layer], {1: densities}, {1: 1}, {1: 4})[1]
    some = [(8, 12), (20, 24)]
    rows = clouds.owners_of(some)
    part = clouds.Points(points.t[rows], points.log2_own_cloud[rows])
    classes = np.arange(40) % 2
    whole = clouds.sums_at(points, [(0, 40)], densities, classes)
    found = clouds.sums_at(part, some, densities, classes)
    for name in ("own", "same", "total"):
        assert getattr(found, name) == pytest.approx(getattr(whole, name)[rows], abs=1e-3)
    # an exact layer's one Gaussian is the noise itself
    assert found.own == pytest.approx(part.log2_own_cloud, abs=1e-3)
    assert (found.own <= found.same + 1e-6).all()
    assert (found.same <= found.total + 1e-6).all()
    evaluations = clouds.evaluations_at(points, densities, 0.0)
    assert evaluations >= points.log2_own_cloud.size


def test_evaluations_are_counted_in_some_blocks_where_these_show_that_they_are_few():
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Identity(), GaussianNoise(BETA)).eval()
    # every input has some of the others near it
    found = Sampler(network, torch.from_numpy(rng.uniform(0, 12, (1500, 2))).float(), seed=1)
    layer = found.layers[0]
    densities = clouds.fit_densities(found, [layer], {1: (1, 1)})[1]
    points = clouds.evaluation_points(found, [layer], {1: densities}, {1: 1}, {1: 300})[1]
    exact = clouds.evaluations_at(points, densities, 0.0)
    roughly = clouds.evaluations_at(points, densities, math.inf)
    assert roughly != exact
    assert roughly == pytest.approx(exact, rel=0.1)


def test_points_of_blocks_as_one():
    parts = [clouds.Points(np.full((k, 2, 3), k), np.full((k, 3), k)) for k in (1, 2)]
    joined = clouds.join_points(parts)
    assert joined.t[:, 0, 0].tolist() == [1, 2, 2]
    assert joined.log2_own_cloud[:, 0].tolist() == [1, 2, 2]
