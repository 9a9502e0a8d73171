"""One of the jobs that a ``StackedTrainer`` trains, as a trainer of its own."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from ib_runner.compiled import has_triton
from ib_runner.training.problem import Part, Problem
from ib_runner.training.targets import Score
from ib_runner.training.together.stacked_trainer import StackedTrainer, can_train_stacked


class Job:
    """Job ``number`` of ``trainer``: what a training and its record want of a trainer.

    An epoch is run, and a split scored, of a job that is alone.
    """

    def __init__(self, trainer: StackedTrainer, number: int = 0):
        self.trainer = trainer
        self.number = number
        self.problem = trainer.problems[number]
        #: see ``record.STREAMS``
        self.streams = trainer.streams
        #: whether kernels of ours make the passes
        self.is_compiled = trainer.streams != StackedTrainer.streams

    def run_epoch(self, epoch: int) -> None:
        """One pass through the data, with the order, distortions and noise of (seed, ``epoch``)."""
        self.trainer.run_epoch(epoch)

    def score(self, data: Part) -> Score:
        """Mean loss and errors on ``data``, without noise."""
        return self.trainer.score_all([data])[0]

    def weights(self) -> Mapping[str, Tensor]:
        """A copy of weights and buffers, on the CPU."""
        return self.trainer.weights(self.number)

    def optimizer_state(self) -> Mapping[str, Tensor]:
        """A copy of the optimizer's state, on the CPU."""
        return self.trainer.optimizer_state(self.number)

    def load(self, weights: Mapping[str, Tensor], optimizer_state: Mapping[str, Tensor]) -> None:
        """Go on from ``weights()`` and ``optimizer_state()`` of an earlier epoch."""
        self.trainer.load(self.number, weights, optimizer_state)


def stacked_trainer(problems: Sequence[Problem]) -> StackedTrainer:
    """What trains ``problems``, alike by ``can_train_stacked``: our kernels where they can."""
    if has_kernels(problems[0]):
        from ib_runner.training.together.cnn_trainer import CNNTrainer

        return CNNTrainer(problems)
    return StackedTrainer(problems)


def has_kernels(problem: Problem) -> bool:
    """Whether our kernels for a GPU train ``problem``, alone or one of several alike ones."""
    if not has_triton(problem.train.x.device.type):
        return False
    from ib_runner.training.together.cnn_trainer import knows

    return knows(problem) and can_train_stacked([problem])
