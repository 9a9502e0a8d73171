"""H(Bin(T_ℓ)): of whole layers and of every unit (section 5.1)."""

from collections.abc import Sequence

import pandas as pd

from ib_runner.information.binning import binned_entropy, unit_entropies
from ib_runner.measurements.measurement import EveryEpoch, rows
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.networks.activations import BOUNDS


class BinnedEntropy(EveryEpoch):
    """``bin_widths`` None stands for 10β, the paper's choice.

    ``activation``: the lowest bin of a bounded one includes its lower end. ``units=False`` leaves
    out the single units.
    """

    table = "binned_entropy"

    def __init__(
        self,
        bin_widths: Sequence[float] | None,
        activation: str | None = None,
        units: bool = True,
    ):
        self.bin_widths = bin_widths
        self.lowest = BOUNDS[activation][0] if activation in BOUNDS else None
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
                for layer, values in enumerate(snapshot.representations[1:], start=1)
                for width in widths
                for unit, entropy in self._entropies(values, width)
            ]
        )

    def _entropies(self, values, width: float) -> list[tuple[int | None, float]]:
        whole = [(None, binned_entropy(values, width, lowest=self.lowest))]
        if not self.units:
            return whole
        units = unit_entropies(values, width, lowest=self.lowest)
        return whole + [(unit, float(entropy)) for unit, entropy in enumerate(units)]
