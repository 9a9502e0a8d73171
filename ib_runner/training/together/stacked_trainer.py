"""Minibatch steps of several jobs at once, with one batched pass and one update for all."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from ib_runner.datasets.augment import augment, draw, source_of, warp, warp_by_grid
from ib_runner.seeds import stream_seed
from ib_runner.training.fused import is_textbook
from ib_runner.training.order import epoch_order
from ib_runner.training.parseval import Parseval
from ib_runner.training.plain import block_size
from ib_runner.training.problem import Part, Problem
from ib_runner.training.targets import Score
from ib_runner.training.together.capture import Captured
from ib_runner.training.together.noise import Noise
from ib_runner.training.together.stacked import Stacked, can_stack
from ib_runner.training.together.update import Update


def can_train_stacked(problems: Sequence[Problem]) -> bool:
    """Whether ``StackedTrainer`` can train ``problems``: supported modules, and alike."""

    def alike(of: Callable[[Problem], object]) -> bool:
        return len({of(problem) for problem in problems}) == 1

    return (
        can_stack([problem.network for problem in problems])
        and alike(
            lambda problem: (problem.loss, problem.batch_size, problem.classes, problem.augment)
        )
        and alike(
            lambda problem: (problem.train.x.shape, problem.test.x.shape, problem.train.y.shape)
        )
        and alike(lambda problem: type(problem.optimizer))
        and all(is_textbook(problem.optimizer) for problem in problems)
        and all(
            [id(p) for p in problem.optimizer.param_groups[0]["params"]]
            == [id(p) for p in problem.network.parameters()]
            for problem in problems
        )
        and all(
            problem.regularizer is None or type(problem.regularizer) is Parseval
            for problem in problems
        )
    )


class StackedTrainer:
    """Trains copies of the networks of ``problems``, which pass ``can_train_stacked``.

    ``device`` then has one copy of the data. Jobs with the same seed and data (the same "key")
    share orders and distortions.
    """

    #: noise and order are drawn as by ``PlainTrainer``, see ``record.STREAMS``
    streams = 1

    def __init__(self, problems: Sequence[Problem]):
        self.problems = list(problems)
        self.device = problems[0].train.x.device
        self.stacked = Stacked([problem.network for problem in problems], self.device)
        alphas = [
            problem.regularizer.alpha if problem.regularizer is not None else 0.0
            for problem in problems
        ]
        parameters = [self.stacked.tensors[name] for name in self.stacked.parameters]
        self.update = Update(parameters, [problem.optimizer for problem in problems], alphas)
        self.size = len(problems[0].train.x)
        self._sets = distinct([identity(problem.train) for problem in problems])
        self._keys = distinct([(problem.seed, identity(problem.train)) for problem in problems])
        firsts = [self._sets.index(number) for number in range(max(self._sets) + 1)]
        self._x = _joined([problems[first].train.x for first in firsts])
        self._y = _joined([problems[first].train.y for first in firsts])
        self._job_keys = torch.tensor(self._keys, device=self.device)
        #: the number of the first job of each key
        self._firsts = [self._keys.index(key) for key in range(max(self._keys) + 1)]
        self.generators = [Generator(self.device) for _ in problems]
        self.noise = Noise(self.stacked.channels, self.generators)
        self._captured: Captured | None = None
        self._snapshot: dict[str, Tensor] | None = None

    def run_epoch(self, epoch: int) -> None:
        """One pass through the data for every job, in the order that the job has alone."""
        index, seeds = self._begin(epoch)
        for generator, seed in zip(self.generators, seeds, strict=True):
            generator.manual_seed(seed)
        batches = index.split(self.problems[0].batch_size)
        distortions = self._distortions(epoch, self._firsts)
        for batch, distortion in zip(batches, distortions, strict=True):
            self._take_step(batch, distortion)

    def _begin(self, epoch: int) -> tuple[Tensor, list[int]]:
        """Set the learning rates of ``epoch``.

        Returns the epoch's order of inputs [N, keys], and the seed of each job's noise.
        """
        self._snapshot = None
        self.update.set_rates([problem.schedule(epoch) for problem in self.problems])
        orders = np.stack(
            [
                epoch_order(self.problems[first].seed, epoch, self.size)
                + self._sets[first] * self.size
                for first in self._firsts
            ],
            1,
        )
        seeds = [stream_seed(problem.seed, "noise", epoch) for problem in self.problems]
        return torch.from_numpy(orders).to(self.device), seeds

    def _distortions(self, epoch: int, firsts: list[int]) -> list:
        """The distortion of each step: affine maps [n, keys, 2, 3] where ``augment`` is ours, else
        a generator for each key; None without distortion.
        """
        lengths = [
            min(self.problems[0].batch_size, self.size - start)
            for start in range(0, self.size, self.problems[0].batch_size)
        ]
        distort = self.problems[0].augment
        if distort is None:
            return [None] * len(lengths)
        generators = [Generator() for _ in firsts]
        for first, generator in zip(firsts, generators, strict=True):
            generator.manual_seed(stream_seed(self.problems[first].seed, "augmentation", epoch))
        if distort is not augment:
            return [generators] * len(lengths)
        sources = [
            torch.cat([source_of(draw(n, generator)) for n in lengths]) for generator in generators
        ]
        return list(torch.stack(sources, 1).to(self.device).split(self.problems[0].batch_size))

    def _take_step(self, batch: Tensor, distortion) -> None:
        whole = len(batch) == self.problems[0].batch_size
        if self.device.type != "cuda" or not whole or isinstance(distortion, list):
            self.step(batch, distortion)
            return
        inputs = [batch] if distortion is None else [batch, distortion]
        if self._captured is None:
            self._captured = Captured(self.step, self.state_tensors(), inputs, self.generators)
        self._captured.step(*inputs)

    def state_tensors(self) -> list[Tensor]:
        """The tensors that a step changes."""
        update = self.update
        return [*self.stacked.tensors.values(), update.steps, *update.first, *update.second]

    def step(self, batch: Tensor, distortion=None) -> None:
        """One step on the training inputs with numbers ``batch`` [n, keys]."""
        self._update(self.gradients(*self._rows(batch, distortion)))

    def _update(self, gradients: Sequence[Tensor]) -> None:
        """One step of the optimizer with ``gradients``, then of the regularizer, for every job."""
        self.update.step(gradients)
        if self.update.regularized:
            names = self.stacked.regularized()
            self.update.regularize([self.stacked.tensors[name] for name in names])

    def _rows(self, batch: Tensor, distortion) -> tuple[Tensor, Tensor]:
        """Inputs [n, J, …] and targets [n, J, k] of a step."""
        x, y = self._x[batch], self._y[batch]
        if isinstance(distortion, Tensor):
            warped = warp if self.device.type == "cpu" else warp_by_grid
            x = warped(x.flatten(0, 1), distortion.flatten(0, 1)).reshape(x.shape)
        elif distortion is not None:
            parts = zip(x.unbind(1), distortion, strict=True)
            x = torch.stack([self.problems[0].augment(*part) for part in parts], 1)
        return x[:, self._job_keys], y[:, self._job_keys]

    def gradients(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        """The gradients of each job's mean loss on inputs ``x`` [n, J, …], targets ``y`` [n, J, k].

        With respect to its parameters: [J, …] each, in the order of ``stacked.parameters``.
        """
        outputs = self.stacked.forward(x, self.noise)
        parameters = [self.stacked.tensors[name] for name in self.stacked.parameters]
        return torch.autograd.grad(self._losses(outputs, y).sum(), parameters)

    def _losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Each job's mean loss, [J], of outputs and targets [n, J, k]."""
        if self.problems[0].loss == "mse":
            return (outputs - y).square().mean((0, 2))
        each = functional.cross_entropy(
            outputs.flatten(0, 1), y.argmax(2).flatten(), reduction="none"
        )
        return each.reshape(outputs.shape[:2]).mean(0)

    def scores(self) -> list[dict[str, Score]]:
        """Each job's mean losses and errors on its ``train`` and ``test``, without noise."""
        train = self.score_all([problem.train for problem in self.problems])
        test = self.score_all([problem.test for problem in self.problems])
        return [{"train": a, "test": b} for a, b in zip(train, test, strict=True)]

    @torch.no_grad()
    def score_all(self, parts: Sequence[Part]) -> list[Score]:
        """Each job's mean loss and errors on its own member of ``parts``, without noise."""
        shared = len({identity(part) for part in parts}) == 1
        totals = torch.zeros(len(parts), dtype=torch.float64, device=self.device)
        errors = torch.zeros(len(parts), dtype=torch.int64, device=self.device)
        n, block = len(parts[0].x), block_size(parts[0].x)
        for start in range(0, n, block):
            rows = slice(start, start + block)
            if shared:
                x, y = (t[rows].unsqueeze(1) for t in parts[0])
                x = x.expand(-1, len(parts), *x.shape[2:])
                y = y.expand(-1, len(parts), -1)
            else:
                x = torch.stack([part.x[rows] for part in parts], 1)
                y = torch.stack([part.y[rows] for part in parts], 1)
            outputs = self.stacked.forward(x, None).double()
            totals += self._losses(outputs, y.double()) * len(x)
            if self.problems[0].classes:
                errors += (outputs.argmax(2) != y.argmax(2)).sum(0)
        classes = self.problems[0].classes
        return [
            Score(total / n, count if classes else None)
            for total, count in zip(totals.tolist(), errors.tolist(), strict=True)
        ]

    def weights(self, job: int) -> Mapping[str, Tensor]:
        """A copy of one job's weights and buffers, on the CPU."""
        if self._snapshot is None:
            self._snapshot = {
                name: tensor.detach().to("cpu", copy=True)
                for name, tensor in self.stacked.tensors.items()
            }
        return {name: stack[job] for name, stack in self._snapshot.items()}

    def optimizer_state(self, job: int) -> Mapping[str, Tensor]:
        """A copy of one job's optimizer state, named as in PyTorch."""
        return self.update.state(job)

    def load(
        self, job: int, weights: Mapping[str, Tensor], optimizer_state: Mapping[str, Tensor]
    ) -> None:
        """Take over one job's weights and optimizer state of an earlier epoch."""
        self._snapshot = None
        self.stacked.load(job, weights)
        self.update.load(job, optimizer_state)


def _joined(parts: list[Tensor]) -> Tensor:
    """``parts`` concatenated along the first axis; a single part is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def identity(part: Part) -> tuple[int, ...]:
    """A key that is the same for parts in the same memory, that is with the same data."""
    return part.x.data_ptr(), *part.x.shape


def distinct(values: list) -> list[int]:
    """For each value its number among the distinct values, in order of first appearance."""
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return [numbers[value] for value in values]
