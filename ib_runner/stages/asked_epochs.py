"""The epochs to measure."""

from collections.abc import Sequence

from omegaconf import DictConfig, OmegaConf

from ib_runner.errors import UsageError
from ib_runner.measurements.epochs import measured_epochs


def epochs_to_measure(config: DictConfig, checkpointed: Sequence[int]) -> list[int]:
    """All ``measure.epochs``, and those of ``measure.further_epochs`` that have a checkpoint.

    Raises ``UsageError`` where an epoch of ``measure.epochs`` is not ``checkpointed``.
    """
    measure = OmegaConf.to_container(config.measure, resolve=True)
    try:
        epochs = measured_epochs(measure["epochs"], checkpointed)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return sorted({*epochs, *(set(measure["further_epochs"]) & set(checkpointed))})
