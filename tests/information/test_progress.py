"""What the functions of Python show while they work, on standard error, where it is wanted."""

import io
import sys

import pytest
import torch

from ib_runner.information import estimate_layers, mutual_information
from ib_runner.networks import FCN, GaussianNoise

WIDE = {"target_width": 0.5}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def shown(monkeypatch):
    """What a call writes to a terminal, and what it returns."""

    def of(call, *arguments, **keywords):
        out = Terminal()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", out)
            found = call(*arguments, **keywords)
        return out.getvalue(), found

    return of


@pytest.fixture
def network():
    torch.manual_seed(0)
    return FCN(4, 2, (3, 2), "tanh", lambda: GaussianNoise(0.3)).eval(), torch.randn(16, 4)


def test_layers_are_counted_and_named(network, shown):
    text, found = shown(estimate_layers, *network, progress=True, **WIDE)
    assert "what all layers share" in text
    assert "layer 1" in text
    assert "2 of 2 layers" in text
    quietly, others = shown(estimate_layers, *network, **WIDE)
    assert quietly == ""
    assert [one.mi for one in found] == [one.mi for one in others]


def test_one_layer(network, shown):
    assert shown(mutual_information, *network, 2, **WIDE)[0] == ""
    text, _ = shown(mutual_information, *network, 2, progress=True, **WIDE)
    assert "1 of 1 layers" in text
