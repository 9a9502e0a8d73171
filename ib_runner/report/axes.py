"""The directions in which a layer of many units is seen."""

from typing import Any

import numpy as np
import pandas as pd


def with_axes(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Table ``representation`` with layers of more than three units seen along three axes.

    ``value`` of such a layer becomes its coordinates (float32) along its first three principal
    axes, those of the last epoch, so that all epochs are seen from one side. A row for each layer
    says which ``units`` it has, and whether it was ``projected``.
    """
    values, rows = frame["value"].copy(), []
    for layer, those in frame.groupby("layer", sort=True):
        last = np.stack(those.loc[those["epoch"] == those["epoch"].max(), "value"].to_list())
        units = last.shape[1]
        rows.append({"layer": int(layer), "units": units, "projected": units > 3})
        if units > 3:
            mean, axes = principal_axes(last)
            coordinates = (np.stack(those["value"].to_list()) - mean) @ axes.T
            values.loc[those.index] = pd.Series(
                list(coordinates.astype(np.float32)), index=those.index, dtype=object
            )
    return frame.assign(value=values), rows


def principal_axes(cloud: np.ndarray, count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Mean [d] and the first ``count`` principal axes [count, d] of ``cloud`` [n, d].

    An axis points to where its largest entry is positive: the same cloud, the same picture.
    """
    mean = cloud.mean(axis=0, dtype=np.float64)
    axes = np.linalg.svd(cloud - mean, full_matrices=False)[2][:count]
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return mean, axes * np.where(largest < 0, -1.0, 1.0)[:, None]
