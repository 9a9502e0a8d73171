import numpy as np
import pytest
from scipy.special import logsumexp

from ib_runner.information.paths.log_sums import log_row_sums


@pytest.mark.parametrize("offset", [0.0, 5e4, -5e4])
def test_sums_are_those_of_scipy(offset):
    rng = np.random.default_rng(0)
    terms = 40.0 * rng.standard_normal((37, 53)) + offset
    terms[3, :20] = -np.inf
    some = rng.random(terms.shape) < 0.3
    np.testing.assert_allclose(log_row_sums(terms), logsumexp(terms, axis=1), rtol=1e-14)
    expected = logsumexp(np.where(some, terms, -np.inf), axis=1)
    np.testing.assert_allclose(log_row_sums(terms, some), expected, rtol=1e-14)


def test_a_row_in_which_nothing_counts_and_one_with_no_number():
    terms = np.zeros((3, 4))
    terms[1] = -np.inf
    terms[2, 1] = np.nan
    found = log_row_sums(terms, np.array([[False] * 4, [True] * 4, [True] * 4]))
    assert found[0] == found[1] == -np.inf
    assert np.isnan(found[2])


def test_the_terms_stay_as_they_were():
    terms = np.arange(12.0).reshape(3, 4)
    before = terms.copy()
    log_row_sums(terms)
    np.testing.assert_array_equal(terms, before)
