"""The choice of epochs to measure."""

import numpy as np
import pytest

from ib_runner.measurements.epochs import log_spaced, measured_epochs


@pytest.mark.parametrize("last", [100, 541, 10_000, 99_999])
def test_84_log_spaced_epochs_and_epoch_0(last):
    epochs = measured_epochs(None, range(last + 1))
    assert epochs[0] == 0
    assert epochs[1] == 1
    assert epochs[-1] == last
    assert len(epochs) == 85
    assert epochs == sorted(set(epochs))


def test_spacing_is_even_in_the_logarithm():
    steps = np.diff(np.log([epoch for epoch in log_spaced(range(1, 10_001), 84) if epoch > 60]))
    assert steps.max() < 1.5 * steps.min()


def test_few_epochs_are_all_measured():
    assert measured_epochs(None, range(6)) == [0, 1, 2, 3, 4, 5]


def test_only_checkpointed_epochs_are_chosen():
    checkpointed = [0, *range(10, 1001, 10)]
    assert set(measured_epochs(None, checkpointed)) <= set(checkpointed)
    assert measured_epochs("all", checkpointed) == checkpointed


def test_a_list_must_exist():
    assert measured_epochs([5, 0, 5], range(10)) == [0, 5]
    with pytest.raises(ValueError, match="no checkpoint of epoch 12; there are 0, 1, 2"):
        measured_epochs([3, 12], range(10))
