"""Clusters with unsuitable or lost workers: an error message, and never an endless wait."""

import os
import platform
import subprocess
import sys
import time

import pytest
from distributed import Client, LocalCluster

from ib_runner.errors import IbRunError
from ib_runner.stages import measure_cluster
from ib_runner.stages.measure_cluster import Workers, on_cluster
from ib_runner.stages.measure_epoch import EpochTask

NOWHERE = EpochTask("/nowhere", (), "seed: 0\n", (), 0)


@pytest.fixture
def cluster(monkeypatch):
    monkeypatch.setattr(measure_cluster, "_LOOKS", 0.2)
    monkeypatch.setattr(measure_cluster, "PATIENCE", 1.0)
    with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0", silence_logs=50) as cluster:
        yield cluster


@pytest.mark.slow
def test_a_worker_without_the_program(cluster, tmp_path):
    """It would die of the first task, and with that of every other one."""
    (tmp_path / "ib_runner").mkdir()
    (tmp_path / "ib_runner" / "__init__.py").write_text("raise ImportError('not here')")
    words = ["-m", "distributed.cli.dask_worker", cluster.scheduler_address, "--no-nanny"]
    worker = subprocess.Popen(
        [sys.executable, *words, "--no-dashboard"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    try:
        with pytest.raises(IbRunError) as caught:
            list(on_cluster([NOWHERE], cluster.scheduler_address))
    finally:
        worker.kill()
        worker.wait()
    said = str(caught.value)
    assert f"on {platform.node()} cannot import the program:\nImportError: not here\n" in said
    assert "measure.scheduler: worker tcp://" in said
    assert "need the packages of this process" in said
    assert caught.value.exit_status == 1


def look_for_ever(workers):
    while True:
        workers.look()
        time.sleep(0.05)


@pytest.mark.slow
def test_workers_that_are_lost(cluster, caplog):
    with Client(cluster, set_as_default=False) as client:
        workers = Workers(client, "there")
        cluster.scale(1)
        workers.wait_for_some()
        (address,) = client.scheduler_info()["workers"]
        name = f"worker {address} on {platform.node()}"
        assert workers.name(address) == name
        cluster.scale(0)
        with pytest.raises(IbRunError) as caught:
            look_for_ever(workers)
    said = str(caught.value)
    assert f"measure.scheduler=there: {name} is lost, and no other one has come in 1.0 s" in said
    assert "the same command goes on" in said
    assert caught.value.exit_status == 1
