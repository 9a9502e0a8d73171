"""Training small fully connected networks by compiled kernels, an epoch a call.

A step of such a network is some 50 µs of arithmetic; PyTorch's overhead is twenty times that.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ib_runner.networks import DropoutNoise, GaussianNoise, NoiseChannel, NoNoise
from ib_runner.networks.plain_chain import plain_chain
from ib_runner.seeds import stream_seed
from ib_runner.training import kernel
from ib_runner.training.order import epoch_order
from ib_runner.training.parseval import Parseval
from ib_runner.training.targets import Score
from ib_runner.training.task import Part, Task

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
#: settings at which Adam and SGD are the textbook's
_PLAIN = {
    "weight_decay": 0,
    "amsgrad": False,
    "maximize": False,
    "momentum": 0,
    "dampening": 0,
    "nesterov": False,
    "differentiable": False,
}
#: beyond this many parameters matrix products dominate, and PyTorch's are better
MOST_PARAMETERS = 20_000
#: inputs that are scored at a time: small enough for the cache
_BLOCK = 256


class Stage(NamedTuple):
    """A linear layer with what follows it."""

    linear: nn.Linear
    activation: nn.Module
    noise: NoiseChannel


def stages_of(network: nn.Module) -> list[Stage] | None:
    """The layers of a plain chain (linear, activation, noise)…; None for any other network."""
    chain = plain_chain(network)
    if chain is None or chain.rest or not chain.stages:
        return None
    return [
        Stage(one.linear, one.activation, NoNoise() if one.channel is None else one.channel)
        for one in chain.stages
    ]


def is_fusible(task: Task) -> bool:
    """Whether ``FusedTrainer`` knows this network, optimizer and regularizer."""
    stages = stages_of(task.network)
    return (
        stages is not None
        and _fits(stages, task)
        and _is_textbook(task.optimizer)
        and (task.regularizer is None or type(task.regularizer) is Parseval)
    )


def _fits(stages: list[Stage], task: Task) -> bool:
    linears = [stage.linear for stage in stages]
    outputs = [task.train.x.shape[-1], *(linear.out_features for linear in linears)]
    inputs = [*(linear.in_features for linear in linears), task.train.y.shape[1]]
    parameters = list(task.network.parameters())
    of_layers = [p for linear in linears for p in (linear.weight, linear.bias) if p is not None]
    return (
        task.train.x.ndim == 2
        and task.train.x.dtype == torch.float32
        and outputs == inputs
        # a layer of its own each, none of whose weights is another's, even in part
        and {id(p) for p in of_layers} == {id(p) for p in parameters}
        and len({p.untyped_storage().data_ptr() for p in of_layers}) == len(of_layers)
        and len(task.network.state_dict()) == len(parameters)
        and sum(p.numel() for p in parameters) <= MOST_PARAMETERS
        and all(p.dtype == torch.float32 and p.device.type == "cpu" for p in parameters)
        and all(p.requires_grad and not p._backward_hooks for p in parameters)
        and [id(p) for p in task.optimizer.param_groups[0]["params"]] == [id(p) for p in parameters]
    )


def _is_textbook(optimizer: Optimizer) -> bool:
    settings = optimizer.param_groups[0]
    return (
        type(optimizer) in _OPTIMIZERS
        and len(optimizer.param_groups) == 1
        and all(settings.get(name, plain) == plain for name, plain in _PLAIN.items())
    )


class FusedTrainer:
    """Trains a copy of the weights of ``task``; the same verbs as ``PlainTrainer``."""

    def __init__(self, task: Task):
        self.task = task
        self.stages = stages_of(task.network)
        self._shapes = {name: p.shape for name, p in task.network.named_parameters()}
        self._sizes = [shape.numel() for shape in self._shapes.values()]
        self._layers = _describe(task.network, self.stages)
        self._loss = _LOSSES[task.loss]
        settings = task.optimizer.param_groups[0]
        self._rate = float(settings["lr"])
        self._update = kernel.Update(
            _OPTIMIZERS[type(task.optimizer)],
            *map(float, settings.get("betas", (0.0, 0.0))),
            float(settings.get("eps", 0.0)),
            task.regularizer.alpha if task.regularizer is not None else 0.0,
        )
        self._parts = {id(part): _columns(part) for part in (task.train, task.test)}
        self._parameters = np.empty(sum(self._sizes), np.float32)
        self._moments = np.zeros((2, sum(self._sizes)), np.float32)
        self._step = 0
        self._take(task.network.state_dict())

    def run_epoch(self, epoch: int) -> None:
        """One pass through the data, in the order and with the noise of (seed, ``epoch``)."""
        x, y = self._parts[id(self.task.train)]
        self._step = kernel.train_epoch(
            self._layers,
            self._update,
            self._loss,
            self._rate * self.task.schedule(epoch),
            self._step,
            self._parameters,
            *self._moments,
            x,
            y,
            epoch_order(self.task.seed, epoch, x.shape[1]),
            self.noise(epoch),
            self.task.batch_size,
        )

    def noise(self, epoch: int) -> np.ndarray:
        """What the channels add or multiply by in ``epoch``, [units, N] in the order of the pass.

        Rows of units without noise are undefined.
        """
        n = len(self.task.train.x)
        generator = torch.Generator().manual_seed(stream_seed(self.task.seed, "noise", epoch))
        z = np.empty((int(self._layers.widths[1:].sum()), n), np.float32)
        row = 0
        for stage in self.stages:
            rows = z[row : row + stage.linear.out_features]
            row += len(rows)
            if isinstance(stage.noise, GaussianNoise):
                torch.from_numpy(rows).normal_(generator=generator)
                rows *= np.float32(stage.noise.beta)
            elif isinstance(stage.noise, DropoutNoise):
                kept = 1.0 - stage.noise.p
                torch.from_numpy(rows).bernoulli_(kept, generator=generator)
                rows /= np.float32(kept)
        return z

    def score(self, data: Part) -> Score:
        """Mean loss and errors on ``data``, the task's ``train`` or ``test``; no noise."""
        loss, errors = kernel.score(
            self._layers, self._loss, self._parameters, *self._parts[id(data)], _BLOCK
        )
        return Score(loss, errors if self.task.classes else None)

    def weights(self) -> dict[str, Tensor]:
        """A copy of the weights."""
        return self._unpack(self._parameters)

    def optimizer_state(self) -> dict[str, Tensor]:
        """A copy of the optimizer's state, named as in PyTorch: parameter number, entry."""
        if self._update.optimizer != kernel.ADAM:
            return {}
        first, second = (list(self._unpack(moment).values()) for moment in self._moments)
        step = torch.tensor(float(self._step))
        state = {}
        for number, (m, v) in enumerate(zip(first, second, strict=True)):
            state[f"{number}.step"] = step
            state[f"{number}.exp_avg"] = m
            state[f"{number}.exp_avg_sq"] = v
        return state

    def load(self, weights: Mapping[str, Tensor], optimizer_state: Mapping[str, Tensor]) -> None:
        """Go on from ``weights()`` and ``optimizer_state()`` of an earlier epoch."""
        self._take(weights)
        if self._update.optimizer == kernel.ADAM:
            numbers = range(len(self._sizes))
            for row, entry in zip(self._moments, ("exp_avg", "exp_avg_sq"), strict=True):
                row[:] = _flat(optimizer_state[f"{number}.{entry}"] for number in numbers)
            self._step = int(optimizer_state["0.step"])

    def _take(self, weights: Mapping[str, Tensor]) -> None:
        self._parameters[:] = _flat(weights[name] for name in self._shapes)

    def _unpack(self, flat: np.ndarray) -> dict[str, Tensor]:
        pieces = torch.from_numpy(flat.copy()).split(self._sizes)
        return {
            name: piece.view(shape)
            for (name, shape), piece in zip(self._shapes.items(), pieces, strict=True)
        }


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
    )


def _columns(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [inputs, N] and targets [k, N]."""
    x, y = (np.ascontiguousarray(rows.numpy().T, np.float32) for rows in part)
    return x, y


def _flat(tensors: Iterable[Tensor]) -> np.ndarray:
    return np.concatenate([tensor.numpy().ravel() for tensor in tensors])
