"""Fixtures that many tests share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ib_runner import cli

#: files of tests that take more than fifteen seconds of a processor, the longest first
LONGEST = (
    "test_cli.py", "test_weights.py", "test_forecast.py", "test_extremes.py", "test_facts.py",
    "test_figures.py", "test_faults.py", "test_coupled.py", "test_as_it_trains.py",
    "test_recorder.py", "test_thin.py", "test_neuron_figures.py", "test_startup.py",
    "test_many_units.py", "test_page.py", "test_trial.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Begin with the longest files: no processor waits for one of them in the end."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture
def ib_run(tmp_path, monkeypatch, capsys):
    """Status, lines of standard output and standard error of a command line in ``tmp_path``."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        capsys.readouterr()
        status = cli.main(list(words))
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return run


@pytest.fixture
def ib_process(tmp_path):
    """Run ``python -m ib_runner …`` as a process of its own in a folder outside the repository."""
    root = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "ib_runner", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run
