"""Several entries of one table in one epoch."""

import pandas as pd
import pytest

from ib_runner.errors import UsageError
from ib_runner.stages.measure_epoch import _together
from ib_runner.tables.files import arrow_table
from ib_runner.tables.schema import table_named


def entropies(unit, width):
    row = {"epoch": 1, "layer": 3, "unit": unit, "bin_width": width, "noise": False}
    return arrow_table(pd.DataFrame([{**row, "entropy": 0.5}]), "binned_entropy")


def test_rows_of_two_entries_are_all_kept():
    rows = _together(table_named("binned_entropy"), [entropies(None, 1.0), entropies(0, 0.1)])
    assert rows["bin_width"].to_pylist() == [0.1, 1.0]
    assert rows["unit"].to_pylist() == [0, None]


def test_two_entries_that_make_the_same_rows_are_named():
    with pytest.raises(UsageError, match="the same rows of binned_entropy"):
        _together(table_named("binned_entropy"), [entropies(None, 1.0), entropies(None, 1.0)])
