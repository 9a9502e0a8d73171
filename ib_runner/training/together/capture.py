"""A step recorded as a CUDA graph, so that one call launches its hundreds of kernels."""

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from ib_runner.runs.log import logger

#: steps to execute on a side stream before recording, as PyTorch requires
_WARM_UP = 3
#: largest difference between the weights after a replayed and an executed step, relative to the
#: largest change of a weight
_TOLERANCE = 1e-3


class Captured:
    """Replays ``step`` on inputs of one shape, or executes it where recording fails.

    A step reads its ``inputs`` and changes the tensors ``changed`` and the ``generators``. At first
    one step is both executed and replayed from the same state: where the results differ, or
    recording fails, all steps are executed, which takes longer.
    """

    def __init__(
        self,
        step: Callable[..., None],
        changed: Sequence[Tensor],
        inputs: Sequence[Tensor] = (),
        generators: Sequence[Generator] = (),
    ):
        self._step = step
        self._changed = list(changed)
        self._inputs = [one.clone() for one in inputs]
        self._generators = list(generators)
        self._graph: torch.cuda.CUDAGraph | None = None
        before = self._state()
        try:
            graph = self._record()
        except (RuntimeError, AttributeError) as error:
            graph, reason = None, str(error).partition("\n")[0]
        else:
            self._restore(before)
            self._step(*self._inputs)
            executed = self._state()
            self._restore(before)
            graph.replay()
            reason = "" if _alike(before, executed, self._state()) else "it gives other weights"
        self._restore(before)
        if reason:
            logger.warning("steps are not recorded as a CUDA graph (%s): they take longer", reason)
        else:
            self._graph = graph

    def step(self, *inputs: Tensor) -> None:
        """One step on ``inputs``, which have the shapes of the first inputs."""
        if self._graph is None:
            self._step(*inputs)
            return
        for ours, one in zip(self._inputs, inputs, strict=True):
            ours.copy_(one)
        self._graph.replay()

    def _record(self) -> "torch.cuda.CUDAGraph":
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP):
                self._step(*self._inputs)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        for generator in self._generators:
            graph.register_generator_state(generator)
        with torch.cuda.graph(graph):
            self._step(*self._inputs)
        return graph

    def _state(self) -> tuple[list[Tensor], list[Tensor]]:
        tensors = [tensor.detach().clone() for tensor in self._changed]
        return tensors, [generator.get_state() for generator in self._generators]

    def _restore(self, state: tuple[list[Tensor], list[Tensor]]) -> None:
        tensors, generators = state
        with torch.no_grad():
            for tensor, value in zip(self._changed, tensors, strict=True):
                tensor.copy_(value)
        for generator, value in zip(self._generators, generators, strict=True):
            generator.set_state(value)


def _alike(before, executed, replayed) -> bool:
    """Whether the states ``executed`` and ``replayed`` agree, tensors and generators."""
    for start, one, other in zip(before[0], executed[0], replayed[0], strict=True):
        change = (one.double() - start.double()).abs().max()
        if not (one.double() - other.double()).abs().max() <= _TOLERANCE * change + 1e-6:
            return False
    return all(torch.equal(a, b) for a, b in zip(executed[1], replayed[1], strict=True))
