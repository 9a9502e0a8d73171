"""With debug messages on, the estimator says of every layer what its densities are."""

import logging

import pytest
import torch

from ib_runner.information import estimate_layers
from ib_runner.networks import FCN, GaussianNoise


@pytest.mark.slow
def test_what_densities_are_made_of(caplog):
    torch.manual_seed(0)
    network = FCN(4, 2, (20, 3, 18), "tanh", lambda: GaussianNoise(0.3)).eval()
    with caplog.at_level(logging.DEBUG, "ib_runner.information"):
        estimate_layers(network, torch.randn(64, 4), target_width=0.2)
    said = {one.split(":")[0]: one for one in caplog.messages if one.startswith("layer ")}
    assert said.keys() == {"layer 1", "layer 2", "layer 3"}
    assert said["layer 1"].endswith("points, p(t|x) exact at all")
    assert "by clouds of " in said["layer 2"]
    assert "by paths at about " in said["layer 3"]
