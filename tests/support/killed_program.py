"""Running a program that kills itself, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import ib_runner

PATIENCE = 120


def killed(program: str, *words: object) -> str:
    """Run ``program``, which may import ib_runner and modules of this folder; its output."""
    folders = Path(__file__).parent, Path(ib_runner.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == -9, done.stderr
    return done.stdout
