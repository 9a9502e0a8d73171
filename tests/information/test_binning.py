"""H(Bin(T)) against exact counts in rational arithmetic, and the conventions at bin edges."""

import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch

from ib_runner.information.binning import bin_codes, binned_entropy, unit_entropies


def codes_of(*values: float, bin_width: float, lowest: float | None = None) -> list[int]:
    column = torch.tensor(values, dtype=torch.float64)[:, None]
    return bin_codes(column, bin_width, lowest)[:, 0].tolist()


def entropy_of_counts(items: list) -> float:
    return -sum(c / len(items) * math.log(c / len(items)) for c in Counter(items).values())


def test_bins_are_open_below_and_closed_above():
    assert codes_of(-0.5, -0.25, 0.0, 0.125, 0.25, 0.375, 0.5, bin_width=0.25) == [
        -3, -2, -1, 0, 0, 1, 1,
    ]  # fmt: skip


def test_the_lowest_bin_of_a_bounded_activation_is_closed():
    assert codes_of(-1.0, -0.99, 1.0, bin_width=0.05) == [-21, -20, 19]
    assert codes_of(-1.0, -0.99, 1.0, bin_width=0.05, lowest=-1.0) == [-20, -20, 19]
    # the two bins [−1, 0] and (0, 1] of Fig. 7
    assert codes_of(-1.0, -0.0, 0.0, 1e-300, 1.0, bin_width=1.0, lowest=-1.0) == [-1, -1, -1, 0, 0]
    # −1 is inside a bin of width 0.03 already
    assert codes_of(-1.0, -0.995, bin_width=0.03, lowest=-1.0) == [-34, -34]


def test_edges_are_multiples_of_the_float64_width():
    single = float(np.float32(0.3))
    assert codes_of(0.3, 3 * 0.1, single, bin_width=0.1) == [2, 3, 3]


def test_codes_agree_with_rational_arithmetic():
    generator = np.random.default_rng(0)
    values = np.concatenate([generator.uniform(-1, 1, 500), np.arange(-20, 21) * 0.05])
    for bin_width in (0.05, 0.001, 1 / 3, 7.0):
        exact = [math.ceil(Fraction(v) / Fraction(bin_width)) - 1 for v in values]
        on_an_edge = np.abs(values / bin_width - np.round(values / bin_width)) < 1e-12
        codes = codes_of(*values, bin_width=bin_width)
        for code, truth, edge in zip(codes, exact, on_an_edge, strict=True):
            assert code == truth or (edge and abs(code - truth) == 1)


@pytest.mark.parametrize(("n", "d", "width"), [(300, 1, 0.1), (300, 3, 0.5), (200, 40, 1.0)])
def test_entropies_agree_with_counting(n, d, width):
    values = torch.randn(n, d, generator=torch.Generator().manual_seed(1))
    rows = [tuple(math.ceil(v / width) - 1 for v in row) for row in values.double().tolist()]
    assert binned_entropy(values, width) == pytest.approx(entropy_of_counts(rows), abs=1e-12)
    units = unit_entropies(values, width)
    assert units.shape == (d,)
    truth = [entropy_of_counts([row[j] for row in rows]) for j in range(d)]
    assert units.tolist() == pytest.approx(truth, abs=1e-12)


def test_limits():
    apart = torch.arange(4096.0)[:, None].expand(-1, 3)
    assert binned_entropy(apart, 0.5) == pytest.approx(math.log(4096), abs=1e-14)
    assert binned_entropy(torch.ones(100, 5), 0.1) == pytest.approx(0.0, abs=1e-14)
    assert unit_entropies(torch.ones(100, 5), 0.1).tolist() == pytest.approx([0.0] * 5, abs=1e-14)
    assert binned_entropy(torch.zeros(1, 1), 1.0) == 0.0


def test_rows_that_differ_in_one_unit_are_told_apart():
    values = torch.zeros(1000, 50)
    values[::4, 49] = 1.0
    expected = -0.25 * math.log(0.25) - 0.75 * math.log(0.75)
    assert binned_entropy(values, 0.1) == pytest.approx(expected, abs=1e-14)


def test_codes_beyond_32_bits():
    values = torch.tensor([[0.0], [1.0], [1.0 + 1e-9], [1.0]], dtype=torch.float64)
    assert bin_codes(values, 1e-10).dtype == np.int64
    assert binned_entropy(values, 1e-10) == pytest.approx(1.5 * math.log(2), abs=1e-14)


@pytest.mark.parametrize(
    ("values", "width", "message"),
    [
        ([[math.nan]], 0.1, "NaN"),
        ([[math.inf]], 0.1, "infinity"),
        ([[1.0]], 0.0, "bin_width = 0"),
        ([[1.0]], -1.0, "bin_width"),
        ([[1.0]], math.nan, "bin_width"),
        ([[1.0]], 1e-20, "overflow"),
        ([[1e300]], 1e-300, "overflow"),
        ([1.0], 0.1, "shape"),
        ([[]], 0.1, "shape"),
    ],
)
def test_errors_name_the_cause(values, width, message):
    for entropy in (binned_entropy, unit_entropies):
        with pytest.raises(ValueError, match=message):
            entropy(torch.tensor(values, dtype=torch.float64), width)


@pytest.mark.parametrize("n", [3, 7, 49, 1000])
def test_no_entropy_is_below_zero(n):
    values = torch.full((n, 2), 0.3)
    assert binned_entropy(values, 0.1) >= 0.0
    assert (unit_entropies(values, 0.1) >= 0.0).all()
    assert binned_entropy(values, 0.1) == pytest.approx(0.0, abs=1e-15)
