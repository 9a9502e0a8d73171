"""The noise of stacked jobs, each from its own random stream, as a network alone draws it."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from ib_runner.networks import DropoutNoise, NoiseChannel


class Noise:
    """Draws noise for the channels of J jobs, with one of ``generators`` for each job.

    On a CPU, and for Gaussian noise on a GPU, the numbers are those that PyTorch draws for the job
    alone; for dropout on a GPU they differ, as PyTorch's dropout there takes no generator.
    """

    def __init__(self, channels: Sequence[Sequence[NoiseChannel]], generators: list[Generator]):
        self.channels = channels
        self.generators = generators

    def __call__(self, number: int, shape: tuple[int, ...]) -> tuple[Tensor | None, Tensor | None]:
        """A factor and an addend, [n, J, …] or None, for S of channel ``number``.

        ``shape`` is that of one job's S, [n, …].
        """
        channels = self.channels[number]
        dropped = [isinstance(one, DropoutNoise) and one.p > 0 for one in channels]
        noisy = [one.beta > 0 for one in channels]
        device = self.generators[0].device
        factor = addend = None
        if any(dropped):
            factor = torch.ones((shape[0], len(channels), *shape[1:]), device=device)
        if any(noisy):
            addend = torch.zeros((shape[0], len(channels), *shape[1:]), device=device)
        for job, (channel, generator) in enumerate(zip(channels, self.generators, strict=True)):
            if dropped[job]:
                kept = 1 - channel.p
                of_maps = channel.feature_maps and len(shape) == 4
                part = (*shape[:2], 1, 1) if of_maps else shape
                mask = torch.empty(part, device=device).bernoulli_(kept, generator=generator)
                factor[:, job] = mask.div_(kept)
            elif noisy[job]:
                z = torch.randn(shape, generator=generator, device=device)
                addend[:, job] = z.mul_(channel.beta)
        return factor, addend
