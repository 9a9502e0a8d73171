"""What many tests need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ib_runner import cli


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
