"""One job of a ``StackedTrainer``, with the methods of a trainer."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from ib_runner.compiled import has_triton
from ib_runner.training.problem import Part, Problem
from ib_runner.training.targets import Score
from ib_runner.training.together.stacked_trainer import StackedTrainer, can_train_stacked


class Job:
    """Job ``number`` of ``trainer``, with the methods that a training and its record call.

    ``run_epoch`` and ``score`` are only for a trainer that has a single job.
    """

    def __init__(self, trainer: StackedTrainer, number: int = 0):
        self.trainer = trainer
        self.number = number
        self.problem = trainer.problems[number]
        #: see ``record.STREAMS``
        self.streams = trainer.streams
        #: whether compiled kernels make the passes
        self.is_compiled = trainer.streams != StackedTrainer.streams

    def run_epoch(self, epoch: int) -> None:
        """One pass through the data; all random numbers are functions of seed and ``epoch``."""
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
        """Take over ``weights()`` and ``optimizer_state()`` of an earlier epoch."""
        self.trainer.load(self.number, weights, optimizer_state)


def stacked_trainer(problems: Sequence[Problem]) -> StackedTrainer:
    """The trainer of ``problems``, which pass ``can_train_stacked``: by kernels where possible."""
    if has_kernels(problems[0]):
        from ib_runner.training.together.cnn_trainer import CNNTrainer

        return CNNTrainer(problems)
    return StackedTrainer(problems)


def has_kernels(problem: Problem) -> bool:
    """Whether the kernels for a GPU can train ``problem``, alone or one of several alike."""
    if not has_triton(problem.train.x.device.type):
        return False
    from ib_runner.training.together.cnn_trainer import knows

    return knows(problem) and can_train_stacked([problem])
