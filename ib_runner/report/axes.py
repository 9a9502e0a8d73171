"""Projection of layers with many units onto three axes, for scatter plots."""

from typing import Any

import numpy as np
import pandas as pd


def with_axes(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Table ``representation`` with layers of more than three units projected to three.

    ``value`` of such a layer becomes its coordinates (float32) along its first three principal
    axes at the last epoch, the same axes for all epochs. The second result says for each layer
    its number of ``units``, and whether it was ``projected``.
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

    The sign of an axis is such that its largest entry is positive, so that the result is unique.
    """
    mean = cloud.mean(axis=0, dtype=np.float64)
    axes = np.linalg.svd(cloud - mean, full_matrices=False)[2][:count]
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return mean, axes * np.where(largest < 0, -1.0, 1.0)[:, None]
