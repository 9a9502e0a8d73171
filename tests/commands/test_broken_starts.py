"""A command that fails early leaves no folder; a closed pipe (`| head`) causes no traceback."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

TINY = ("network.widths=[2]", "trainer.epochs=2", "measure.measurements=[]")


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("words", "broken"),
    [
        (["-m", "seed=0,1"], "ib_runner.commands.execute.write_sweep"),
        (["-m", "seed=0,1"], "ib_runner.commands.execute.hold"),
        ([], "ib_runner.runs.folder.write_json"),
        ([], "ib_runner.runs.folder.hold"),
    ],
)
def test_a_failed_start_leaves_nothing(words, broken, ib_run, tmp_path, monkeypatch):
    monkeypatch.setattr(broken, full_disk)
    status, _, err = ib_run("train", *words, *TINY)
    assert status == 1
    assert "No space left" in err
    assert list(tmp_path.iterdir()) == []


def test_what_lies_beside_a_failed_start_stays(ib_run, tmp_path, monkeypatch):
    other = tmp_path / "outputs" / "notes.txt"
    other.parent.mkdir()
    other.write_text("mine")
    monkeypatch.setattr("ib_runner.commands.execute.write_sweep", full_disk)
    assert ib_run("train", "-m", "seed=0,1", *TINY)[0] == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["outputs", "notes.txt"]


@pytest.mark.parametrize("words", [["-sc", "install=bash"], ["train", "--help"], ["list", "x=1"]])
def test_nobody_reads(words, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "ib_runner", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode in (1, 2)
