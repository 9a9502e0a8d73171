"""Use without environment variables and home folder, and with a read-only installation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_run import TINY

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A copy of the package in which nothing can be cached."""
    folder = tmp_path_factory.mktemp("packages")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "ib_runner", folder / "ib_runner", ignore=ignored)
    shutil.copytree(ROOT / "conf", folder / "ib_runner" / "conf", ignore=ignored)
    for module in list((folder / "ib_runner").rglob("*.py")):
        (module.parent / "__pycache__").touch()  # a file: no folder can be made there
    return folder


def ib_run(packages, folder, *words):
    """A command line in ``folder`` with next to no environment, temporary files in its tmp/."""
    environment = {"PYTHONPATH": str(packages), "HOME": "/dev/null/home"}
    return subprocess.run(
        [sys.executable, "-m", "ib_runner", *words],
        cwd=folder,
        env={**environment, "TMPDIR": str(folder / "tmp")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
@pytest.mark.parametrize("place", ["a folder of the user's own", "none"])
def test_training_needs_no_cache(packages, tmp_path, place):
    (tmp_path / "tmp").mkdir()
    own = tmp_path / "tmp" / f"ib-run-kernels-{os.getuid()}"
    if place == "none":
        own.touch()
    done = ib_run(packages, tmp_path, "train", *TINY)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / done.stdout.splitlines()[-1] / "run.json").is_file()
    hints = done.stderr.count("compiled kernels are not kept")
    assert hints == (1 if place == "none" else 0)
    assert ("NUMBA_CACHE_DIR" in done.stderr) == (place == "none")
    assert place == "none" or list(own.rglob("*.nbc"))
