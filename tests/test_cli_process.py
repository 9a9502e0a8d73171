"""The command line as a process of its own, with tiny sizes."""

import subprocess
import sys
from pathlib import Path

import pytest

TINY = ["network.widths=[3,2]", "trainer.epochs=2", "measure.measurements=[binned_entropy]"]
TINY += ["measure.n_jobs=1"]


@pytest.mark.slow
def test_train_and_measure(ib_process, tmp_path):
    trained = ib_process("train", *TINY)
    assert trained.returncode == 0, trained.stderr
    [path] = trained.stdout.splitlines()
    assert (tmp_path / path / "training.parquet").is_file()
    measured = ib_process("measure")
    assert measured.returncode == 0, measured.stderr
    assert measured.stdout.splitlines() == [path]
    assert (tmp_path / path / "measurements" / "binned_entropy.parquet").is_file()
    listed = ib_process("list")
    assert f"{path}  szt_tanh" in listed.stdout


def test_a_mistake(ib_process, tmp_path):
    wrong = ib_process("train", "trainer.epoch=3")
    assert wrong.returncode == 2
    assert wrong.stdout == ""
    assert "trainer.epochs" in wrong.stderr
    assert len(wrong.stderr.splitlines()) <= 3
    assert list(tmp_path.iterdir()) == []


def test_the_help_needs_no_torch(ib_process):
    program = (
        "import sys; from ib_runner.cli import main; main(['--help']); main(['train', '--help']); "
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "ib-run STAGE" in done.stdout
