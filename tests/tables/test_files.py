"""Tables: round trip with units, merging by key, damage."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ib_runner.errors import DamagedFileError
from ib_runner.tables.files import arrow_schema, read_table, replace_rows, write_table
from ib_runner.tables.schema import TABLES, table_named
from ib_runner.tables.version import SCHEMA_VERSION


def entropies(epochs, entropy=1.0):
    return pd.DataFrame(
        [
            {
                "epoch": epoch,
                "layer": 1,
                "unit": unit,
                "bin_width": 0.05,
                "noise": True,
                "entropy": entropy,
            }
            for epoch in epochs
            for unit in (None, 0, 1)
        ]
    )


def test_round_trip_keeps_types_units_and_metadata(tmp_path):
    path = tmp_path / "binned_entropy.parquet"
    write_table(path, entropies([2, 0]), "binned_entropy", {"seed": "7"})
    schema = pq.read_schema(path)
    assert str(schema.field("epoch").type) == "int32"
    assert str(schema.field("layer").type) == "int16"
    assert schema.field("entropy").metadata[b"unit"] == b"nats"
    assert schema.metadata[b"seed"] == b"7"
    assert schema.metadata[b"schema_version"] == str(SCHEMA_VERSION).encode()
    back = read_table(path)
    assert back.attrs == {"seed": "7", "schema_version": str(SCHEMA_VERSION)}
    assert back.epoch.tolist() == [0, 0, 0, 2, 2, 2]
    assert back.unit.isna().sum() == 2
    # plain numbers where none is missing, also after a second trip: figures compute with them
    write_table(path, back, "binned_entropy")
    assert read_table(path).dtypes.astype(str).to_dict() == {
        "epoch": "int32",
        "layer": "int16",
        "unit": "Int64",
        "bin_width": "float64",
        "noise": "bool",
        "entropy": "float64",
    }


def test_epoch_and_layer_come_first_in_every_table():
    for table, columns in TABLES.items():
        first = [name for name in ("epoch", "layer") if name in columns]
        assert list(columns)[: len(first)] == first, table


def test_histograms_and_guarantees_have_units():
    units = {
        table: {name: column.unit for name, column in columns.items()}
        for table, columns in TABLES.items()
    }
    for table in ("activation_histogram", "distance_histogram"):
        of_bins = [units[table][name] for name in ("left", "right", "density")]
        assert of_bins == ["activation", "activation", "1/activation"]
    assert {units["cosine_similarity"][name] for name in ("left", "right", "density")} == {"1"}
    assert units["guarantee"]["value"] == "nats"
    field = arrow_schema("cosine_similarity").field("left")
    assert field.metadata == {b"unit": b"1", b"key": b"yes"}


def test_lists_of_float32_survive(tmp_path):
    value = np.array([0.1, -0.2, 0.3], np.float32)
    frame = pd.DataFrame(
        {"epoch": [1], "layer": [5], "sample": [0], "label": [1], "noise": [True], "value": [value]}
    )
    write_table(tmp_path / "representation.parquet", frame, "representation")
    back = read_table(tmp_path / "representation.parquet").value[0]
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, value)


def test_measuring_again_replaces_the_key_and_keeps_the_rest(tmp_path):
    old, new = entropies([0, 1], 1.0), entropies([1, 2], 3.0)
    merged = replace_rows(old, new, "binned_entropy")
    assert sorted(zip(merged.epoch, merged.entropy, strict=True)) == sorted(
        [(0, 1.0)] * 3 + [(1, 3.0)] * 3 + [(2, 3.0)] * 3
    )
    # also when both have been through a file, where nulls change their form
    for name, frame in (("old", old), ("new", new)):
        write_table(tmp_path / name, frame, "binned_entropy")
    again = replace_rows(
        read_table(tmp_path / "old"), read_table(tmp_path / "new"), "binned_entropy"
    )
    assert len(again) == 9


def test_a_histogram_is_replaced_whole():
    assert table_named("activation_histogram").replacement_key == ["epoch", "layer", "noise"]


def test_duplicate_keys_and_unknown_columns_are_refused(tmp_path):
    with pytest.raises(ValueError, match="same"):
        write_table(tmp_path / "t", pd.concat([entropies([0])] * 2), "binned_entropy")
    with pytest.raises(KeyError, match="colour"):
        write_table(tmp_path / "t", entropies([0]).assign(colour=1), "binned_entropy")
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "flipped"])
def test_damage_is_named(tmp_path, damage):
    path = tmp_path / "binned_entropy.parquet"
    write_table(path, entropies(range(50)), "binned_entropy")
    data = path.read_bytes()
    path.write_bytes(
        {
            "truncated": data[: len(data) // 2],
            "text": b"not a table",
            "empty": b"",
            "flipped": bytes([data[0]]) + bytes(8) + data[9:],
        }[damage]
    )
    with pytest.raises(DamagedFileError, match=r"binned_entropy\.parquet"):
        read_table(path)


def test_every_flipped_bit_is_found(tmp_path):
    path = tmp_path / "binned_entropy.parquet"
    write_table(path, entropies(range(3)), "binned_entropy")
    data = path.read_bytes()
    assert len(pq.read_table(path)) == 9  # any other reader takes it, too
    # a bit of the mark itself makes an unsealed file of it, with the same rows
    mark = range(data.rindex(b"sha256="), data.rindex(b"sha256=") + len(b"sha256="))
    for at in set(range(0, len(data), 7)) - set(mark):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(DamagedFileError, match=r"binned_entropy\.parquet"):
            read_table(path)


def test_another_table_under_its_name_is_named(tmp_path):
    path = tmp_path / "training.parquet"
    write_table(path, entropies([0]), "binned_entropy")
    with pytest.raises(DamagedFileError, match=r"training\.parquet: .*the column split"):
        read_table(path)


def test_a_newer_schema_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    write_table(path, entropies([0]), "binned_entropy", {"schema_version": "999"})
    with pytest.raises(DamagedFileError, match="999"):
        read_table(path)


def test_every_schema_is_valid_arrow():
    for table in TABLES:
        assert arrow_schema(table).names == list(TABLES[table])
