"""H(Bin(T_ℓ)) in nats, of whole layers and of single units (section 5.1)."""

from collections.abc import Sequence
from typing import Annotated

import pandas as pd

from ib_runner.errors import UsageError
from ib_runner.information.binning import binned_entropy, unit_entropies
from ib_runner.measurements.measurement import EveryEpoch, rows
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.rules import BIN_WIDTHS, LAYERS, RANGE_OF, optional


class BinnedEntropy(EveryEpoch):
    """The binned entropy, with ``bin_widths`` in the unit of S.

    ``bin_widths`` None stands for 10β with each layer's own β (section 5.1), at most half the range
    of a bounded activation. The lowest bin of a bounded layer begins at the lower end of its range,
    which is found from the network unless ``activation`` names it. ``layers`` None means all hidden
    layers; ``whole`` and ``units`` choose rows of whole layers and of every unit. Several entries
    may share the table, as long as no two make the same rows.

    Raises ``ValueError`` where both ``whole`` and ``units`` are false.
    """

    table = "binned_entropy"

    def __init__(
        self,
        bin_widths: Annotated[Sequence[float] | None, BIN_WIDTHS],
        activation: Annotated[str | None, RANGE_OF] = None,
        layers: Annotated[Sequence[int] | None, optional(LAYERS, "all hidden layers")] = None,
        whole: bool = True,
        units: bool = True,
    ):
        if not (whole or units):
            raise ValueError("whole and units are both false: nothing is left to measure")
        self.bin_widths = bin_widths
        self.activation = activation
        self.layers = layers
        self.whole = whole
        self.units = units

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
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
                for width in self._widths(snapshot, layer)
                for unit, entropy in self._entropies(snapshot, layer, width)
            ]
        )

    def _widths(self, snapshot: Snapshot, layer: int) -> Sequence[float]:
        if self.bin_widths:
            return self.bin_widths
        width = snapshot.layers.bin_width(layer)
        if width == 0:
            raise UsageError(
                "measure.bin_widths=null: that is 10 beta, and the network has no Gaussian noise.\n"
                "Give the widths, as measure.bin_widths=[0.1]."
            )
        return [width]

    def _entropies(
        self, snapshot: Snapshot, layer: int, width: float
    ) -> list[tuple[int | None, float]]:
        """(unit, H(Bin) in nats): the whole layer with unit None, and each unit, as asked for."""
        values = snapshot.representations[layer]
        bounds = snapshot.bounds(layer, self.activation)
        lowest = None if bounds is None else bounds[0]
        found: list[tuple[int | None, float]] = []
        if self.whole:
            found.append((None, binned_entropy(values, width, lowest=lowest)))
        if self.units:
            found += enumerate(unit_entropies(values, width, lowest=lowest).tolist())
        return found


def chosen_layers(layers: Sequence[int] | None, snapshot: Snapshot) -> Sequence[int]:
    """``layers``, or all hidden layers. Raises ``UsageError`` for a layer the network lacks."""
    there = range(1, len(snapshot.representations))
    for layer in layers or ():
        if layer not in there:
            raise UsageError(
                f"measurement.binned_entropy: layers={list(layers)}: the network has layers 1 to "
                f"{there[-1]}"
            )
    return layers or there
