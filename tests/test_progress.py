"""Progress: nothing unknown is shown; whole lines, now and then, where there is no terminal."""

import io
import os
from select import select

import pytest

from ib_runner import progress
from ib_runner.progress import Pace, Progress, showing


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test sets."""
    time = {"now": 0.0}
    monkeypatch.setattr(progress.time, "monotonic", lambda: time["now"])
    return time


def test_what_is_left_is_known_from_the_second_unit_on():
    pace = Pace(total=11, done=0)
    assert pace.left(0.0) is None
    pace.update(100.0)  # the first one compiled
    assert pace.left(200.0) is None
    pace.update(102.5)
    assert pace.left(102.5) == pytest.approx(9 * 2.5)


def test_whole_lines_where_there_is_no_terminal(clock, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(progress.sys, "stderr", out)
    with Progress(100, "measure", "epoch") as bar:
        for second in range(0, 90, 9):
            clock["now"] = second
            bar.update("epoch 3")
    assert out.getvalue().splitlines() == [
        "measure: 5 of 100 epochs, 14 min left, epoch 3",
        "measure: 9 of 100 epochs, 14 min left, epoch 3",
    ]


def test_a_terminal_shows_what_goes_on_and_no_unknown_estimate(monkeypatch):
    out = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", out)
    with Progress(100, "train", "epoch", doing="loading the kernels"):
        shown = out.getvalue()
    assert all("loading the kernels" in drawn for drawn in shown.split("\r") if drawn)
    assert "left" not in shown
    assert "?" not in shown


def _read_until(text: str, reader: int) -> str:
    """What arrives at ``reader`` up to ``text``, in however many parts; 5 seconds at most."""
    shown = ""
    while text not in shown and select([reader], [], [], 5.0)[0]:
        shown += os.read(reader, 1000).decode()
    return shown


def test_a_terminal_without_a_width_shows_it_too(monkeypatch):
    reader, writer = os.openpty()  # 0 columns and 0 rows, as in some containers
    with os.fdopen(writer, "w") as out, monkeypatch.context() as patched:
        patched.setattr(progress.sys, "stderr", out)
        with Progress(100, "train", "epoch", doing="loading the kernels"):
            shown = _read_until("loading the kernels", reader)
    os.close(reader)
    assert "loading the kernels" in shown
    assert "0 of 100 epochs" in shown


def test_none_at_all(monkeypatch):
    out = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", out)
    with showing(False), Progress(2, "train", "epoch") as bar:
        bar.update()
    assert out.getvalue() == ""
