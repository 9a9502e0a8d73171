"""The table ``layers``: units, noise and range of every layer, and H(X), H(Y) of the inputs."""

import math
from typing import Any

import pandas as pd
from torch import Tensor, nn

from ib_runner.datasets import Split
from ib_runner.datasets.arrays import as_inputs
from ib_runner.information.labels import labels_of
from ib_runner.networks import hidden_layers
from ib_runner.networks.fitted_inputs import fitted
from ib_runner.networks.hidden import channels
from ib_runner.networks.ranges import activation_ranges

#: inputs in the passes that find units and ranges of the layers
FEW = 2


def layers_table(network: nn.Module, inputs: Split, name: str) -> pd.DataFrame:
    """A row for the input (layer 0) and for each noise channel of ``network``, in forward order.

    ``name`` is the name of ``inputs``, "all" or "test". Layer 0 has H(X) and H(Y) in nats and the
    number of inputs; the other rows have noise and range. Missing facts are null.
    """
    x = {
        "layer": 0,
        "dim": inputs.x[0].numel(),
        "h_x": labels_of(inputs.x).entropy,
        "h_y": labels_of(inputs.y).entropy,
        "n_inputs": len(inputs),
    }
    frame = pd.DataFrame([x, *channel_rows(network, inputs.x)])
    return frame.assign(inputs=name).astype({"n_inputs": "Int64"})


def channel_rows(network: nn.Module, x: Tensor) -> list[dict[str, Any]]:
    """Units, noise and range of each noise channel, in forward order, found by a pass of ``x``."""
    few = fitted(network, as_inputs(x[:FEW]))
    found = zip(
        channels(network, few),
        hidden_layers(network, few, noise=False),
        activation_ranges(network, few),
        strict=True,
    )
    return [
        {
            "layer": number,
            "dim": hidden.t[0].numel(),
            "noise": channel.kind,
            "beta": float(channel.beta),
            "p": float(channel.p),
            "low": _finite(low),
            "high": _finite(high),
        }
        for number, (channel, hidden, (low, high)) in enumerate(found, start=1)
    ]


def _finite(end: float) -> float | None:
    return end if math.isfinite(end) else None
