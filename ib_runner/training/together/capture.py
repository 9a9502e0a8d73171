"""A step recorded as a CUDA graph: launching its hundreds of kernels then costs one call."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ib_runner.runs.log import logger

if TYPE_CHECKING:
    from ib_runner.training.together.stacked_trainer import StackedTrainer

#: steps on a side stream before the recording, as PyTorch asks for
_WARM_UP = 3
#: most by which a replayed step's weights may differ from an executed one's, relative to the
#: largest change of a weight
_TOLERANCE = 1e-3


class Captured:
    """Replays steps of ``trainer`` on batches of one size; executes them where that fails.

    Before it is trusted, one step is done both ways from the same state: where the results differ,
    or the recording fails, steps are executed, which takes longer.
    """

    def __init__(self, trainer: "StackedTrainer", batch: Tensor, source: Tensor | None):
        self.trainer = trainer
        self._batch = batch.clone()
        self._source = None if source is None else source.clone()
        self._graph: torch.cuda.CUDAGraph | None = None
        before = self._state()
        try:
            graph = self._record()
        except (RuntimeError, AttributeError) as error:
            graph, reason = None, str(error).partition("\n")[0]
        else:
            self._restore(before)
            trainer.step(self._batch, self._source)
            executed = self._state()
            self._restore(before)
            graph.replay()
            reason = "" if _alike(before, executed, self._state()) else "it gives other numbers"
        self._restore(before)
        if reason:
            logger.warning("steps are not recorded as a CUDA graph (%s): they take longer", reason)
        else:
            self._graph = graph

    def step(self, batch: Tensor, source: Tensor | None) -> None:
        """``StackedTrainer.step``."""
        if self._graph is None:
            self.trainer.step(batch, source)
            return
        self._batch.copy_(batch)
        if self._source is not None:
            self._source.copy_(source)
        self._graph.replay()

    def _record(self) -> "torch.cuda.CUDAGraph":
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP):
                self.trainer.step(self._batch, self._source)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        for generator in self.trainer.generators:
            graph.register_generator_state(generator)
        with torch.cuda.graph(graph):
            self.trainer.step(self._batch, self._source)
        return graph

    def _state(self) -> tuple[list[Tensor], list[Tensor]]:
        tensors = [tensor.detach().clone() for tensor in self.trainer.state_tensors()]
        return tensors, [generator.get_state() for generator in self.trainer.generators]

    def _restore(self, state: tuple[list[Tensor], list[Tensor]]) -> None:
        tensors, generators = state
        with torch.no_grad():
            for tensor, value in zip(self.trainer.state_tensors(), tensors, strict=True):
                tensor.copy_(value)
        for generator, value in zip(self.trainer.generators, generators, strict=True):
            generator.set_state(value)


def _alike(before, executed, replayed) -> bool:
    """Whether both ways the state moved alike, and the generators by the same."""
    for start, one, other in zip(before[0], executed[0], replayed[0], strict=True):
        change = (one.double() - start.double()).abs().max()
        if not (one.double() - other.double()).abs().max() <= _TOLERANCE * change + 1e-6:
            return False
    return all(torch.equal(a, b) for a, b in zip(executed[1], replayed[1], strict=True))
