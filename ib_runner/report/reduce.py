"""What of a table goes into a page: all of it where it fits, else evenly chosen parts of it.

A page of many megabytes opens slowly and is mailed by nobody. What is left out is said there, and
`ib-run export` writes every table whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

#: bytes before compression, of one table
LIMIT = 16_000_000
#: of representations, whose digits are noise and don't compress
LIMIT_OF_SCATTER = 2_500_000
#: no fewer samples than these at an epoch; then epochs go
FEWEST_SAMPLES = 200


@dataclass(frozen=True)
class Part:
    """``frame``: what a page holds of a table of ``rows`` rows; ``note``: in words, "" for all."""

    frame: pd.DataFrame
    rows: int
    note: str = ""


def reduced(name: str, frame: pd.DataFrame, share: float = 1.0) -> Part:
    """What a page holds of table ``name``; ``share``: of the limits above."""
    if name == "representation":
        return _fewer_samples(frame, share * LIMIT_OF_SCATTER)
    if "epoch" not in frame:
        return Part(frame, len(frame))
    return _fewer_epochs(frame, share * LIMIT / (8 * len(frame.columns)))


def _fewer_epochs(frame: pd.DataFrame, rows: float) -> Part:
    """At most about ``rows`` rows: of epochs spread evenly on a logarithmic axis, all rows."""
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
    """The same samples at every epoch, the classes in their shares; then fewer epochs."""
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
    """About ``count`` of the ``samples``: of each label its share, evenly along its samples."""
    share = min(1.0, count / len(samples))
    chosen: list[int] = []
    for label in np.unique(labels):
        those = np.sort(samples[labels == label])
        places = np.linspace(0, len(those) - 1, max(1, round(share * len(those))))
        chosen += those[np.unique(places.round().astype(int))].tolist()
    return sorted(chosen)
