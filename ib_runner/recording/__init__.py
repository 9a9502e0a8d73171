"""Run folders for trainings of one's own: a network, its inputs, and a loop that is not ours."""

from ib_runner.recording.recorder import Recorder
from ib_runner.recording.run import RecordedRun

__all__ = ["RecordedRun", "Recorder"]
