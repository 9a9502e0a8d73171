"""Several processes at once: on runs of one sweep, and on one run."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tiny_run import TINY, assert_same_tables, tables_of

from ib_runner import cli
from ib_runner.runs.folder import Run
from ib_runner.runs.lock import hold

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The two runs of a trained sweep."""
    root = tmp_path_factory.mktemp("sweep")
    assert cli.main(["train", "-m", f"output_root={root}", *TINY, "seed=0,1"]) == 0
    return [Run(path.parent) for path in sorted(root.rglob("run.json"))]


def measuring(run, *words):
    """`ib-run measure` on ``run`` as a process of its own."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    return subprocess.Popen(
        [sys.executable, "-m", "ib_runner", "measure", f"run={run.path}", *words],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.2)


@pytest.mark.long
def test_workers_end_with_a_killed_parent(runs, tmp_path):
    endless = f"+measurement.endless={{_target_:endless.Endless,folder:'{tmp_path}'}}"
    words = ["measure.measurements=[endless]", "allow_targets=[endless]", "measure.n_jobs=2"]
    with measuring(runs[0], endless, *words) as parent:
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        workers = [int(path.name) for path in tmp_path.iterdir()]
        assert parent.pid not in workers
        parent.kill()
    wait_until(lambda: not any(psutil.pid_exists(worker) for worker in workers))


@pytest.mark.long
def test_two_runs_of_a_sweep_are_measured_at_once(runs):
    processes = [measuring(run) for run in runs]
    for run, process in zip(runs, processes, strict=True):
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert out.splitlines() == [str(run.path)]
    together = [tables_of(run) for run in runs]
    for run, tables in zip(runs, together, strict=True):
        assert cli.main(["measure", f"run={run.path}"]) == 0  # one after the other
        assert_same_tables(tables_of(run), tables)
        assert not list(run.path.glob("measurements/.parts-*"))
    first, second = (one["mutual_information"]["mi"] for one in together)
    assert not first.equals(second)


@pytest.mark.slow
def test_a_second_process_on_one_run_is_refused(runs):
    run = runs[0]
    before = {path: path.read_bytes() for path in run.path.glob("measurements/*")}
    with hold(run.path):
        process = measuring(run)
        _, err = process.communicate()
    assert process.returncode == 1
    assert f"{run.path}: in use by process {os.getpid()} on {socket.gethostname()}" in err
    assert {path: path.read_bytes() for path in run.path.glob("measurements/*")} == before


def test_a_lock_whose_process_is_gone_is_no_lock(runs, capsys):
    run = runs[0]
    (run.path / ".lock").write_text('{"host": "elsewhere", "pid": 1}')
    assert cli.main(["measure", f"run={run.path}", "measure.measurements=[binned_entropy]"]) == 0
    assert "elsewhere" not in (run.path / ".lock").read_text()
