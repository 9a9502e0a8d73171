"""The fakes that stand for measured tables have rows that could be written as such."""

import pytest
from fake_sweep import fake_sweep
from fake_tables import fake_experiments, fake_tables

from ib_runner.tables.files import arrow_table


@pytest.mark.parametrize("compresses", [True, False])
def test_tables_of_a_run(compresses):
    tables = fake_tables(last=50, compresses=compresses)
    assert len(tables) > 5
    for name, rows in tables.items():
        assert len(rows), name
        arrow_table(rows, name)


def test_tables_of_a_sweep_run_by_run():
    tables, _ = fake_experiments({"a": True, "b": False}, last=50)
    for name, rows in tables.items():
        for _, one in rows.groupby("run"):
            arrow_table(one.drop(columns=["run", "exp", "seed"]), name)


def test_similarities_of_runs():
    tables, _ = fake_sweep()
    arrow_table(tables["cosine_similarity"], "cosine_similarity")
