"""The epochs to measure by a configuration."""

import pytest
from omegaconf import OmegaConf

from ib_runner.errors import UsageError
from ib_runner.stages.asked_epochs import epochs_to_measure


def asked(epochs, further):
    return OmegaConf.create({"measure": {"epochs": epochs, "further_epochs": further}})


def test_further_epochs_come_beside_the_others_where_they_are_checkpointed():
    assert epochs_to_measure(asked([5, 0], [3, 5, 12]), range(10)) == [0, 3, 5]
    default = epochs_to_measure(asked(None, []), range(10_001))
    assert len(default) == 85
    with_54 = epochs_to_measure(asked(None, [54, 8990]), range(10_001))
    assert sorted({*default, 54, 8990}) == with_54


def test_epochs_without_a_checkpoint_are_named():
    with pytest.raises(UsageError, match=r"no checkpoint of epoch 12"):
        epochs_to_measure(asked([3, 12], []), range(10))
