import math
from dataclasses import dataclass

import pytest
import torch

from ib_runner.information.theory.choosing_n import bootstrap_variance, stability


@dataclass
class Estimate:
    mi: float
    stderr: float


def test_stability_gives_the_change_and_its_noise():
    rows = stability(lambda n: Estimate(1.0 + 1 / n, 3.0 / n), [1, 10, 100])
    assert [row.n for row in rows] == [1, 10, 100]
    assert math.isnan(rows[0].change)
    assert math.isnan(rows[0].noise)
    assert [row.mi for row in rows] == [2.0, 1.1, 1.01]
    assert rows[1].change == pytest.approx(-0.9)
    assert rows[2].change == pytest.approx(-0.09)
    assert rows[2].noise == pytest.approx(math.hypot(0.3, 0.03))


def test_bootstrap_variance_of_a_mean():
    sample = torch.randn(400, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    variance = bootstrap_variance(lambda rows: float(rows.mean()), sample, 2000, seed=0)
    # the variance of a bootstrap mean is known: the sample's, divided by n
    assert variance == pytest.approx(float(sample.var(correction=0)) / 400, rel=0.12)


def test_bootstrap_is_a_function_of_the_seed():
    sample = torch.arange(30.0)[:, None]
    first, again, other = (
        bootstrap_variance(lambda rows: float(rows.mean()), sample, 20, seed) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_one_resample_has_no_variance():
    with pytest.raises(ValueError, match="n_resamples"):
        bootstrap_variance(lambda rows: 0.0, torch.zeros(3, 1), 1, seed=0)
