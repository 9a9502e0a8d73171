"""Slopes of the binned entropy of single units over training (section 5.2).

Linear regressions of H(Bin(T_ℓ(k))) on the epoch, one for each unit k and bin width.
"""

import pandas as pd

from ib_runner.selections.context import Tables


class EntropySlope:
    """The slope for each unit and bin width, from the table ``binned_entropy`` of all epochs.

    Epoch 0, the untrained network, is left out, as in the paper.
    """

    table = "entropy_slope"
    tables_needed = ("binned_entropy",)

    def summarise(self, tables: Tables) -> pd.DataFrame:
        """Columns ``layer``, ``unit``, ``bin_width``, ``slope`` (nats/epoch), ``intercept`` (nats).

        Units with fewer than two epochs get no row.
        """
        binned = tables("binned_entropy")
        keys = ["layer", "unit", "bin_width"]
        units = binned[binned["unit"].notna() & (binned["epoch"] > 0)]
        units = units[[*keys, "epoch", "entropy"]].astype({"epoch": "float64"})
        means = units.groupby(keys)[["epoch", "entropy"]].transform("mean")
        x, y = units["epoch"] - means["epoch"], units["entropy"] - means["entropy"]
        sums = units[keys].assign(xx=x * x, xy=x * y, x=means["epoch"], y=means["entropy"])
        fits = sums.groupby(keys, as_index=False).agg(
            xx=("xx", "sum"), xy=("xy", "sum"), x=("x", "first"), y=("y", "first")
        )
        fits = fits[fits["xx"] > 0].reset_index(drop=True)
        slope = fits["xy"] / fits["xx"]
        return fits[keys].assign(slope=slope, intercept=fits["y"] - slope * fits["x"])
