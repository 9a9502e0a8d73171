"""Training any network by PyTorch, one minibatch step after another."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ib_runner.errors import IbRunError
from ib_runner.seeds import stream_seed
from ib_runner.training.cnn_passes import passes_of
from ib_runner.training.order import epoch_order
from ib_runner.training.parseval import regularized_weights
from ib_runner.training.passes import Passes
from ib_runner.training.problem import Part, Problem
from ib_runner.training.targets import Score, count_errors, mean_loss

#: inputs that are scored at a time: vectors; and images, whose feature maps shall fit the cache
_BLOCK, _IMAGES = 1024, 128


def block_size(x: Tensor) -> int:
    """The number of the inputs ``x`` to score at a time."""
    return _BLOCK if x.ndim == 2 else _IMAGES


class PlainTrainer:
    """Trains the network of ``problem``, in place."""

    #: how noise and order are drawn, see ``record.STREAMS``
    streams = 1

    def __init__(self, problem: Problem):
        self.problem = problem
        self.network = problem.network
        self.optimizer = problem.optimizer
        self.passes = passes_of(problem.network, problem.loss)
        self._rates = [group["lr"] for group in problem.optimizer.param_groups]
        self._regularized = []
        if problem.regularizer is not None:
            self._regularized = regularized_weights(problem.network, problem.train.x[:2])

    @property
    def is_compiled(self) -> bool:
        """Whether compiled kernels make the passes."""
        return type(self.passes) is not Passes

    def run_epoch(self, epoch: int) -> None:
        """One pass through the data; all random numbers are functions of seed and ``epoch``."""
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * self.problem.schedule(epoch)
        order = torch.from_numpy(self.order(epoch)).to(self.problem.train.x.device)
        self.network.train()
        torch.manual_seed(stream_seed(self.problem.seed, "noise", epoch))
        generator = torch.Generator()
        generator.manual_seed(stream_seed(self.problem.seed, "augmentation", epoch))
        for batch in order.split(self.problem.batch_size):
            self.step(batch, generator)

    def order(self, epoch: int) -> np.ndarray:
        """The order, int64 [N], in which ``epoch`` goes through the training set."""
        return epoch_order(self.problem.seed, epoch, len(self.problem.train.x))

    def step(self, batch: Tensor, generator: torch.Generator) -> None:
        """One step on the training inputs of these numbers, in the network's present mode."""
        x, y = (rows[batch] for rows in self.problem.train)
        if self.problem.augment is not None:
            x = self.problem.augment(x, generator)
        self.passes.gradients(x, y)
        self.optimizer.step()
        if self.problem.regularizer is not None:
            self.problem.regularizer(self._regularized)

    @torch.no_grad()
    def score(self, data: Part) -> Score:
        """Mean loss and errors on ``data``; noise off, batch norm and the like in eval mode."""
        self.network.eval()
        total, errors = 0.0, 0
        block = block_size(data.x)
        for x, y in zip(data.x.split(block), data.y.split(block), strict=True):
            outputs = self.passes.outputs(x).double()
            total += mean_loss(self.problem.loss, outputs, y.double()).item() * len(x)
            if self.problem.classes:
                errors += count_errors(outputs, y)
        return Score(total / len(data.x), errors if self.problem.classes else None)

    def weights(self) -> dict[str, Tensor]:
        """A copy of weights and buffers, on the CPU."""
        return {name: _copy(tensor) for name, tensor in self.network.state_dict().items()}

    def optimizer_state(self) -> dict[str, Tensor]:
        """A copy, on the CPU, of the optimizer's state by number of the parameter and entry."""
        state = {}
        for number, entries in self.optimizer.state_dict()["state"].items():
            for entry, value in entries.items():
                if isinstance(value, Tensor):
                    state[f"{number}.{entry}"] = _copy(value)
                elif value is not None:
                    raise IbRunError(
                        f"optimizer: {type(self.optimizer).__name__} keeps '{entry}', which is no "
                        "tensor and cannot be checkpointed.\nChoose another optimizer."
                    )
        return state

    def _parameters(self) -> list[Tensor]:
        return [one for group in self.optimizer.param_groups for one in group["params"]]

    def load(self, weights: Mapping[str, Tensor], optimizer_state: Mapping[str, Tensor]) -> None:
        """Take over ``weights()`` and ``optimizer_state()`` of an earlier epoch."""
        self.network.load_state_dict(weights)
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in optimizer_state.items():
            number, entry = name.split(".", 1)
            state.setdefault(int(number), {})[entry] = value.clone()
        for number, parameter in enumerate(self._parameters()):
            for entry, value in state.get(number, {}).items():
                if value.shape == parameter.shape:  # the parameter's strides decide orders of sums
                    like = torch.empty_like(parameter, dtype=value.dtype, device="cpu")
                    state[number][entry] = like.copy_(value)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _copy(tensor: Tensor) -> Tensor:
    """A copy on the CPU, contiguous as tensors in files are."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
