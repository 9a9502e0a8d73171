"""Choosing the rows of a table that a page holds: all where they fit, else an even selection.

A page of many megabytes opens slowly and cannot be mailed. The page says which rows are left out,
and `ib-run export` writes every table in full.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

#: the most bytes of one table before compression
LIMIT = 16_000_000
#: the most bytes of table representation, whose noisy digits hardly compress
LIMIT_OF_SCATTER = 2_500_000
#: the fewest samples that are kept at an epoch; beyond that, epochs are left out
FEWEST_SAMPLES = 200


@dataclass(frozen=True)
class Part:
    """The rows ``frame`` that a page holds of a table with ``rows`` rows.

    ``note`` says in words which these are, "" where it is all of them.
    """

    frame: pd.DataFrame
    rows: int
    note: str = ""


def reduced(name: str, frame: pd.DataFrame, share: float = 1.0) -> Part:
    """The part of table ``name`` for a page, within ``share`` times the limits above."""
    if name == "representation":
        return _fewer_samples(frame, share * LIMIT_OF_SCATTER)
    if "epoch" not in frame:
        return Part(frame, len(frame))
    return _fewer_epochs(frame, share * LIMIT / (8 * len(frame.columns)))


def _fewer_epochs(frame: pd.DataFrame, rows: float) -> Part:
    """About ``rows`` rows at most: all rows of some log-spaced epochs."""
    if len(frame) <= rows:
        return Part(frame, len(frame))
    epochs = np.unique(frame["epoch"].to_numpy())
    kept = spread(epochs, max(2, int(len(epochs) * rows / len(frame))))
    note = f"{len(kept)} of {len(epochs)} epochs"
    return Part(frame[frame["epoch"].isin(kept)], len(frame), note)


def spread(epochs: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` ≥ 2 of the sorted ``epochs``, first and last among them, log-spaced."""
    places = np.linspace(np.log1p(float(epochs[0])), np.log1p(float(epochs[-1])), count)
    nearest = np.abs(np.log1p(epochs.astype(float))[:, None] - places).argmin(axis=0)
    return epochs[np.unique(nearest)]


def _fewer_samples(frame: pd.DataFrame, limit: float) -> Part:
    """Fewer samples, the same at every epoch and each class by its share; then fewer epochs."""
    if frame.empty:
        return Part(frame, 0)
    size = frame["value"].map(len).sum() * 4
    if size <= limit:
        return Part(frame, len(frame))
    everyone = frame.drop_duplicates("sample")
    wanted = max(FEWEST_SAMPLES, int(len(everyone) * limit / size))
    chosen = stratified(everyone["sample"].to_numpy(), everyone["label"].to_numpy(), wanted)
    part = frame[frame["sample"].isin(chosen)]
    note = f"{len(chosen)} of {len(everyone)} samples"
    rows = len(part) * limit / (part["value"].map(len).sum() * 4)
    fewer = _fewer_epochs(part, rows)
    return Part(fewer.frame, len(frame), ", ".join(filter(None, (note, fewer.note))))


def stratified(samples: np.ndarray, labels: np.ndarray, count: int) -> Sequence[int]:
    """About ``count`` of the ``samples``, each label by its share, evenly spaced within it."""
    share = min(1.0, count / len(samples))
    chosen: list[int] = []
    for label in np.unique(labels):
        those = np.sort(samples[labels == label])
        places = np.linspace(0, len(those) - 1, max(1, round(share * len(those))))
        chosen += those[np.unique(places.round().astype(int))].tolist()
    return sorted(chosen)
