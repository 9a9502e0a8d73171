"""The mixture density against float64 brute force, its invariances and its errors."""

import math
import re

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ib_runner.information.density.mixture_density import log_mixture_density

TOLERANCE = 1e-3
F32, F64 = torch.float32, torch.float64


def exact(points, centres, beta):
    """Every difference and the log-sum-exp in float64."""
    t, c = points.double(), centres.double()
    d = t.shape[1]
    distances = torch.cdist(t, c, compute_mode="donot_use_mm_for_euclid_dist")
    log_sums = torch.logsumexp(-((distances / beta) ** 2) / 2, 1)
    return log_sums - math.log(len(c)) - d / 2 * math.log(2 * math.pi * beta**2)


def clouds(seed, *, m=40, n_clouds=20, per_cloud=30, d=3, spread=0.05, beta=0.01):
    """Clouds of random shape in a cube of side ``spread``, and noisy draws from them."""
    g = torch.Generator().manual_seed(seed)
    means = spread * torch.rand(n_clouds, 1, d, generator=g, dtype=F64)
    stretch = 2 * beta * torch.rand(n_clouds, 1, d, generator=g, dtype=F64)
    noise = torch.randn(n_clouds, per_cloud, d, generator=g, dtype=F64)
    centres = (means + stretch * noise).reshape(-1, d)
    drawn = torch.randint(len(centres), (m,), generator=g)
    return centres[drawn] + beta * torch.randn(m, d, generator=g, dtype=F64), centres


def assert_within_tolerance(points, centres, beta, tolerance=TOLERANCE):
    found = log_mixture_density(points, centres, beta, tolerance=tolerance)
    assert found.shape == (len(points),)
    assert found.dtype == F64
    torch.testing.assert_close(found, exact(points, centres, beta), atol=tolerance, rtol=1e-13)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    d=st.integers(1, 16),
    m=st.integers(1, 60),
    n=st.integers(1, 3000),
    beta=st.sampled_from([1e-30, 1e-6, 5e-3, 1.0, 1e4]),
    spread=st.sampled_from([0.0, 0.3, 3.0, 30.0, 1e4]),
    copies=st.integers(1, 5),
    point_noise=st.sampled_from([0.0, 1.0, 12.0]),
    dtypes=st.sampled_from([(F32, F32), (F64, F64), (F32, F64), (F64, F32)]),
    seed=st.integers(0, 10**6),
)
def test_every_value_is_within_the_tolerance(
    d, m, n, beta, spread, copies, point_noise, dtypes, seed
):
    g = torch.Generator().manual_seed(seed)
    distinct = torch.randn(-(-n // copies), d, generator=g, dtype=F64) * spread
    centres = (beta * distinct).repeat(copies, 1)[:n].to(dtypes[1])
    drawn = centres[torch.randint(n, (m,), generator=g)].double()
    noise = torch.randn(m, d, generator=g, dtype=F64)
    assert_within_tolerance((drawn + beta * point_noise * noise).to(dtypes[0]), centres, beta)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 7, 10, 16])
@pytest.mark.parametrize("spread", [0.01, 0.2, 5.0])
def test_crowded_touching_and_separate_clouds(d, spread):
    points, centres = clouds(1, m=150, n_clouds=60, per_cloud=100, d=d, spread=spread)
    assert_within_tolerance(points, centres, 0.01)
    assert_within_tolerance(points.float(), centres.float(), 0.01)


@pytest.mark.parametrize("tolerance", [1e-9, 3e-4, 0.05, 1.0, 30.0])
def test_the_tolerance_asked_for_is_kept(tolerance):
    points, centres = clouds(2, m=200, per_cloud=300)
    assert_within_tolerance(points, centres, 0.01, tolerance)


def test_a_small_tolerance_is_kept_far_apart():
    points, centres = clouds(14, spread=200.0)
    assert_within_tolerance(points, centres, 0.01, 1e-9)


@pytest.mark.parametrize("tolerance", [0.2, 0.5, 1.0, 1.4, 10.0])
def test_what_is_left_out_is_a_share_of_what_is_summed(tolerance):
    """One centre at the point, and the others where they begin to count."""
    points = torch.zeros(1, 1, dtype=F64)
    for distance in (4.0, 4.5, 4.8, 5.0, 5.5):
        centres = torch.full((100_000, 1), distance, dtype=F64)
        centres[0] = 0.0
        found = log_mixture_density(points, centres, 1.0, tolerance=tolerance)
        error = abs(float(found - exact(points, centres, 1.0)))
        assert error <= math.log1p(0.72 * tolerance) + 2e-3


def test_many_points_share_groups_and_many_centres_share_leaves():
    g = torch.Generator().manual_seed(3)
    centres = 0.01 * torch.randn(20_000, 3, generator=g).round(decimals=1)  # many duplicates
    points = 0.01 * torch.randn(400, 3, generator=g)
    assert_within_tolerance(points, centres, 0.01)


@pytest.mark.parametrize("d", [49, 200])
def test_more_dimensions_than_a_tree_is_good_for(d):
    points, centres = clouds(4, d=d, spread=0.3)
    assert_within_tolerance(points, centres, 0.01)


def test_one_centre_is_a_gaussian():
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    found = log_mixture_density(points, torch.zeros(1, 2), 2.0)
    expected = -math.log(8 * math.pi) - torch.tensor([0.0, 25 / 8], dtype=F64)
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("distance", [8.0, 11.0, 13.0, 20.0, 1e3, 1e7])
def test_far_points_have_finite_values(distance, dtype):
    """Beyond 13 beta a float32 power of two underflows, beyond 38 beta a float64 one does."""
    points, centres = clouds(5, per_cloud=300, spread=0.02)
    points[::3, 0] += 0.01 * distance
    points, centres = points.to(dtype), centres.to(dtype)
    assert_within_tolerance(points, centres, 0.01)


def test_a_point_beyond_what_float64_can_say_is_minus_infinity():
    points = torch.full((1, 2), 1e200, dtype=F64)
    assert log_mixture_density(points, torch.zeros(3, 2, dtype=F64), 1.0).item() == -math.inf


def test_a_centre_far_beyond_float32_changes_nothing_near_the_others():
    points, centres = clouds(6)
    centres[7] = 1e200
    assert_within_tolerance(points, centres, 0.01)


def test_large_offsets_lose_nothing_in_float64():
    points, centres = clouds(7, m=200, spread=0.02, beta=5e-3)
    assert_within_tolerance(points + 1e3, centres + 1e3, 5e-3)
    near = log_mixture_density(points, centres, 5e-3)
    torch.testing.assert_close(
        log_mixture_density(points + 1e3, centres + 1e3, 5e-3), near, atol=TOLERANCE, rtol=0
    )


@pytest.mark.parametrize("d", [2, 3, 7])
def test_invariances(d):
    beta = 0.01
    points, centres = clouds(8, m=100, d=d)
    here = log_mixture_density(points, centres, beta)
    g = torch.Generator().manual_seed(9)
    rotation = torch.linalg.qr(torch.randn(d, d, generator=g, dtype=F64)).Q
    shuffled = centres[torch.randperm(len(centres), generator=g)]
    others = {
        "rotation": log_mixture_density(points @ rotation, centres @ rotation, beta),
        "scale": log_mixture_density(70 * points, 70 * centres, 70 * beta) + d * math.log(70),
        "order of centres": log_mixture_density(points, shuffled, beta),
        "every centre twice": log_mixture_density(points, centres.repeat(2, 1), beta),
    }
    for name, there in others.items():
        assert (here - there).abs().max() < 2 * TOLERANCE, name
    backwards = log_mixture_density(points.flip(0), centres, beta).flip(0)
    torch.testing.assert_close(here, backwards, atol=2 * TOLERANCE, rtol=0)


def test_the_number_of_threads_changes_no_bit():
    points, centres = clouds(10, m=3000, n_clouds=100, per_cloud=200)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = log_mixture_density(points, centres, 0.01)
    finally:
        numba.set_num_threads(threads)
    assert torch.equal(alone, log_mixture_density(points, centres, 0.01))


def test_the_inputs_are_left_alone_and_may_be_laid_out_anyhow():
    points, centres = clouds(11)
    before = centres.clone()
    expected = log_mixture_density(points, centres, 0.01)
    assert torch.equal(centres, before)
    wide = torch.stack([centres, centres], 2)
    found = log_mixture_density(points.T.contiguous().T, wide[:, :, 1].requires_grad_(), 0.01)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("points", "centres", "message"),
    [
        (torch.zeros(3), torch.zeros(4, 2), r"points: shape \[3\]"),
        (torch.zeros(3, 2), torch.zeros(2, 4, 2), "centres: shape"),
        (torch.zeros(3, 2), torch.zeros(0, 2), "centres: shape"),
        (torch.zeros(3, 0), torch.zeros(4, 0), "points: shape"),
        (torch.zeros(3, 2), torch.zeros(4, 3), "points have 2 dimensions and centres have 3"),
        (torch.full((3, 2), math.nan), torch.zeros(4, 2), "points: .* not finite"),
        (torch.zeros(3, 2), torch.full((4, 2), math.inf), "centres: .* not finite"),
        (torch.zeros(3, 2).int(), torch.zeros(4, 2), "points: dtype torch.int32"),
        (torch.zeros(3, 2), torch.zeros(4, 2).half(), "centres: dtype torch.float16"),
    ],
)
def test_wrong_tensors_are_refused(points, centres, message):
    with pytest.raises(ValueError, match=message):
        log_mixture_density(points, centres, 0.1)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, np.float32("nan")])
def test_wrong_numbers_are_refused(value):
    t = torch.zeros(3, 2)
    with pytest.raises(ValueError, match=f"beta = {value}: a finite number above 0"):
        log_mixture_density(t, t, value)
    with pytest.raises(ValueError, match=f"tolerance = {value}: a finite number above 0"):
        log_mixture_density(t, t, 0.1, tolerance=value)


@pytest.mark.parametrize("beta", [5e-324, 1e-310, 1e-151, 1e151, 1e308])
def test_a_beta_whose_square_float64_does_not_hold_is_refused(beta):
    t = torch.zeros(3, 2)
    with pytest.raises(ValueError, match=re.escape(f"beta = {beta}: 1e-150 to 1e+150 is")):
        log_mixture_density(t, t, beta)


@pytest.mark.parametrize("d", [2, 60])
@pytest.mark.parametrize("beta", [1e-150, 1e150])
def test_the_extreme_betas_are_right(beta, d):
    points, centres = clouds(12, d=d, beta=0.3)
    assert_within_tolerance(points * beta, centres * beta, beta)


@pytest.mark.parametrize("beta", [True, np.bool_(True), "0.1", None, 1j, torch.ones(1), [0.1]])
def test_what_is_no_number_is_refused(beta):
    t = torch.zeros(3, 2)
    with pytest.raises(TypeError, match=r"beta = .*: one real number is needed"):
        log_mixture_density(t, t, beta)


@pytest.mark.parametrize("d", [2, 60])
@pytest.mark.parametrize(
    "beta",
    [
        torch.tensor(0.25, requires_grad=True),
        torch.tensor(0.25, dtype=F64),
        np.float32(0.25),
        np.array(0.25),
    ],
)
def test_beta_may_be_a_scalar_of_numpy_or_torch(beta, d):
    points, centres = clouds(13, d=d)
    points.requires_grad_()
    found = log_mixture_density(points, centres, beta)
    assert not found.requires_grad
    assert torch.equal(found, log_mixture_density(points, centres, 0.25))


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("d", [2, 60])
def test_no_points_have_no_values(d, dtype):
    found = log_mixture_density(torch.zeros(0, d, dtype=dtype), torch.zeros(4, d), 0.1)
    assert found.shape == (0,)
    assert found.dtype == F64


def test_what_is_no_tensor_is_refused():
    array, tensor = np.zeros((3, 2)), torch.zeros(3, 2)
    with pytest.raises(TypeError, match=r"points: numpy.ndarray, not a torch.Tensor"):
        log_mixture_density(array, tensor, 0.1)
    with pytest.raises(TypeError, match=r"centres: builtins.list, .* torch.as_tensor\(centres\)"):
        log_mixture_density(tensor, [[0.0, 0.0]], 0.1)
