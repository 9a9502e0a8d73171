"""Cell edges of the heat maps."""

import numpy as np

from ib_runner.figures.activation_histogram import epoch_edges


def test_edges_enclose_their_epochs():
    epochs = np.array([0, 1, 2, 3, 10, 100, 1000])
    edges = epoch_edges(epochs)
    assert len(edges) == len(epochs) + 1
    assert (edges[:-1] < epochs).all()
    assert (epochs < edges[1:]).all()
    np.testing.assert_allclose(edges[5:7], [np.sqrt(1000.0), np.sqrt(100_000.0)])


def test_one_epoch_alone_has_a_cell():
    assert epoch_edges(np.array([0])).tolist() == [-0.5, 0.5]
