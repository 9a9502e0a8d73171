"""``describe``: the layers at which a network would be measured."""

from typing import Any

import pandas as pd
from torch import nn

from ib_runner.errors import UnmeasurableError
from ib_runner.networks.preconditions import channel_names, measurable


def describe(network: nn.Module, x: Any) -> pd.DataFrame:
    """A row for each layer of ``network`` for inputs ``x`` [N, …].

    Columns: ``layer`` (from 1), ``module`` (the name of the channel, or of the module behind which
    ``with_noise`` put it), ``units`` and ``noise``. Raises ``UnmeasurableError`` where the network
    cannot be measured correctly, and where the forward pass skips a channel of ``with_noise``.
    """
    found = measurable(network, x)
    names = channel_names(found.network)
    for channel, (name, put) in names.items():
        if put and not any(channel is passed for passed in found.channels):
            raise UnmeasurableError(
                f"after={name}: the forward pass never calls this module; choose one that it calls"
            )
    return pd.DataFrame(
        {
            "layer": range(1, len(found.channels) + 1),
            "module": [names[channel][0] for channel in found.channels],
            "units": [shape.numel() for shape in found.shapes],
            "noise": [repr(channel) for channel in found.channels],
        }
    )
