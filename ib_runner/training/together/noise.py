"""The noise of every job, from its own stream: as the channels of a network alone draw it."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from ib_runner.networks import DropoutNoise, NoiseChannel


class Noise:
    """Draws for the channels of J jobs; ``generators`` are the jobs' own.

    On a CPU, and for Gaussian noise on a GPU, the numbers are those that PyTorch draws for the job
    alone. On a GPU dropout's are others: PyTorch's own kernel there takes no generator.
    """

    def __init__(self, channels: Sequence[Sequence[NoiseChannel]], generators: list[Generator]):
        self.channels = channels
        self.generators = generators

    def __call__(self, number: int, shape: tuple[int, ...]) -> tuple[Tensor | None, Tensor | None]:
        """A factor and an addend for S of channel ``number``, [n, …] a job: [n, J, …] or None."""
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
