"""``ib-run report`` and ``ib-run export`` on a run and on a sweep."""

import pandas as pd
from tiny_run import TINY, train_tiny

from ib_runner import open_run


def test_of_a_run(ib_run, tmp_path):
    run = train_tiny(tmp_path / "outputs")
    status, out, err = ib_run("report", f"run={run.path}")
    assert (status, out) == (0, [str(run.path / "report.html")]), err
    assert (run.path / "report.html").stat().st_size < 2e6
    status, out, err = ib_run("export", f"run={run.path}")
    assert (status, out) == (0, [str(run.path / "csv")]), err
    table = open_run(run.path).table("training")
    csv = pd.read_csv(run.path / "csv" / "training.csv")
    pd.testing.assert_frame_equal(csv, table, check_dtype=False, check_exact=True)


def test_of_a_sweep_one_page_and_each_table_once(ib_run, tmp_path):
    status, out, err = ib_run("train", "-m", "seed=0,1", "noise.beta=0.1,0.2", *TINY)
    assert status == 0, err
    sweep = tmp_path / out[-1]
    status, out, err = ib_run("report")
    assert (status, out) == (0, [str(sweep.relative_to(tmp_path) / "report.html")]), err
    assert [path.parent for path in sweep.rglob("report.html")] == [sweep]
    status, out, err = ib_run("export")
    assert (status, out) == (0, [str(sweep.relative_to(tmp_path) / "csv")]), err
    csv = pd.read_csv(sweep / "csv" / "training.csv")
    assert set(csv["noise.beta"]) == {0.1, 0.2}
    assert csv["run"].nunique() == 4


def test_dry_run_says_what_they_would_make_and_makes_nothing(ib_run, tmp_path):
    run = train_tiny(tmp_path / "outputs")
    for stage, words in (("report", "HTML file"), ("export", "1 CSV files")):
        status, out, _ = ib_run(stage, "--dry-run", f"run={run.path}")
        assert status == 0
        assert words in "\n".join(out)
    assert not (run.path / "report.html").exists()
    assert not (run.path / "csv").exists()


def test_without_a_run_it_says_what_to_do(ib_run, tmp_path):
    status, _, err = ib_run("report", f"run={tmp_path / 'nowhere'}")
    assert status == 2
    assert "no such folder" in err
