"""Compiling the kernels before epochs are measured, a share of them in each worker process.

Compiling takes half a minute, once on a machine. Workers that measured at once would all compile
the same kernels; here each compiles others and keeps them on disk for the rest. ``ib-run all`` does
this while the network trains. Only what the run needs is compiled: a single layer needs no draws
that go on behind it, and few inputs need no tree of all draws.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from omegaconf import OmegaConf
from torch import nn

from ib_runner.config.builder import Builder
from ib_runner.datasets import Split
from ib_runner.measurements.measurement import Measurement
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.networks.hidden import channels
from ib_runner.networks.noise import GaussianNoise
from ib_runner.stages.measure_epoch import Chosen, chosen, methods_of, use_threads

#: the most inputs and layers: from there on, more of them need the same kernels
_INPUTS, _LAYERS = 256, 3
_BETA = 0.1
_PACKAGE = __name__.partition(".")[0]


@dataclass(frozen=True)
class Rehearsal:
    """Makes the measurement ``part`` on a tiny network, so that its kernels are compiled.

    ``settings`` is the configuration as YAML.
    """

    settings: str
    allow_targets: tuple[str, ...]
    part: Chosen

    def __call__(self, threads: int) -> None:
        """Compile with ``threads`` threads; errors are ignored, as the first epoch repeats them."""
        use_threads(threads)
        with suppress(Exception):
            measurement = _measurements(self.settings, self.allow_targets)[self.part.name]
            if _ours(measurement):
                inputs, layers = _size(self.settings, self.allow_targets)
                methods_of(measurement, self.part)(_tiny(inputs, layers))


def rehearsals(settings: str, allow_targets: tuple[str, ...]) -> list[Rehearsal]:
    """A rehearsal for each measurement and method of the configuration ``settings`` (YAML).

    Raises ``UsageError`` where the measurements cannot be built.
    """
    made = chosen(_measurements(settings, allow_targets), (1, 0))
    wanted = [one for epoch in (1, 0) for one in made[epoch]]  # all methods are made at epoch 1
    parts = dict.fromkeys(part for one in wanted for part in _single(one))
    return [Rehearsal(settings, allow_targets, part) for part in parts]


@lru_cache(maxsize=1)
def _measurements(settings: str, allow_targets: tuple[str, ...]) -> Mapping[str, Measurement]:
    return Builder(OmegaConf.create(settings), allow_targets).measurements()


@lru_cache(maxsize=1)
def _size(settings: str, allow_targets: tuple[str, ...]) -> tuple[int, int]:
    """The numbers of inputs and of layers to rehearse with: the run's, up to the most.

    The most where data or network are a user's own, which may take long, or have effects.
    """
    config = OmegaConf.create(settings)
    for entry in (config.dataset, config.network, config.noise):
        if entry["_target_"].partition(".")[0] != _PACKAGE:
            return _INPUTS, _LAYERS
    builder = Builder(config, allow_targets)
    dataset = builder.dataset()
    inputs = getattr(dataset, config.measure.inputs)
    found = channels(builder.network(dataset).eval(), inputs.x[:2])
    return min(len(inputs), _INPUTS), min(len(found), _LAYERS)


def _single(one: Chosen) -> Iterator[Chosen]:
    """``one`` split into parts with one method each."""
    if one.methods is None:
        yield one
    else:
        yield from (replace(one, methods=(method,)) for method in one.methods)


def _ours(measurement: Measurement) -> bool:
    """Whether ``measurement`` is of this package: a user's own may take long, or have effects."""
    return type(measurement).__module__.partition(".")[0] == _PACKAGE


def _tiny(n_inputs: int, n_layers: int) -> Snapshot:
    generator = torch.Generator().manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(n_layers):
        linear = nn.Linear(2, 2)
        with torch.no_grad():
            linear.weight.copy_(torch.randn(2, 2, generator=generator))
            linear.bias.zero_()
        layers += [linear, nn.Tanh(), GaussianNoise(_BETA)]
    network = nn.Sequential(*layers, nn.Linear(2, 2)).eval()
    inputs = torch.randn(n_inputs, 2, generator=generator)
    return Snapshot(1, network, Split(inputs, (inputs[:, 0] > 0).long()), seed=0)
