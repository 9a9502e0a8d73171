"""Axes of epochs, cell edges of the heat maps, and lines of one epoch."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ib_runner.figures.activation_histogram import epoch_edges
from ib_runner.figures.epoch_axis import epoch_axis, marker


def test_edges_enclose_their_epochs():
    epochs = np.array([0, 1, 2, 3, 10, 100, 1000])
    edges = epoch_edges(epochs)
    assert len(edges) == len(epochs) + 1
    assert (edges[:-1] < epochs).all()
    assert (epochs < edges[1:]).all()
    np.testing.assert_allclose(edges[5:7], [np.sqrt(1000.0), np.sqrt(100_000.0)])


def test_one_epoch_alone_has_a_cell():
    assert epoch_edges(np.array([0])).tolist() == [-0.5, 0.5]


@pytest.mark.parametrize(
    ("last", "named"),
    [
        (0, ["0"]),
        (2, ["0", "1", "2"]),
        (7, ["0", "1", "2", "5"]),
        (128, ["0", "1", "10", "$10^{2}$"]),
    ],
)
def test_short_trainings_have_their_epochs_named(last, named):
    axes = Figure().subplots()
    epoch_axis(axes, last)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == named


def test_one_epoch_alone_is_seen():
    assert marker(pd.DataFrame({"epoch": [3]})) == "."
    assert marker(pd.DataFrame({"epoch": [3, 4]})) is None
