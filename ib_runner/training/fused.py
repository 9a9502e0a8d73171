"""Training small fully connected networks by compiled kernels, one call for many epochs.

A step of such a network is some 50 µs of arithmetic; PyTorch's overhead is twenty times that.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ib_runner.networks import DropoutNoise, GaussianNoise, NoiseChannel, NoNoise
from ib_runner.networks.plain_chain import plain_chain
from ib_runner.runs.packed import Layout, Packed
from ib_runner.seeds import stream_seed
from ib_runner.training import kernel
from ib_runner.training.parseval import Parseval
from ib_runner.training.problem import Part, Problem
from ib_runner.training.targets import Score

_ACTIVATIONS = {
    nn.Identity: kernel.IDENTITY,
    nn.Tanh: kernel.TANH,
    nn.ReLU: kernel.RELU,
    nn.LeakyReLU: kernel.LEAKY_RELU,
}
_NOISES = {
    NoNoise: kernel.NO_NOISE,
    GaussianNoise: kernel.ADDITIVE,
    DropoutNoise: kernel.MULTIPLICATIVE,
}
_OPTIMIZERS = {torch.optim.Adam: kernel.ADAM, torch.optim.SGD: kernel.SGD}
_LOSSES = {"cross_entropy": kernel.CROSS_ENTROPY, "mse": kernel.MSE}
#: settings with which PyTorch's Adam and SGD are the algorithms of ``kernel``
_PLAIN = {
    "weight_decay": 0,
    "amsgrad": False,
    "maximize": False,
    "momentum": 0,
    "dampening": 0,
    "nesterov": False,
    "differentiable": False,
}
#: with more parameters, matrix products dominate the time, and PyTorch's are faster
MOST_PARAMETERS = 20_000
#: inputs that are scored at a time, few enough for the processor's cache
_BLOCK = 256


class Stage(NamedTuple):
    """A linear layer with what follows it."""

    linear: nn.Linear
    activation: nn.Module
    noise: NoiseChannel


def stages_of(network: nn.Module) -> list[Stage] | None:
    """The layers of a plain chain (linear, activation, noise, …); None for any other network."""
    chain = plain_chain(network)
    if chain is None or chain.flattens or chain.rest or not chain.stages:
        return None
    return [
        Stage(one.linear, one.activation, NoNoise() if one.channel is None else one.channel)
        for one in chain.stages
    ]


def is_fusible(problem: Problem) -> bool:
    """Whether ``FusedTrainer`` knows this network, optimizer, regularizer and augmentation."""
    stages = stages_of(problem.network)
    return (
        stages is not None
        and problem.augment is None
        and _fits(stages, problem)
        and is_textbook(problem.optimizer)
        and (problem.regularizer is None or type(problem.regularizer) is Parseval)
    )


def _fits(stages: list[Stage], problem: Problem) -> bool:
    linears = [stage.linear for stage in stages]
    outputs = [problem.train.x.shape[-1], *(linear.out_features for linear in linears)]
    inputs = [*(linear.in_features for linear in linears), problem.train.y.shape[1]]
    parameters = list(problem.network.parameters())
    of_layers = [p for linear in linears for p in (linear.weight, linear.bias) if p is not None]
    return (
        problem.train.x.ndim == 2
        and problem.train.x.dtype == torch.float32
        and outputs == inputs
        # every parameter belongs to exactly one layer, and no two share memory
        and {id(p) for p in of_layers} == {id(p) for p in parameters}
        and len({p.untyped_storage().data_ptr() for p in of_layers}) == len(of_layers)
        and len(problem.network.state_dict()) == len(parameters)
        and sum(p.numel() for p in parameters) <= MOST_PARAMETERS
        and all(p.dtype == torch.float32 and p.device.type == "cpu" for p in parameters)
        and all(p.requires_grad and not p._backward_hooks for p in parameters)
        and [id(p) for p in problem.optimizer.param_groups[0]["params"]]
        == [id(p) for p in parameters]
    )


def is_textbook(optimizer: Optimizer) -> bool:
    """Whether ``optimizer`` is Adam or SGD with one group and no option that changes the rule."""
    settings = optimizer.param_groups[0]
    return (
        type(optimizer) in _OPTIMIZERS
        and len(optimizer.param_groups) == 1
        and all(settings.get(name, plain) == plain for name, plain in _PLAIN.items())
    )


class Passed(NamedTuple):
    """Several epochs, beginning with ``first``.

    ``scores`` [n, 4] are the losses on both splits and their errors (NaN: regression). Where a loss
    is no number, they have one row more than there are ``weights`` of whole epochs. ``state`` is
    the optimizer's after the last whole one.
    """

    first: int
    scores: np.ndarray
    weights: list[Packed]
    state: Mapping[str, Tensor]

    @property
    def last_scores(self) -> dict[str, Score]:
        """The scores of the last epoch, by split."""
        losses, errors = self.scores[-1, :2].tolist(), self.scores[-1, 2:].tolist()
        return {
            split: Score(loss, None if math.isnan(wrong) else int(wrong))
            for split, loss, wrong in zip(("train", "test"), losses, errors, strict=True)
        }


class FusedTrainer:
    """Trains a copy of the weights of ``problem``; has the same methods as ``PlainTrainer``."""

    #: see ``record.STREAMS``: the kernels draw noise and order in their own way
    streams = 2
    #: whether compiled kernels make the passes
    is_compiled = True

    def __init__(self, problem: Problem):
        self.problem = problem
        self.stages = stages_of(problem.network)
        self._weights = _layout({name: p.shape for name, p in problem.network.named_parameters()})
        self._layers = _describe(problem.network, self.stages)
        self._loss = _LOSSES[problem.loss]
        settings = problem.optimizer.param_groups[0]
        self._rate = float(settings["lr"])
        self._update = kernel.Update(
            _OPTIMIZERS[type(problem.optimizer)],
            *map(float, settings.get("betas", (0.0, 0.0))),
            float(settings.get("eps", 0.0)),
            problem.regularizer.alpha if problem.regularizer is not None else 0.0,
        )
        self._columns = _columns(problem.train)
        self._blocks = {id(part): _blocks(part) for part in (problem.train, problem.test)}
        self._seed = stream_seed(problem.seed, "noise and order")
        n = len(problem.train.x)
        self._order = np.empty(n, np.int64)
        self._noise = np.empty((int(self._layers.widths[1:].sum()), n), np.float32)
        size = sum(p.numel() for p in problem.network.parameters())
        self._parameters = np.empty(size, np.float32)
        # the moments of Adam, one behind the other, and the number of steps
        self._state = np.zeros(2 * size + 1, np.float32)
        self._moments = self._state[:-1].reshape(2, size)
        self._optimizer = _optimizer_layout(self._weights, size)
        self._take(problem.network.state_dict())

    def run_epoch(self, epoch: int) -> None:
        """One pass through the training set; order and noise are functions of (seed, ``epoch``)."""
        self.run_epochs(epoch, [self.problem.schedule(epoch)])

    def run_epochs(self, first: int, factors: Sequence[float]) -> Passed:
        """Epochs from ``first`` on, up to one that makes a loss NaN or infinite.

        ``factors`` are the schedule's, of the learning rate, one for each epoch.
        """
        count = len(factors)
        scores = np.empty((count, 4))
        kept = np.empty((count, len(self._parameters)), np.float32)
        state = np.empty_like(self._state)
        train, test = (self._blocks[id(part)] for part in (self.problem.train, self.problem.test))
        whole = kernel.train_epochs(
            self._layers,
            self._update,
            self._loss,
            self._rate * np.array(factors, float),
            self._seed,
            first,
            self._parameters,
            *self._moments,
            self._state[-1:],
            *self._columns,
            self._order,
            self._noise,
            self.problem.batch_size,
            train,
            test,
            (len(self.problem.train.x), len(self.problem.test.x)),
            scores,
            kept,
            state,
        )
        if not self.problem.classes:
            scores[:, 2:] = np.nan
        return Passed(
            first,
            scores[: min(whole + 1, count)],
            [Packed(self._weights, row) for row in kept[:whole]],
            Packed(self._optimizer, state) if self._update.optimizer == kernel.ADAM else {},
        )

    def order(self, epoch: int) -> np.ndarray:
        """The order, int64 [N], in which ``epoch`` goes through the training set."""
        order = np.empty_like(self._order)
        kernel.fill_order(self._layers, self._seed, epoch, order)
        return order

    def noise(self, epoch: int) -> np.ndarray:
        """The channels' addends or factors in ``epoch``, [units, N] in the order of the pass.

        Rows of units without noise are undefined.
        """
        z = np.empty_like(self._noise)
        kernel.fill_noise(self._layers, self._seed, epoch, z)
        return z

    def score(self, data: Part) -> Score:
        """Mean loss and errors on ``data``, the problem's ``train`` or ``test``, without noise."""
        scores = self.run_epochs(0, [1.0]).last_scores
        return scores["train" if data is self.problem.train else "test"]

    def weights(self) -> Mapping[str, Tensor]:
        """A copy of the weights."""
        return Packed(self._weights, self._parameters.copy())

    def optimizer_state(self) -> Mapping[str, Tensor]:
        """A copy of the optimizer's state, named as in PyTorch: number of the parameter, entry."""
        if self._update.optimizer != kernel.ADAM:
            return {}
        return Packed(self._optimizer, self._state.copy())

    def load(self, weights: Mapping[str, Tensor], optimizer_state: Mapping[str, Tensor]) -> None:
        """Take over ``weights()`` and ``optimizer_state()`` of an earlier epoch."""
        self._take(weights)
        if self._update.optimizer == kernel.ADAM:
            _put(self._optimizer, optimizer_state, self._state)

    def _take(self, weights: Mapping[str, Tensor]) -> None:
        _put(self._weights, weights, self._parameters)


def _layout(shapes: Mapping[str, tuple[int, ...]], start: int = 0) -> Layout:
    """The layout of tensors of these ``shapes``, one after another from ``start`` on."""
    layout = {}
    for name, shape in shapes.items():
        layout[name] = (start, tuple(shape))
        start += math.prod(shape)
    return layout


def _optimizer_layout(weights: Layout, size: int) -> Layout:
    layout = {}
    for number, (start, shape) in enumerate(weights.values()):
        layout[f"{number}.step"] = (2 * size, ())
        layout[f"{number}.exp_avg"] = (start, shape)
        layout[f"{number}.exp_avg_sq"] = (size + start, shape)
    return layout


def _put(layout: Layout, tensors: Mapping[str, Tensor], flat: np.ndarray) -> None:
    for name, (start, shape) in layout.items():
        flat[start : start + math.prod(shape)] = tensors[name].numpy().reshape(-1)


def _describe(network: nn.Module, stages: list[Stage]) -> kernel.Layers:
    at, start = {id(None): -1}, 0
    for parameter in network.parameters():
        at[id(parameter)] = start
        start += parameter.numel()
    linears = [stage.linear for stage in stages]
    slopes = [getattr(stage.activation, "negative_slope", 0.0) for stage in stages]
    return kernel.Layers(
        widths=np.array([linears[0].in_features, *(linear.out_features for linear in linears)]),
        weight_at=np.array([at[id(linear.weight)] for linear in linears]),
        bias_at=np.array([at[id(linear.bias)] for linear in linears]),
        activation=np.array([_ACTIVATIONS[type(stage.activation)] for stage in stages]),
        slope=np.array(slopes, np.float32),
        noise=np.array([_NOISES[type(stage.noise)] for stage in stages]),
        amount=np.array(
            [
                stage.noise.p if type(stage.noise) is DropoutNoise else stage.noise.beta
                for stage in stages
            ],
            np.float64,
        ),
    )


def _columns(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """The inputs [inputs, N] and targets [k, N] of ``part``, one column for each input."""
    x, y = (np.ascontiguousarray(rows.numpy().T, np.float32) for rows in part)
    return x, y


def _blocks(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [blocks, inputs, n] and targets [blocks, k, n], the last block padded with 0."""
    n = len(part.x)
    count = -(-n // _BLOCK)
    blocks = []
    for rows in part:
        padded = np.zeros((count * _BLOCK, rows.shape[1]), np.float32)
        padded[:n] = rows.numpy()
        split = padded.reshape(count, _BLOCK, rows.shape[1])
        blocks.append(np.ascontiguousarray(split.transpose(0, 2, 1)))
    x, y = blocks
    return x, y
