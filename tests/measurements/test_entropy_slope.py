"""Regressions of unit entropies on the epoch, against lines and numpy."""

import numpy as np
import pandas as pd
import pytest

from ib_runner.measurements.entropy_slope import EntropySlope
from ib_runner.tables.schema import TABLES


def binned(epochs, entropies, unit=0, width=0.1, layer=3) -> pd.DataFrame:
    frame = pd.DataFrame({"epoch": np.array(epochs, np.int32), "entropy": entropies})
    frame = frame.assign(layer=layer, unit=unit, bin_width=width, noise=False)
    return frame.astype({"unit": "Int32"})


def slopes(table: pd.DataFrame) -> pd.DataFrame:
    return EntropySlope().summarise({"binned_entropy": table}.__getitem__)


def test_lines_are_found_exactly_and_kept_apart():
    epochs = [1, 2, 4, 32, 128]
    lines = {(0, 0.1): (-0.002, 6.0), (0, 0.01): (-0.003, 8.0), (1, 0.1): (0.0, 5.0)}
    table = pd.concat(
        binned(epochs, intercept + slope * np.array(epochs), unit, width)
        for (unit, width), (slope, intercept) in lines.items()
    )
    fits = slopes(table).set_index(["unit", "bin_width"])
    assert len(fits) == 3
    for key, (slope, intercept) in lines.items():
        assert fits.loc[key, "slope"] == pytest.approx(slope, abs=1e-12)
        assert fits.loc[key, "intercept"] == pytest.approx(intercept, abs=1e-9)


def test_as_numpy_fits():
    random = np.random.default_rng(0)
    epochs, entropies = np.arange(1, 129), random.normal(size=128)
    (fit,) = slopes(binned(epochs, entropies)).itertuples()
    slope, intercept = np.polyfit(epochs, entropies, 1)
    assert fit.slope == pytest.approx(slope, rel=1e-9)
    assert fit.intercept == pytest.approx(intercept, rel=1e-9)


def test_whole_layers_and_epoch_0_are_left_out():
    table = binned([0, 1, 2], [100.0, 3.0, 2.0])
    whole = binned([1, 2], [9.0, 8.0], unit=pd.NA)
    fits = slopes(pd.concat([table, whole]))
    assert fits["slope"].tolist() == [-1.0]
    assert fits["intercept"].tolist() == [4.0]


def test_one_epoch_gives_no_line():
    assert slopes(binned([0, 1], [1.0, 2.0])).empty


def test_columns_are_the_tables():
    fits = slopes(binned([1, 2], [1.0, 2.0]))
    assert set(fits.columns) == set(TABLES["entropy_slope"]) - {"settings"}
