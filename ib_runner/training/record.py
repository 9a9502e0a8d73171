"""Recording a training: weights, losses, and the state from which training can resume."""

import math
import time
from collections.abc import Callable, Mapping

import pandas as pd
import torch
from torch import Tensor

from ib_runner.errors import CannotGoOnError, DamagedFileError, IbRunError, TrainingFailedError
from ib_runner.runs.checkpoints import Checkpoints
from ib_runner.training.fused import Passed
from ib_runner.training.history import History
from ib_runner.training.targets import Score

#: key of a resume state: the number of the way in which a trainer draws noise and order (left out
#: for 1); going on in another way would end with other weights
STREAMS = "streams"


def same_values(one: Tensor, other: Tensor) -> bool:
    """Whether shapes, types and all values are equal, NaN counting as equal to NaN."""
    alike = one.shape == other.shape and one.dtype == other.dtype
    return alike and torch.allclose(one, other, 0.0, 0.0, equal_nan=True)


#: seconds from the last commit before a full shard is committed,
FULL_SECONDS = 2.0
#: and at least so many times the seconds of that commit: commits cost a twentieth of the time
FULL_TIMES = 20
#: seconds from the last commit to the next in any case; the final files are the same
COMMIT_SECONDS = 60.0
#: the most bytes of weights that wait for a commit
MOST_WAITING = 2**28


def _no_number(epoch: int) -> TrainingFailedError:
    return TrainingFailedError(
        f"Epoch {epoch}: the loss is no longer a number; the epochs before it are kept.\n"
        "Try a smaller optimizer.lr, or a smaller regularizer.alpha."
    )


class Record:
    """Keeps whole epochs of ``trainer`` and commits them: table first, checkpoints' index last.

    An interruption may come between any two statements: ``commit`` then still writes the last whole
    epoch to disk.
    """

    def __init__(
        self,
        trainer,
        checkpoints: Checkpoints,
        history: History,
        every: int,
        on_commit: Callable[[pd.DataFrame], None],
    ):
        self.trainer = trainer
        self.checkpoints = checkpoints
        self.history = history
        self.every = every
        self.on_commit = on_commit
        self._whole: tuple[int, Mapping[str, Tensor], Mapping[str, Tensor]] | None = None
        self._committed_at = time.monotonic()
        self._committed, self._took = -1, 0.0

    def resume(self, rows: pd.DataFrame | None, epochs: int) -> int:
        """Load the last committed epoch into the trainer; returns its number, −1 for no commit."""
        self.checkpoints.tidy()
        found = self.checkpoints.resume()
        if found is None:
            return -1
        done, state = found
        weights = {k[len("network.") :]: v for k, v in state.items() if k.startswith("network.")}
        optimizer = {k[len("optimizer.") :]: v for k, v in state.items() if k.startswith("opt")}
        try:
            self.trainer.load(weights, optimizer)
        except (KeyError, RuntimeError, ValueError) as error:
            raise DamagedFileError(
                f"{self.checkpoints.folder}: its checkpoints are of another network or optimizer "
                f"({str(error).splitlines()[0]})."
            ) from error
        if (drawn := int(state.get(STREAMS, 1))) != self.trainer.streams:
            raise CannotGoOnError(
                f"{self.checkpoints.folder}: its noise and order were drawn in way {drawn}, this "
                f"program draws in way {self.trainer.streams}:\ngoing on from epoch {done} would "
                "end with other weights. The epochs there stay usable; for more epochs\n"
                "use the ib-run of `packages` and `git` in run.json, or train anew."
            )
        self.history.take(rows, done)
        self._committed = done
        if done < epochs and done % self.every:
            self.checkpoints.drop(done)  # had a checkpoint only because it was the last epoch
        return done

    def note(self, epoch: int, scores: dict[str, Score], last: bool) -> None:
        """Keep ``epoch`` and its ``scores``; the ``last`` epoch always gets a checkpoint.

        Raises ``TrainingFailedError`` where a loss is NaN or infinite.
        """
        if not all(math.isfinite(score.loss) for score in scores.values()):
            raise _no_number(epoch)
        weights, optimizer = self.trainer.weights(), self.trainer.optimizer_state()
        if last or epoch % self.every == 0:
            self.checkpoints.append(epoch, weights)
        self.history.note(epoch, scores)
        self._whole = epoch, weights, optimizer

    def note_many(self, made: Passed, last: int) -> None:
        """``note`` for each epoch of ``made``; ``last`` is the training's last epoch."""
        whole = len(made.weights)
        if whole:
            for epoch, weights in enumerate(made.weights, start=made.first):
                if epoch == last or epoch % self.every == 0:
                    self.checkpoints.append(epoch, weights)
            self.history.note_many(made.first, made.scores[:whole])
            self._whole = made.first + whole - 1, made.weights[-1], made.state
        if len(made.scores) > whole:
            raise _no_number(made.first + whole)

    def is_due(self, epoch: int) -> bool:
        """Whether to commit now: a shard is full, or the last commit is long ago."""
        waited = time.monotonic() - self._committed_at
        if (epoch + 1) % self.checkpoints.shard_epochs == 0:
            long = waited > max(FULL_SECONDS, FULL_TIMES * self._took)
            return long or waited > COMMIT_SECONDS or self._waiting() > MOST_WAITING
        return waited > COMMIT_SECONDS

    def _waiting(self) -> int:
        """The approximate number of bytes of weights that wait for a commit."""
        epoch, weights, _ = self._whole
        one = sum(tensor.nbytes for tensor in weights.values())
        return one * (epoch - self._committed) // self.every

    def commit_first(self) -> None:
        """Commit epoch 0 and read it back, so that unsuitable weights are refused before training.

        Raises ``IbRunError`` where the weights read differ from those written.
        """
        self.commit()
        kept, expected = self.checkpoints.weights(0), self.trainer.weights()
        if kept.keys() != expected.keys() or any(
            not same_values(tensor, kept[name]) for name, tensor in expected.items()
        ):
            raise IbRunError(
                f"{self.checkpoints.folder}: the first checkpoint reads back as another network's."
            )

    def commit(self) -> None:
        """Write everything up to the last whole epoch to disk."""
        if self._whole is None:
            return
        epoch, weights, optimizer = self._whole
        state = {f"network.{name}": tensor for name, tensor in weights.items()}
        state |= {f"optimizer.{name}": tensor for name, tensor in optimizer.items()}
        if self.trainer.streams != 1:  # way 1 is not written down
            state[STREAMS] = torch.tensor(self.trainer.streams)
        began = time.monotonic()
        # the table may get ahead of the checkpoints: resuming computes those epochs again
        self.on_commit(self.history.frame(epoch))
        self.checkpoints.commit(epoch, state)
        self._committed, self._committed_at = epoch, time.monotonic()
        self._took = self._committed_at - began
