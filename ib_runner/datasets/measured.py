"""A user's own data as the inputs to measure: arrays, a torch Dataset or DataLoader, a subset."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import data as torch_data

from ib_runner.datasets.arrays import as_inputs, as_labels
from ib_runner.datasets.dataset import Split
from ib_runner.errors import UnmeasurableError

#: the most equal parts of which the probabilities of inputs may be made up
MOST_PARTS = 10_000


def measured_split(
    x: Any, y: Any = None, *, inputs: int | None = None, p: Any = None, seed: int = 0
) -> Split:
    """The inputs ``x`` [N, …] and labels ``y`` [N] to measure; each of the rows is equally likely.

    ``x`` is an array or tensor; or, without ``y``, a ``torch.utils.data.Dataset`` or ``DataLoader``
    of pairs (input, label), read once in the order of its data. Without labels all labels are 0.

    ``inputs`` is the number of rows to draw, without replacement and by each class's share, with
    ``seed``. ``p`` [N] are the probabilities of the inputs: an input is repeated in proportion, 91
    times for p = (0.91, 0.01, …), so that equally likely rows have the distribution of X. torch's
    global generator is left as it was.

    Raises ``UnmeasurableError`` for other data, and where ``p`` are not multiples of a common part,
    at least 1/10,000.
    """
    if isinstance(x, torch_data.Dataset | torch_data.DataLoader):
        if y is not None:
            raise UnmeasurableError("y: the data set has labels of its own")
        with torch.random.fork_rng(devices=[]):
            x, y = _columns(x)
    x = as_inputs(x)
    labels = torch.zeros(len(x), dtype=torch.int64) if y is None else as_labels(y, len(x))
    split = Split(x, labels)
    if p is not None:
        if inputs is not None:
            raise UnmeasurableError("inputs and p: one of them; p says how likely each input is")
        return split[torch.from_numpy(np.repeat(np.arange(len(x)), _parts(p, len(x))))]
    return split if inputs is None else split[_some(labels, inputs, seed)]


def _columns(data: torch_data.Dataset | torch_data.DataLoader) -> tuple[Any, Any]:
    """The inputs and the labels of all items, each once; labels are None where there are none."""
    if isinstance(data, torch_data.TensorDataset):
        return _pair(data.tensors)
    rows = [_pair(item) for item in _items(data)]
    if not rows:
        raise UnmeasurableError("x: the data set is empty")
    x, y = zip(*rows, strict=True)
    stack = torch.cat if _batched(data) else torch.stack
    try:
        return stack([as_inputs(one) if _batched(data) else _row(one) for one in x]), (
            None if y[0] is None else stack([_row(one) for one in y])
        )
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise UnmeasurableError(f"x: the inputs do not make one tensor: {reason}") from error


def _batched(data: torch_data.Dataset | torch_data.DataLoader) -> bool:
    return isinstance(data, torch_data.DataLoader) and data.batch_sampler is not None


def _items(data: torch_data.Dataset | torch_data.DataLoader) -> Iterable[Any]:
    """Items, or batches of a loader, in the order of the data even where the loader shuffles."""
    if isinstance(data, torch_data.IterableDataset):
        return iter(data)
    if isinstance(data, torch_data.Dataset):
        items: Any = data  # torch's type Dataset has no __len__
        return (items[number] for number in range(len(items)))
    dataset: Any = data.dataset
    sampler = data.sampler
    if isinstance(dataset, torch_data.IterableDataset) or data.batch_sampler is None:
        return iter(data)
    if isinstance(sampler, torch_data.SequentialSampler | torch_data.RandomSampler):
        chosen = list(range(len(dataset)))
    else:
        chosen = sorted(set(sampler))
    size = data.batch_size or 256
    return (
        data.collate_fn([dataset[number] for number in chosen[start : start + size]])
        for start in range(0, len(chosen), size)
    )


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, list | tuple) and len(item) in (1, 2):
        return item[0], (item[1] if len(item) == 2 else None)
    if isinstance(item, Tensor | np.ndarray):
        return item, None
    raise UnmeasurableError(
        f"x: items of the data set are of kind {type(item).__name__}; pairs (input, label) are "
        "needed: give x and y as arrays"
    )


def _row(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.as_tensor(value)


def _some(labels: Tensor, n: int, seed: int) -> Tensor:
    """The ascending numbers of ``n`` rows, drawn with ``seed``, every class by its share."""
    if type(n) is not int or not 1 <= n <= len(labels):
        raise UnmeasurableError(f"inputs = {n}: a whole number from 1 to {len(labels)} is needed")
    generator = np.random.default_rng(seed)
    rows = labels.reshape(len(labels), -1).numpy()
    classes = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((generator.random(len(rows)), classes))
    # each class's rows, in random order, get evenly spaced positions from 0 to 1: the n smallest
    # positions have every class by its share
    sizes = np.bincount(classes)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = (within + generator.random(len(sizes))[classes[order]]) / sizes[classes[order]]
    return torch.from_numpy(np.sort(order[np.argsort(place, kind="stable")[:n]]))


def _parts(p: Any, n: int) -> np.ndarray:
    """The numbers of equal parts in ``n`` probabilities ``p``, for the largest possible part."""
    given = as_inputs(p, "p")
    shares = given.double().reshape(-1).numpy()
    rounding = 4 * torch.finfo(given.dtype).eps if given.is_floating_point() else 0.0
    if len(shares) != n or (shares < 0).any() or abs(shares.sum() - 1) > n * rounding + 1e-9:
        raise UnmeasurableError(
            f"p: {n} probabilities, at least 0 and 1 in all, are needed, one for each input"
        )
    for total in range(1, max(MOST_PARTS, n) + 1):
        parts = np.rint(shares * total)
        if parts.sum() == total and np.abs(shares * total - parts).max() <= total * rounding:
            return parts.astype(int)
    raise UnmeasurableError(
        f"p: the probabilities are not made up of at most {MOST_PARTS} equal parts, as 0.91 is of "
        "100: round them"
    )
