"""One training step on a copy of the network, before a folder is made: refuses bad networks early.

The step uses as few inputs as the smallest batch has, two at most. The weights and the optimizer's
state are then written and read in a checkpoint's format; a second copy of the network that loads
them must give the same outputs. Where compiled kernels will make the steps there is none: they know
all of the network and the optimizer.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from ib_runner.datasets import Dataset, Split
from ib_runner.errors import IbRunError, UsageError
from ib_runner.networks.watched import OperationsWatched
from ib_runner.training.determinism import reproducible
from ib_runner.training.fused import FusedTrainer, is_fusible
from ib_runner.training.plain import PlainTrainer
from ib_runner.training.problem import problem_of
from ib_runner.training.record import same_values

#: errors of a network or an optimizer that are reported as the user's mistake
_REFUSALS = (RuntimeError, TypeError, ValueError, IndexError, AttributeError, KeyError)
_CPU = torch.device("cpu")


def try_training(network: nn.Module, dataset: Dataset, settings: dict[str, Any]) -> None:
    """Raise ``UsageError`` unless ``network`` can be trained on ``dataset`` and checkpointed.

    ``settings`` are the further arguments of ``training.loop.prepare``. The caller's random numbers
    and ``network`` are left as they were.
    """
    _check_parameters(network)
    name = type(network).__name__
    few = _few(dataset, settings["batch_size"])
    with _as_refusal(f"network={name}: it cannot be copied"):
        ours, another = copy.deepcopy(network), copy.deepcopy(network)
    keys = ("loss", "batch_size", "optimizer", "regularizer", "schedule", "seed")
    with _as_refusal("optimizer"):
        problem = problem_of(ours, few, device=_CPU, **{key: settings[key] for key in keys})
    if settings["device"].type == "cpu" and is_fusible(problem):
        with reproducible(ours, _CPU):
            _check_checkpoint(FusedTrainer(problem), ours, another)
        return
    trainer = PlainTrainer(problem)
    types = _Types()
    with reproducible(ours, _CPU), types:
        with _as_refusal(_not_taken(name, few, settings["batch_size"])):
            outputs = ours.train()(problem.train.x.clone())
        if not isinstance(outputs, Tensor):
            raise UsageError(
                f"network={name}: its output is a {type(outputs).__name__}; a tensor [n, …] is "
                "needed"
            )
        with _as_refusal(f"network={name} cannot be trained"):
            trainer.passes.gradients(problem.train.x, problem.train.y)
        with _as_refusal(f"optimizer: {type(problem.optimizer).__name__}"):
            trainer.run_epoch(1)
    if types.found:
        raise UsageError(
            f"network={name}: its passes compute in {types.found}; checkpoints are measured in\n"
            "float64, which would be another network. Leave autocast and half precision out."
        )
    with reproducible(ours, _CPU):
        _check_checkpoint(trainer, ours, another)


def _check_parameters(network: nn.Module) -> None:
    for name, parameter in network.named_parameters():
        if isinstance(parameter, UninitializedParameter):
            raise UsageError(
                f"network={type(network).__name__}: the shape of {name} is not known before the "
                "first pass;\nepoch 0 is checkpointed before it. Give the layer its input's size."
            )
        if parameter.dtype not in (torch.float32, torch.float64):
            raise UsageError(
                f"network={type(network).__name__}: {name} is {parameter.dtype}; float32 (or "
                "float64) is needed,\nin which training is exact enough to be measured."
            )


def _few(dataset: Dataset, batch_size: int | None) -> Dataset:
    """``dataset`` with as many inputs as the smallest batch has, two at most."""
    n = len(dataset.train)
    batch = min(batch_size or n, n)
    count = min(n % batch or batch, 2)
    few = Split(dataset.train.x[:count].clone(), dataset.train.y[:count].clone())
    return replace(dataset, train=few, test=few, all=few)


def _not_taken(name: str, few: Dataset, batch_size: int | None) -> str:
    x = few.train.x
    hint = "" if x.is_floating_point() else " (for real numbers return x.float())"
    return (
        f"network={name}: it does not take inputs of shape {list(x.shape)}, {x.dtype}{hint},\n"
        f"as dataset has them and trainer.batch_size={batch_size} leaves them"
    )


def _check_checkpoint(
    trainer: PlainTrainer | FusedTrainer, ours: nn.Module, another: nn.Module
) -> None:
    name = type(another).__name__
    with _as_refusal(f"network={name}: its state_dict cannot be checkpointed"):
        weights = _through_a_file(trainer.weights())
        another.load_state_dict(weights)
        again = {key: tensor.clone() for key, tensor in another.state_dict().items()}
    for key, tensor in trainer.weights().items():
        if not same_values(again[key], tensor):
            raise UsageError(f"network={name}: {key} changes when it is saved and loaded again")
    with _as_refusal("optimizer"):
        state = _through_a_file(trainer.optimizer_state())
        trainer.load(weights, state)
    x = trainer.problem.train.x
    first, once_more, theirs = (_answer(network, x) for network in (ours, ours, another))
    # where outputs differ between two passes of the same network, they prove nothing
    if same_values(first, once_more) and not same_values(first, theirs):
        raise UsageError(
            f"network={name}: with the weights of a checkpoint its outputs differ from those of "
            "the network they come from.\nIt keeps a value that is in no parameter and no buffer "
            "of its state_dict: make that a (persistent) buffer."
        )


def _through_a_file(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    stacks = {name: torch.stack([tensor]) for name, tensor in tensors.items()}
    return {n: t[0] for n, t in safetensors.torch.load(safetensors.torch.save(stacks)).items()}


@torch.no_grad()
def _answer(network: nn.Module, x: Tensor) -> Tensor:
    torch.manual_seed(0)
    return network.eval()(x.clone())


@contextmanager
def _as_refusal(what: str) -> Iterator[None]:
    """Raise an error of the block as a ``UsageError`` whose message begins with ``what``."""
    try:
        yield
    except UsageError:
        raise
    except (*_REFUSALS, SafetensorError, IbRunError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        gap = "\n" if "\n" not in what else " "
        raise UsageError(f"{what}:{gap}{reason[:200]}") from error


class _Types(OperationsWatched):
    """Notes in ``found`` the first floating type below float32 of an operation's result."""

    def __init__(self):
        super().__init__()
        self.found: torch.dtype | None = None

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        for one in result if isinstance(result, tuple | list) else (result,):
            if isinstance(one, Tensor) and one.is_floating_point() and one.element_size() < 4:
                self.found = self.found or one.dtype
        return result
