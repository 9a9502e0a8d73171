"""The data set of a recorded run, whose inputs are kept in its run folder."""

from ib_runner.datasets.checked import checked
from ib_runner.datasets.dataset import Dataset, Split
from ib_runner.errors import UsageError


def recorded_inputs(seed: int) -> Dataset:
    """The ``_target_`` in a recorded run's configuration; always raises ``UsageError``.

    ``Run.dataset`` reads the inputs from the run folder; only training would build this target, and
    a recorded run is trained by the user's own program.
    """
    raise UsageError(
        "dataset: this run was recorded by a training program of your own; go on there, with\n"
        "Recorder(network, x, y, resume=PATH)."
    )


def inputs_of(split: Split) -> Dataset:
    """The data set of the inputs ``split``, whose targets are classes where they are whole numbers.

    ``train`` and ``test`` also have all inputs, since the user's own split is unknown. Raises
    ``ValueError`` where inputs or targets are not finite numbers, or differ in number.
    """
    n_classes = None if split.y.is_floating_point() else max(1, int(split.y.max()) + 1)
    return checked(Dataset(split, split, split, n_classes))
