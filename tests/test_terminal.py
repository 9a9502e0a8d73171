"""Characters that a terminal's encoding lacks are replaced, and the exit status stays the same."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ib_runner.terminal import legible_output

ROOT = Path(__file__).resolve().parents[1]
#: each with its exit status, and a text that must be on standard output or standard error
LINES = [
    (["--help"], 0, "train one network"),
    (["train", "--help=all"], 0, "Configuration (key=value)"),
    (["train", "--cfg", "job", "experiment=a"], 0, "experiment: a"),
    (["train", "seed=-1"], 2, "whole number >= 0"),
    (["train", "+exp=szt_rellu"], 2, "Did you mean szt_relu"),
    (["measure", "run=ünder"], 2, "no such folder"),
]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.slow
def test_every_line_has_its_status_and_its_output(encoding, tmp_path):
    program = (
        "import sys; from ib_runner.cli import main\n"
        f"print([main(words) for words, *_ in {LINES!r}])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    output = (done.stdout + done.stderr).decode(encoding)
    assert done.returncode == 0, output
    assert output.count("Traceback") == 0, output
    assert str([status for _, status, _ in LINES]) in output
    for _, _, text in LINES:
        assert text in output


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("0–2 ≥ β", "ascii", b"0-2 >= beta"),
        ("0–2 ≥ ±1", "latin-1", b"0-2 >= \xb11"),
        ("0–2 ≥ β", "cp1252", b"0\x962 >= beta"),
        ("0–2 ≥ β", "utf-8", "0–2 ≥ β".encode()),
        ("名", "ascii", b"\\u540d"),
        (os.fsdecode(b"r\xff"), "utf-8", b"r\xff"),  # a folder's name that is no text
        (os.fsdecode(b"r\xff"), "ascii", b"r\xff"),
    ],
)
def test_what_is_printed(text, encoding, expected, monkeypatch):
    bytes_out = io.BytesIO()
    stream = io.TextIOWrapper(bytes_out, encoding=encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    with legible_output():
        print(text, end="")
        stream.flush()
    assert bytes_out.getvalue() == expected
    assert stream.errors == "strict"
