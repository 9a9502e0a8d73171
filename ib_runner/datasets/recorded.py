"""The inputs of a run that was recorded in a training of one's own: they lie in its folder."""

from ib_runner.datasets.checked import checked
from ib_runner.datasets.dataset import Dataset, Split
from ib_runner.errors import UsageError


def recorded_inputs(seed: int) -> Dataset:
    """What the configuration of a recorded run names: such a run is not trained by us.

    Raises ``UsageError``.
    """
    raise UsageError(
        "dataset: this run was recorded in a training of one's own, which goes on there:\n"
        "Recorder(network, x, y, resume=PATH)."
    )


def inputs_of(split: Split) -> Dataset:
    """The data set of the inputs ``split``, whose targets are classes where they are whole numbers.

    All of them stand for ``train`` and ``test`` too: how they are split is the user's own affair.
    Raises ``ValueError`` where targets and inputs are not finite numbers, or do not fit.
    """
    n_classes = None if split.y.is_floating_point() else max(1, int(split.y.max()) + 1)
    return checked(Dataset(split, split, split, n_classes))
