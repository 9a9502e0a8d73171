"""Tables of a user's own measurement."""

import sys
from types import ModuleType

import pandas as pd
import pyarrow as pa
import pytest
from omegaconf import OmegaConf

from ib_runner.config.builder import Builder
from ib_runner.errors import UsageError
from ib_runner.measurements import EPOCH, Column, EveryEpoch
from ib_runner.measurements.measurement import table_of
from ib_runner.tables.files import read_columns, read_table, replace_rows, write_table
from ib_runner.tables.schema import TABLES

COLUMNS = {"epoch": EPOCH, "share": Column(pa.float64(), "fraction")}


@pytest.fixture
def build(monkeypatch):
    """Build a measurement with these class attributes, as a configuration names it."""
    module = ModuleType("mine")
    monkeypatch.setitem(sys.modules, "mine", module)

    def make(**attributes):
        module.Mine = type("Mine", (EveryEpoch,), {**attributes, "__module__": "mine"})
        nodes = {"measure": {"measurements": ["mine"]}, "measurement": {"mine": {}}}
        nodes["measurement"]["mine"]["_target_"] = "mine.Mine"
        return Builder(OmegaConf.create(nodes), ["mine"]).measurements()

    return make


def test_a_table_of_its_own(build, tmp_path):
    known = set(TABLES)
    (measurement,) = build(table="dead_units", columns=COLUMNS).values()
    assert set(TABLES) == known  # building changes nothing that others see
    path = tmp_path / "dead_units.parquet"
    rows = pd.DataFrame({"epoch": [1], "share": [0.5]})
    write_table(path, rows, table_of(measurement))
    read = pa.parquet.read_schema(path)
    assert read.field("share").metadata == {b"unit": b"fraction"}
    assert read_table(path)["share"].tolist() == [0.5]
    # the file alone says what its columns are, to whom the measurement is unknown
    found = read_columns(path)
    assert found.key == ["epoch"]
    assert replace_rows(read_table(path), rows.assign(share=0.7), found)["share"].tolist() == [0.7]


def test_a_table_of_ours(build):
    assert build(table="binned_entropy")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"table": "dead_units"}, "columns = "),
        ({}, "columns = "),
        ({"table": "density", "columns": COLUMNS}, "other columns"),
        ({"table": "a/b", "columns": COLUMNS}, "a name of letters"),
        ({"table": "new", "columns": {"share": Column(pa.float64())}}, "key=True"),
    ],
)
def test_mistakes(attributes, expected, build):
    with pytest.raises(UsageError, match=expected) as error:
        build(**attributes)
    assert str(error.value).startswith("measurement.mine: ")
    assert len(str(error.value).splitlines()) <= 3
