"""Training from epoch 0, or from the last committed epoch, keeping epochs' weights and losses.

Epoch 0 is the initial network; epoch k is the state after k passes through the training set. All
random numbers of an epoch are functions of (seed, epoch), so that a training that was interrupted
ends with the same bytes as one that was not.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ib_runner.datasets import Dataset
from ib_runner.errors import Interrupted, TrainingFailedError
from ib_runner.progress import Progress
from ib_runner.runs.checkpoints import Checkpoints
from ib_runner.training.determinism import reproducible
from ib_runner.training.fused import FusedTrainer, is_fusible
from ib_runner.training.history import History
from ib_runner.training.plain import PlainTrainer
from ib_runner.training.problem import Problem, problem_of
from ib_runner.training.record import Record
from ib_runner.training.schedule import Schedule, constant
from ib_runner.training.targets import check_loss
from ib_runner.training.together.job import Job, has_kernels, stacked_trainer

#: the classes that train a problem: by PyTorch, by compiled kernels, by kernels on a GPU
Trainer = PlainTrainer | FusedTrainer | Job


#: seconds of epochs that compiled kernels make in one call, between which an interruption is met
BLOCK_SECONDS = 0.1


@dataclass
class Training:
    """A training that is ready to begin, or to go on after ``done``, the last committed epoch."""

    problem: Problem
    trainer: Trainer
    record: Record
    epochs: int
    done: int

    def run(self) -> pd.DataFrame:
        """Train up to the last epoch; returns the rows of the ``training`` table.

        Raises ``TrainingFailedError`` where a loss becomes NaN or infinite. Before that error, a
        ``KeyboardInterrupt`` or ``Interrupted`` is raised, the last whole epoch is committed.
        """
        problem, trainer, record, epochs = self.problem, self.trainer, self.record, self.epochs
        bar = Progress(epochs, "train", "epoch", max(self.done, 0), doing="loading the kernels")
        with bar, reproducible(problem.network, problem.train.x.device):
            try:
                if self.done < 0:
                    self._epoch(0, bar)
                first = max(self.done, 0) + 1
                if isinstance(trainer, FusedTrainer):
                    self._blocks(trainer, first, bar)
                else:
                    for epoch in range(first, epochs + 1):
                        self._epoch(epoch, bar)
            except (KeyboardInterrupt, Interrupted, TrainingFailedError):
                record.commit()
                raise
        record.commit()
        problem.network.cpu().load_state_dict(trainer.weights())
        return record.history.frame(max(self.done, epochs))

    def _epoch(self, epoch: int, bar: Progress) -> None:
        """Make, score and record ``epoch``."""
        problem, trainer, record = self.problem, self.trainer, self.record
        if epoch > 0:
            trainer.run_epoch(epoch)
        scores = {"train": trainer.score(problem.train), "test": trainer.score(problem.test)}
        record.note(epoch, scores, last=epoch == self.epochs)
        if epoch > 0:
            bar.update(f"test loss {scores['test'].loss:.4f}")
        if epoch == 0:
            record.commit_first()
        elif record.is_due(epoch):
            record.commit()

    def _blocks(self, trainer: FusedTrainer, epoch: int, bar: Progress) -> None:
        """Make and record the epochs from ``epoch`` on, many at a time, up to a full shard."""
        shard, count = self.record.checkpoints.shard_epochs, 1
        while epoch <= self.epochs:
            full = epoch + (-epoch - 1) % shard  # commits come behind full shards
            last = min(self.epochs, full, epoch + count - 1)
            factors, error = self._factors(epoch, last)
            if not factors and error is not None:
                raise error
            last, began = epoch + len(factors) - 1, time.monotonic()
            made = trainer.run_epochs(epoch, factors)
            self.record.note_many(made, self.epochs)
            if error is not None:
                raise error
            spent, done = time.monotonic() - began, len(factors)
            bar.update(f"test loss {made.scores[-1, 1]:.4f}", done)
            if self.record.is_due(last):
                self.record.commit()
            epoch = last + 1
            count = max(1, min(2 * count, int(done * BLOCK_SECONDS / max(spent, 1e-6))))

    def _factors(self, first: int, last: int) -> tuple[list[float], BaseException | None]:
        """The schedule's factors in epochs ``first`` to ``last``, and what broke them off."""
        factors: list[float] = []
        try:
            for epoch in range(first, last + 1):
                factors.append(self.problem.schedule(epoch))
        except BaseException as error:
            return factors, error
        return factors, None


def prepare(
    network: nn.Module,
    dataset: Dataset,
    *,
    epochs: int,
    batch_size: int | None,
    loss: str,
    optimizer: Callable[..., Optimizer],
    checkpoints: Checkpoints,
    seed: int,
    regularizer: Callable[[Sequence[Tensor]], None] | None = None,
    schedule: Schedule = constant,
    device: str | torch.device = "cpu",
    checkpoint_every: int = 1,
    history: pd.DataFrame | None = None,
    on_commit: Callable[[pd.DataFrame], None] = lambda rows: None,
) -> Training:
    """The training of ``network`` up to epoch ``epochs``.

    ``optimizer`` is called with the parameters, as is ``partial(torch.optim.Adam, lr=4e-4)``.
    ``batch_size`` None is the whole training set; ``loss`` is cross_entropy (nats) or mse;
    ``schedule`` gives the learning rate's factor in epochs 1, 2, …; ``regularizer`` is called after
    every step with all weight matrices but the output layer's. The noise channels are on in
    training, and off for the losses and errors that are recorded.

    Training goes on from the last commit of ``checkpoints``, whose ``training`` rows are
    ``history``. ``on_commit`` gets all rows just before each commit. ``network`` ends with the
    last weights.

    Raises ``DamagedFileError`` where the checkpoints belong to another network or optimizer, and
    ``CannotGoOnError`` where a version made them that drew its random numbers in another way.
    """
    check_loss(loss, dataset)
    problem = problem_of(
        network,
        dataset,
        loss=loss,
        batch_size=batch_size,
        optimizer=optimizer,
        regularizer=regularizer,
        schedule=schedule,
        seed=seed,
        device=torch.device(device),
    )
    trainer = trainer_of(problem)
    record = Record(trainer, checkpoints, History(dataset), checkpoint_every, on_commit)
    return Training(problem, trainer, record, epochs, record.resume(history, epochs))


def trainer_of(problem: Problem) -> Trainer:
    """The trainer of ``problem``: compiled kernels where they support all of it, else PyTorch."""
    if has_kernels(problem):
        return Job(stacked_trainer([problem]))
    return FusedTrainer(problem) if is_fusible(problem) else PlainTrainer(problem)
