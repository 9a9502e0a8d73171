"""The density of T of layers of one unit, on a grid (Fig. 4(a), (b) and Fig. 9(b), (c))."""

from typing import Annotated

import numpy as np
import pandas as pd
from torch import Tensor, nn

from ib_runner.information.exact.one_unit_layers import is_line, line
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.measurements.measurement import EveryEpoch
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.rules import SPACING

#: rows with p(t) below this, in units of 1/β, are left out, which changes integrals by < 1e-6
LOWEST = 1e-9
#: points farther than this many β from every centre have a density below ``LOWEST``
REACH = 7.0


class Density(EveryEpoch):
    """p(t) on a grid of multiples of ``spacing``·β, exact up to quadrature over the layers below.

    The grid is the same at every epoch. Layers of several units, and layers whose density cannot be
    computed by quadrature, get no rows.
    """

    table = "density"

    def __init__(self, spacing: Annotated[float, SPACING] = 0.5):
        self.spacing = spacing

    def remarks(self, network: nn.Module, x: Tensor) -> list[str]:
        """A sentence about the layers of ``network`` that have no rows, if there are any."""
        sampler = Sampler(network, x, seed=0)
        left_out = [str(one.number) for one in sampler.layers if not is_line(sampler, one)]
        return [f"layer {', '.join(left_out)} left out, it is not of one unit"] if left_out else []

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        sampler = Sampler(snapshot.network, snapshot.inputs.x, seed=0)
        layers = [one for one in sampler.layers if is_line(sampler, one)]
        frames = [self._layer(sampler, one).assign(layer=one.number) for one in layers]
        return pd.concat(frames).assign(epoch=snapshot.epoch) if frames else pd.DataFrame()

    def _layer(self, sampler: Sampler, layer: Layer) -> pd.DataFrame:
        found = line(sampler, layer)
        step = self.spacing * found.beta
        ends = found.centres.min() - REACH * found.beta, found.centres.max() + REACH * found.beta
        t = step * np.arange(np.floor(ends[0] / step), np.ceil(ends[1] / step) + 1)
        density = found.density(t)
        kept = density * found.beta >= LOWEST
        return pd.DataFrame({"t": t[kept], "density": density[kept]})
