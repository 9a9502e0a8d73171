"""Rows keep the settings that made them."""

import pandas as pd

from ib_runner.tables.files import read_table, replace_rows, write_table
from ib_runner.tables.settings import fingerprint, made_with, settings_metadata, settings_of

ALL, TEST = ({"measure": {"inputs": name}} for name in ("all", "test"))


def rows(epochs, settings=None):
    frame = pd.DataFrame({"epoch": epochs, "name": "w_1", "value": 0.5})
    return frame if settings is None else frame.assign(settings=fingerprint(settings))


def test_a_table_has_the_settings_of_all_its_rows_and_of_no_others(tmp_path):
    path = tmp_path / "parameter.parquet"
    write_table(path, rows([0, 1], ALL), "parameter", settings_metadata(rows([0], ALL), known(ALL)))
    old = read_table(path)
    merged = replace_rows(old, rows([1, 2], TEST), "parameter")
    both = settings_metadata(merged, settings_of(old) | known(TEST))
    write_table(path, merged, "parameter", both)
    again = read_table(path)
    assert settings_of(again) == {**known(ALL), **known(TEST)}
    assert made_with(again, settings_of(again), "measure", "inputs", "all").epoch.tolist() == [0]
    assert made_with(again, settings_of(again), "measure", "inputs", "test").epoch.tolist() == [
        1,
        2,
    ]
    left = replace_rows(again, rows([0], TEST), "parameter")
    assert settings_metadata(left, settings_of(again)).keys() == {"settings_of_rows"}
    write_table(path, left, "parameter", settings_metadata(left, settings_of(again)))
    assert settings_of(read_table(path)) == known(TEST)


def test_rows_of_earlier_versions_have_no_settings_and_stay(tmp_path):
    path = tmp_path / "parameter.parquet"
    write_table(path, rows([0, 1]), "parameter")
    old = read_table(path)
    assert "settings" not in old
    merged = replace_rows(old, rows([1], TEST), "parameter")
    write_table(path, merged, "parameter", settings_metadata(merged, known(TEST)))
    again = read_table(path)
    assert again.settings.isna().tolist() == [True, False]
    assert len(made_with(again, settings_of(again), "measure", "inputs", "test")) == 2


def known(settings):
    return {fingerprint(settings): settings}
