"""Every weight and bias, number by number, of networks that have but a few (Fig. 9(a))."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from torch import nn

from ib_runner.measurements.measurement import EveryEpoch, rows
from ib_runner.measurements.snapshot import Snapshot

#: the paper's symbols for a module's parameters
SHORT = {"weight": "w", "bias": "b"}


class Parameter(EveryEpoch):
    """Weights and biases by the paper's names: w_1, b_1 of the first module with parameters, w_2, …

    Parameters with several numbers have indices from 1: w_1[2,3] is row 2, column 3.
    """

    table = "parameter"

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        return rows(
            [
                {"epoch": snapshot.epoch, "name": name, "value": value}
                for name, value in named_numbers(snapshot.network)
            ]
        )


def named_numbers(network: nn.Module) -> Iterator[tuple[str, float]]:
    """Name and value of every number among the parameters of ``network``."""
    own = (dict(module.named_parameters(recurse=False)) for module in network.modules())
    for number, parameters in enumerate(filter(None, own), start=1):
        for name, parameter in parameters.items():
            head = f"{SHORT.get(name, name)}_{number}"
            if parameter.numel() == 1:
                yield head, parameter.item()
                continue
            for index in np.ndindex(*parameter.shape):
                place = ",".join(str(k + 1) for k in index)
                yield f"{head}[{place}]", parameter[index].item()
