"""Exported CSV files have exactly the values of the tables."""

import numpy as np
import pandas as pd
import pytest
from report_folders import run_folder, run_tables, sweep_folder

from ib_runner.errors import DamagedFileError, UsageError
from ib_runner.report import export_tables
from ib_runner.tables.files import read_table


def test_every_table_of_a_run_comes_back_exactly(tmp_path):
    folder = export_tables(run_folder(tmp_path / "run"))
    assert folder == tmp_path / "run" / "csv"
    assert {path.stem for path in folder.glob("*.csv")} == set(run_tables())
    for name in set(run_tables()) - {"representation"}:
        file = "training.parquet" if name == "training" else f"measurements/{name}.parquet"
        table = read_table(tmp_path / "run" / file)
        csv = pd.read_csv(folder / f"{name}.csv")
        assert list(csv) == list(table)
        pd.testing.assert_frame_equal(csv, table, check_dtype=False, check_exact=True)


def test_a_list_becomes_columns(tmp_path):
    folder = export_tables(run_folder(tmp_path / "run"))
    csv = pd.read_csv(folder / "representation.csv")
    table = read_table(tmp_path / "run" / "measurements" / "representation.parquet")
    names = ["value_0", "value_1", "value_2"]
    assert list(csv) == ["epoch", "layer", "sample", "label", "noise", *names]
    of_layer = csv["layer"] == 5
    expected = np.stack(table[table["layer"] == 5]["value"].to_list())
    np.testing.assert_array_equal(csv[of_layer][names].to_numpy(np.float32), expected)
    assert csv[csv["layer"] == 0]["value_2"].isna().all(), "the input has two"


@pytest.mark.slow
def test_a_sweeps_tables_have_their_runs(tmp_path):
    folder = export_tables(sweep_folder(tmp_path / "sweep"))
    csv = pd.read_csv(folder / "mutual_information.csv")
    assert set(csv["noise.beta"]) == {0.005, 0.05}
    assert csv["run"].nunique() == 6


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="neither a run"):
        export_tables(tmp_path)


def test_a_link_leads_nowhere(tmp_path):
    path = run_folder(tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    (path / "csv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedFileError, match="is a link"):
        export_tables(path)
    assert not list((tmp_path / "elsewhere").iterdir())
