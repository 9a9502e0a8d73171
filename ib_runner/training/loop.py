"""Training from epoch 0, or from the last committed epoch, keeping epochs' weights and losses.

Epoch 0 is the initial network; epoch k is the state after k passes through the training set. All
random numbers of an epoch are functions of (seed, epoch), so that a training that was interrupted
ends with the same bytes as one that was not.
"""

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
                for epoch in range(self.done + 1, epochs + 1):
                    if epoch > 0:
                        trainer.run_epoch(epoch)
                    scores = {
                        "train": trainer.score(problem.train),
                        "test": trainer.score(problem.test),
                    }
                    record.note(epoch, scores, last=epoch == epochs)
                    if epoch > 0:
                        bar.update(f"test loss {scores['test'].loss:.4f}")
                    if epoch == 0:
                        record.commit_first()
                    elif record.is_due(epoch):
                        record.commit()
            except (KeyboardInterrupt, Interrupted, TrainingFailedError):
                record.commit()
                raise
        record.commit()
        problem.network.cpu().load_state_dict(trainer.weights())
        return record.history.frame(max(self.done, epochs))


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
    fused = is_fusible(problem) and problem.augment is None
    return FusedTrainer(problem) if fused else PlainTrainer(problem)
