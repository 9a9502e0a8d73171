"""H(Bin(T)): the entropy of a layer's values rounded to bins of equal width (section 5.1).

The bins are (k·w, (k+1)·w] for integer k, with the same origin for every epoch and layer. A value
v lies in bin ⌈v/w⌉ − 1, the quotient rounded once in float64: a value closer to an edge than that
rounding counts as on it. The edges are multiples of the float64 number w: with w = 0.1 the
float64 number 0.3, just below 3w, lies in bin 2, and the float32 number 0.3, just above, in bin 3.

The results are plug-in entropies of the n values at hand, in nats: at most ln n.
"""

import math
from collections import Counter

import numpy as np
import torch
from torch import Tensor

_INT32_LIMIT = 2.0**31
_INT64_LIMIT = 2.0**63


def binned_entropy(values: Tensor, bin_width: float, lowest: float | None = None) -> float:
    """The entropy, in nats, of a layer's binned rows [n, d]: ln n where no two rows are equal.

    ``lowest`` is the lower end of a bounded activation. Raises ``ValueError`` as
    :func:`bin_codes`.
    """
    rows = np.ascontiguousarray(bin_codes(values, bin_width, lowest))
    # each row's bytes as one value: equal rows are found by hash, and compared in full
    as_bytes = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).ravel().tolist()
    counts = np.array(list(Counter(as_bytes).values()))
    entropy = math.log(len(rows)) - float(_count_log_count(counts).sum()) / len(rows)
    return max(entropy, 0.0)  # rounding may give −2·10⁻¹⁶ where all rows are equal


def unit_entropies(values: Tensor, bin_width: float, lowest: float | None = None) -> Tensor:
    """The entropy, in nats, of each unit's binned values alone: [n, d] -> float64 [d].

    ``lowest`` and ``ValueError`` as in :func:`bin_codes`.
    """
    codes = bin_codes(values, bin_width, lowest)
    n, d = codes.shape
    units = np.sort(codes.T, axis=1)
    first_of_run = np.ones((d, n), dtype=bool)
    np.not_equal(units[:, 1:], units[:, :-1], out=first_of_run[:, 1:])
    starts = np.flatnonzero(first_of_run)
    counts = np.diff(starts, append=d * n)
    # a unit's first value always starts a run of equal codes, so no run spans two units
    runs_of_unit = np.searchsorted(starts, np.arange(d) * n)
    sums = np.add.reduceat(_count_log_count(counts), runs_of_unit)
    return torch.from_numpy(np.maximum(math.log(n) - sums / n, 0.0))


def bin_codes(values: Tensor, bin_width: float, lowest: float | None = None) -> np.ndarray:
    """The integer k of every value's bin: [n, d] -> int32 [n, d], int64 where that is too small.

    ``lowest`` is the lower end of a bounded activation (−1 for tanh): a value equal to ``lowest``
    goes to the bin above ``lowest``, which is thereby closed at both ends.

    Raises ``ValueError`` for another shape, values that are not finite, a width that is not a
    positive number, or a width so small that the codes overflow 64 bits.
    """
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"values of shape {tuple(values.shape)}: [n, d] with n, d ≥ 1 is needed")
    if not 0.0 < bin_width < math.inf:
        raise ValueError(f"bin_width = {bin_width}: a positive number is needed")
    exact = values.detach().to("cpu", torch.float64).numpy()
    if not np.isfinite(exact).all():
        raise ValueError("the values to bin hold NaN or infinity")
    with np.errstate(over="ignore"):
        bins = np.ceil(exact / bin_width)
    reach = max(-float(bins.min()), float(bins.max())) + 1.0
    if reach >= _INT64_LIMIT:
        raise ValueError(
            f"bin_width = {bin_width}: too small for values up to {np.abs(exact).max():g}, "
            "the bins' numbers overflow 64 bits"
        )
    codes = bins.astype(np.int32 if reach < _INT32_LIMIT else np.int64)
    codes -= 1
    if lowest is not None:
        codes[exact == lowest] = math.floor(lowest / bin_width)
    return codes


def _count_log_count(counts: np.ndarray) -> np.ndarray:
    """c·ln c of every count; the entropy of n values is ln n − Σ c·ln c / n."""
    return counts * np.log(counts)
