"""The kernels against float64, for clouds far apart, touching and merged, short and long."""

from itertools import pairwise

import numpy as np
import pytest

from ib_runner.information.interval.mixtures import (
    PRUNED,
    Densities,
    blocks,
    fit,
    join,
    mixture_sums,
)
from ib_runner.information.interval.own_clouds import own_cloud_densities

LN2 = np.log(2)


def exact_log2_mixture(points, records):
    """log2 of one mixture at ``points`` [d, m], float64."""
    dim = len(points)
    exponents = []
    for record in records.astype(float):
        lower = np.zeros((dim, dim))
        lower[np.tril_indices(dim)] = record[1 + dim :]
        moved = points - record[1 : 1 + dim, None]
        exponents.append(record[0] - np.square(lower @ moved).sum(0))
    return np.logaddexp.reduce(np.array(exponents) * LN2, axis=0) / LN2


@pytest.mark.parametrize("spacing", [0.1, 3.0, 100.0, 1e5])
@pytest.mark.parametrize("stretch", [0.0, 1.0, 60.0])
@pytest.mark.parametrize(
    ("dim", "n_components"), [(1, 1), (2, 4), (3, 16), (4, 16), (5, 1), (10, 1)]
)
def test_sums_of_mixtures(dim, n_components, spacing, stretch):
    rng = np.random.default_rng(0)
    n, m = 24, 5
    centres = rng.standard_normal((n, dim)) * spacing
    clouds = rng.standard_normal((n, dim, 128)).astype(np.float32) * np.float32(0.3)
    clouds[:, 0] += rng.standard_normal((n, 128)).astype(np.float32) ** 3 * np.float32(stretch)
    points = clouds[:, :, :m] + rng.standard_normal((n, dim, m)).astype(np.float32)
    points[0] += np.float32(30.0)  # far from its own cloud
    mixtures = join([fit(clouds[:10], n_components), fit(clouds[10:], n_components)])
    classes = np.arange(n) % 3
    sums = mixture_sums(points, np.arange(n), Densities(centres, mixtures), classes)
    for x in range(n):
        terms = np.array(
            [
                exact_log2_mixture(
                    points[x] + (centres[x] - centres[other])[:, None],
                    mixtures.records[mixtures.offsets[other] : mixtures.offsets[other + 1]],
                )
                for other in range(n)
            ]
        )
        room = 2e-4 + 3e-7 * np.abs(terms[x]).max()
        assert np.allclose(sums.own[x], terms[x], atol=room)
        total = np.logaddexp.reduce(terms * LN2, axis=0) / LN2
        same = np.logaddexp.reduce(terms[classes == classes[x]] * LN2, axis=0) / LN2
        assert np.allclose(sums.total[x], total, atol=room + PRUNED)
        assert np.allclose(sums.same[x], same, atol=room + PRUNED)


@pytest.mark.parametrize("spacing", [1.0, 8.0, 30.0])
@pytest.mark.parametrize(("dim", "n_components"), [(3, 32), (4, 1), (5, 1), (7, 4), (10, 1)])
def test_sums_of_many_mixtures_of_which_some_are_low(dim, n_components, spacing):
    rng = np.random.default_rng(5)
    n, m = 700, 2
    centres = np.round(rng.standard_normal((n, dim))) * spacing  # several share a place
    clouds = rng.standard_normal((n, dim, 64)).astype(np.float32) * np.float32(0.4)
    points = clouds[:, :, :m] + rng.standard_normal((n, dim, m)).astype(np.float32)
    mixtures, classes = fit(clouds, n_components), rng.integers(0, 3, n)
    sums = mixture_sums(points, np.arange(n), Densities(centres, mixtures), classes)
    owner = np.repeat(np.arange(n), np.diff(mixtures.offsets))
    tril = np.zeros((len(owner), dim, dim))
    tril[:, *np.tril_indices(dim)] = mixtures.records[:, 1 + dim :]
    means = mixtures.records[:, 1 : 1 + dim] + centres[owner]
    for x in range(0, n, 7):
        moved = (points[x] + centres[x][:, None]).T[:, None] - means
        exponents = mixtures.records[:, 0] - np.square(np.einsum("kij,mkj->mki", tril, moved)).sum(
            2
        )
        total = np.logaddexp.reduce(exponents * LN2, axis=1) / LN2
        same = np.logaddexp.reduce(exponents[:, classes[owner] == classes[x]] * LN2, axis=1) / LN2
        assert np.allclose(sums.total[x], total, atol=2e-4 + PRUNED)
        assert np.allclose(sums.same[x], same, atol=2e-4 + PRUNED)
    if spacing > 10.0:
        assert sums.evaluations < sums.own.size * len(owner) / 3


def test_a_long_cloud_is_left_out_beside_it():
    """Along each axis it reaches as far as small clouds off its diagonal, to which it adds 0."""
    rng = np.random.default_rng(0)
    n, m = 9, 4
    clouds = 0.1 * rng.standard_normal((n, 2, 256)).astype(np.float32)
    clouds[0] += 40.0 * rng.standard_normal(256).astype(np.float32)
    centres = 25.0 * (np.arange(n) - 4.5)[:, None] * np.array([1.0, -1.0])
    centres[0] = 0.0
    mixtures = fit(clouds, 1)
    points = clouds[1:, :, :m] + rng.standard_normal((n - 1, 2, m)).astype(np.float32)
    sums = mixture_sums(points, np.arange(1, n), Densities(centres, mixtures), np.zeros(n, int))
    assert np.allclose(sums.total, sums.own, atol=1e-6)
    assert sums.evaluations == 2 * points.shape[0] * m  # the own mixture, alone and in the sum


@pytest.mark.parametrize("most", [1, 5, 64])
def test_blocks_hold_every_row_once_are_of_one_class_and_compact(most):
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((500, 3)) * np.array([1.0, 5.0, 30.0])
    classes = np.arange(500) % 2
    rows, starts = blocks(centres, classes, most)
    assert sorted(rows) == list(range(500))
    assert starts[0] == 0
    assert starts[-1] == 500
    for first, last in pairwise(starts.tolist()):
        block = rows[first:last]
        assert 1 <= len(block) <= most
        assert len(set(classes[block])) == 1
        assert len(block) == 1 or np.ptp(centres[block], axis=0).max() <= 8.0


def test_rows_in_one_place_share_a_block():
    rows, starts = blocks(np.zeros((64, 2)), np.zeros(64, int), 64)
    assert starts.tolist() == [0, 64]
    assert sorted(rows) == list(range(64))


@pytest.mark.parametrize("scale", [1.0, 1e9, 1e200])
def test_sums_are_the_same_in_any_unit_and_however_far_groups_are(scale):
    """Two groups of inputs that touch, far apart: each is summed as if it were alone."""
    rng = np.random.default_rng(3)
    near = rng.standard_normal((10, 2))
    far = near + np.array([1e8, 0.0])
    clouds = rng.standard_normal((20, 2, 64)).astype(np.float32) * np.float32(0.3)
    points = clouds[:, :, :4] + rng.standard_normal((20, 2, 4)).astype(np.float32)
    alone = fit(clouds[:10], 1)
    wanted = mixture_sums(points[:10], np.arange(10), Densities(near, alone), np.zeros(10, int))
    centres = np.concatenate([near, far]) * scale
    both = fit(clouds, 1)
    found = mixture_sums(points, np.arange(20), Densities(centres, both, scale), np.zeros(20, int))
    assert np.allclose(found.own[:10], wanted.own, atol=1e-5)
    assert np.allclose(found.total[:10], wanted.total, atol=1e-4)
    again = mixture_sums(
        points[10:], np.arange(10), Densities(near, fit(clouds[10:], 1)), np.zeros(10, int)
    )
    assert np.allclose(found.total[10:], again.total, atol=1e-4)


def test_own_clouds_without_underflow():
    rng = np.random.default_rng(1)
    clouds = rng.standard_normal((4, 3, 200)).astype(np.float32) * 1000
    noise = rng.standard_normal((4, 3, 6)).astype(np.float32) * np.array([1, 5, 12, 0.1])[
        :, None, None
    ].astype(np.float32)
    points = clouds[:, :, :6] + noise
    s = clouds[:, :, :6]
    out = np.empty((4, 6))
    own_cloud_densities(len(out), points, -np.square(points - s).sum(1), clouds, out)
    squared = np.square(points[..., None].astype(float) - clouds[:, :, None]).sum(1)
    exact = np.logaddexp.reduce(-squared * LN2, axis=2) / LN2 - np.log2(200)
    assert np.allclose(out, exact, atol=1e-3)


def test_more_components_than_sums_have_room_for_are_refused():
    clouds = np.random.default_rng(0).standard_normal((2, 2, 2000)).astype(np.float32) * 90
    assert fit(clouds, 32).n_components == 32
    with pytest.raises(ValueError, match="n_components = 33: at most 32"):
        fit(clouds, 33)


def test_a_mixture_is_a_density():
    rng = np.random.default_rng(2)
    cloud = (rng.standard_normal((1, 1, 256)) ** 3 * 5).astype(np.float32)
    t = np.linspace(-400, 400, 400_001)
    for n_components in (1, 4, 16):
        mixtures = fit(cloud, n_components)
        density = np.exp2(exact_log2_mixture(t[None], mixtures.records))
        # relative to the noise's peak: the kernel 2^(−u²) integrates to √(π/ln 2)
        assert np.trapezoid(density, t) == pytest.approx(np.sqrt(np.pi / LN2), rel=1e-4)
