"""Recording: run folders for a user's own network, inputs and training loop."""

from ib_runner.recording.recorder import Recorder

__all__ = ["Recorder"]
