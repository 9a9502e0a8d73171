"""Recording a training: weights, losses, and the state from which it can resume."""

import math
import time
from collections.abc import Callable, Mapping

import pandas as pd
import torch
from torch import Tensor

from ib_runner.errors import CannotGoOnError, DamagedFileError, IbRunError, TrainingFailedError
from ib_runner.runs.checkpoints import Checkpoints
from ib_runner.training.history import History
from ib_runner.training.targets import Score

#: in a resume state: the way in which the trainer draws noise and order, where not the first one
STREAMS = "streams"


def same_values(one: Tensor, other: Tensor) -> bool:
    """Whether shapes, types and all values are equal, NaN being one."""
    alike = one.shape == other.shape and one.dtype == other.dtype
    return alike and torch.allclose(one, other, 0.0, 0.0, equal_nan=True)


#: a full shard is committed at the earliest this many seconds after the last commit,
FULL_SECONDS = 2.0
#: and this many times as long as that commit took, so that commits cost a twentieth of the time
FULL_TIMES = 20
#: a commit is due after this many seconds in any case; the files in the end are the same
COMMIT_SECONDS = 60.0
#: the most bytes of weights that wait for a commit
MOST_WAITING = 2**28


class Record:
    """Keeps whole epochs of ``trainer`` and commits them: table first, checkpoints' index last.

    An exception may come at any moment, between any two statements: ``commit`` then still puts
    the last whole epoch on disk.
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
        """Bring the trainer to the last committed epoch and return that; −1 where there is none."""
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
                "not end with the weights it was to have. All that is there stays usable;\n"
                "for more epochs go on with the ib-run of `packages` and `git` in run.json, or "
                "train anew."
            )
        self.history.take(rows, done)
        self._committed = done
        if done < epochs and done % self.every:
            self.checkpoints.drop(done)  # kept only because it was the last epoch
        return done

    def note(self, epoch: int, scores: dict[str, Score], last: bool) -> None:
        """Keep ``epoch``; raises ``TrainingFailedError`` where a loss is no number."""
        if not all(math.isfinite(score.loss) for score in scores.values()):
            raise TrainingFailedError(
                f"Epoch {epoch}: the loss is no longer a number; everything before is kept.\n"
                "Try a smaller optimizer.lr, or a smaller regularizer.alpha."
            )
        weights, optimizer = self.trainer.weights(), self.trainer.optimizer_state()
        if last or epoch % self.every == 0:
            self.checkpoints.append(epoch, weights)
        self.history.note(epoch, scores)
        self._whole = epoch, weights, optimizer

    def is_due(self, epoch: int) -> bool:
        """Whether a shard has just been filled, or the last commit is long ago."""
        waited = time.monotonic() - self._committed_at
        if (epoch + 1) % self.checkpoints.shard_epochs == 0:
            long = waited > max(FULL_SECONDS, FULL_TIMES * self._took)
            return long or waited > COMMIT_SECONDS or self._waiting() > MOST_WAITING
        return waited > COMMIT_SECONDS

    def _waiting(self) -> int:
        """About how many bytes of weights wait for a commit."""
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
        """Put everything up to the last whole epoch on disk."""
        if self._whole is None:
            return
        epoch, weights, optimizer = self._whole
        state = {f"network.{name}": tensor for name, tensor in weights.items()}
        state |= {f"optimizer.{name}": tensor for name, tensor in optimizer.items()}
        if self.trainer.streams != 1:  # the first way has no mark
            state[STREAMS] = torch.tensor(self.trainer.streams)
        began = time.monotonic()
        # rows of epochs after the last commit do no harm: resuming computes those epochs again
        self.on_commit(self.history.frame(epoch))
        self.checkpoints.commit(epoch, state)
        self._committed, self._committed_at = epoch, time.monotonic()
        self._took = self._committed_at - began
