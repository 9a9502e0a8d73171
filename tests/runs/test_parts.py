import pandas as pd
import pytest

from ib_runner.errors import DamagedFileError
from ib_runner.runs.parts import Parts
from ib_runner.tables.files import arrow_table


def entropies(epoch, value):
    """A whole layer, whose unit is null, and its unit 0."""
    rows = [(epoch, 1, unit, 0.1, False, value) for unit in (None, 0)]
    names = ["epoch", "layer", "unit", "bin_width", "noise", "entropy"]
    return {"binned_entropy": arrow_table(pd.DataFrame(rows, columns=names), "binned_entropy")}


def rows_of(parts):
    return {
        name: frame[["epoch", "unit", "entropy"]].astype(object).values.tolist()
        for name, frame in parts.tables()
    }


def test_tables_come_back_by_epoch(tmp_path):
    parts = Parts(tmp_path / ".parts-1")
    assert (parts.done, rows_of(parts)) == (set(), {})
    for epoch in (10, 2, 1234567):
        parts.add(epoch, entropies(epoch, epoch / 10))
    assert parts.done == {2, 10, 1234567}
    (found,) = rows_of(parts).values()
    assert [(row[0], row[2]) for row in found[::2]] == [(2, 0.2), (10, 1.0), (1234567, 123456.7)]
    assert [row[1] for row in found] == [0, pd.NA] * 3


def test_a_part_without_all_measurements_is_kept_until_it_has_all(tmp_path):
    parts = Parts(tmp_path / ".parts-1")
    parts.add(3, entropies(3, 0.5), whole=False)
    assert parts.done == set()
    assert rows_of(parts)["binned_entropy"][0] == [3, 0, 0.5]
    parts.add(3, entropies(3, 0.7))
    assert parts.done == {3}
    assert rows_of(parts)["binned_entropy"][0] == [3, 0, 0.7]
    assert len(list(parts.folder.iterdir())) == 1


def test_a_column_that_some_parts_lack(tmp_path):
    parts = Parts(tmp_path / ".parts-1")
    (rows,) = entropies(1, 0.5).values()
    parts.add(1, {"binned_entropy": rows})
    parts.add(2, {"binned_entropy": rows.append_column("settings", [["a", "b"]])})
    ((_, frame),) = parts.tables()
    assert frame["settings"].fillna("").tolist() == ["", "", "a", "b"]


@pytest.mark.parametrize("place", [0.1, 0.5, 0.95, None])
def test_a_damaged_part_is_named_and_removed(place, tmp_path):
    parts = Parts(tmp_path / ".parts-1")
    for epoch in (1, 2):
        parts.add(epoch, entropies(epoch, 0.5))
    path = parts.folder / "000002.zip"
    data = bytearray(path.read_bytes())
    if place is None:
        del data[-30:]
    else:
        data[int(place * len(data))] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DamagedFileError, match=r"000002\.zip.*\n.*measures its epoch again"):
        rows_of(parts)
    assert parts.done == {1}
    assert len(rows_of(parts)["binned_entropy"]) == 2


def test_any_altered_byte_is_found(tmp_path):
    """Or it is one that says nothing: the tables are the same."""
    parts = Parts(tmp_path / ".parts-1")
    parts.add(1, entropies(1, 0.5))
    path = parts.folder / "000001.zip"
    whole, wanted, damaged = path.read_bytes(), str(rows_of(parts)), 0
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 0x01
        path.write_bytes(data)
        try:
            assert str(rows_of(parts)) == wanted
        except DamagedFileError:
            damaged += 1
    assert damaged > 0.9 * len(whole)


def test_remove_takes_abandoned_parts_too(tmp_path):
    for name in ("1", "2"):
        Parts(tmp_path / f".parts-{name}").add(1, entropies(1, 0.5))
    (tmp_path / "mine").mkdir()
    Parts(tmp_path / ".parts-1").remove()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
