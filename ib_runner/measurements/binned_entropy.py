"""H(Bin(T_ℓ)): of whole layers and of every unit (section 5.1)."""

from collections.abc import Sequence

import pandas as pd
from torch import Tensor

from ib_runner.errors import UsageError
from ib_runner.information.binning import binned_entropy, unit_entropies
from ib_runner.measurements.measurement import EveryEpoch, rows
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.networks.activations import BOUNDS


class BinnedEntropy(EveryEpoch):
    """``bin_widths`` None stands for 10β, the paper's choice.

    ``activation``: the lowest bin of a bounded one includes its lower end. ``layers`` None are all
    hidden ones; ``whole`` and ``units`` say whether of whole layers and of every unit. Several
    entries may share the table, as long as no two make the same rows.

    Raises ``ValueError`` where neither whole layers nor units are asked for.
    """

    table = "binned_entropy"

    def __init__(
        self,
        bin_widths: Sequence[float] | None,
        activation: str | None = None,
        layers: Sequence[int] | None = None,
        whole: bool = True,
        units: bool = True,
    ):
        if not (whole or units):
            raise ValueError("whole and units are both false: nothing is left to measure")
        self.bin_widths = bin_widths
        self.lowest = BOUNDS[activation][0] if activation in BOUNDS else None
        self.layers = layers
        self.whole = whole
        self.units = units

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        widths = self.bin_widths or [10 * snapshot.beta]
        return rows(
            [
                {
                    "epoch": snapshot.epoch,
                    "layer": layer,
                    "unit": unit,
                    "bin_width": width,
                    "noise": snapshot.noisy,
                    "entropy": entropy,
                }
                for layer in chosen_layers(self.layers, snapshot)
                for width in widths
                for unit, entropy in self._entropies(snapshot.representations[layer], width)
            ]
        )

    def _entropies(self, values: Tensor, width: float) -> list[tuple[int | None, float]]:
        found: list[tuple[int | None, float]] = []
        if self.whole:
            found.append((None, binned_entropy(values, width, lowest=self.lowest)))
        if self.units:
            found += enumerate(unit_entropies(values, width, lowest=self.lowest).tolist())
        return found


def chosen_layers(layers: Sequence[int] | None, snapshot: Snapshot) -> Sequence[int]:
    """``layers``, or all hidden ones. Raises ``UsageError`` for one that the network lacks."""
    there = range(1, len(snapshot.representations))
    for layer in layers or ():
        if layer not in there:
            raise UsageError(
                f"measurement.binned_entropy: layers={list(layers)}: the network has layers 1 to "
                f"{there[-1]}"
            )
    return layers or there
