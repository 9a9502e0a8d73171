"""Runs that are killed and resumed equal an undisturbed run: a trial of scripts/kill_trials.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.long
def test_killed_at_random_moments():
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "kill_trials.py"), "trials=1", "seed=5"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n0 differences found" in done.stdout
