"""Run folders for trainings of one's own: a network, its inputs, and a loop that is not ours."""

from ib_runner.recording.recorder import Recorder

__all__ = ["Recorder"]
