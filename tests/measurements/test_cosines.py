import math

import pytest
import torch

from ib_runner.measurements.cosine_similarity import cosine_histogram, cosine_similarity


def test_known_angles():
    a = torch.tensor([[1.0, 0.0], [1.0, 1.0], [3.0, 4.0], [0.0, 2.0]])
    b = torch.tensor([[0.0, 5.0], [2.0, 2.0], [-3.0, -4.0], [1.0, 1.0]])
    expected = [0.0, 1.0, -1.0, math.sqrt(0.5)]
    assert cosine_similarity(a, b).tolist() == pytest.approx(expected, abs=1e-15)


def test_images_are_flattened_and_zero_rows_have_no_direction():
    a = torch.ones(3, 2, 4, 4)
    b = torch.ones(3, 2, 4, 4)
    b[1] = 0.0
    b[2, 0] = -1.0
    cosines = cosine_similarity(a, b)
    assert cosines[1].isnan()
    assert cosines[[0, 2]].tolist() == pytest.approx([1.0, 0.0], abs=1e-15)
    counts, edges = cosine_histogram(a, b, 4)
    assert counts.tolist() == [0, 0, 1, 1]
    assert edges.tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]


def test_unrelated_gaussian_vectors_are_nearly_orthogonal():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 4000, 100, generator=generator)
    cosines = cosine_similarity(a, b)
    assert abs(cosines.mean().item()) < 4 / math.sqrt(100 * 4000)
    assert cosines.std().item() == pytest.approx(0.1, rel=0.05)


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match="shapes"):
        cosine_similarity(torch.zeros(3, 2), torch.zeros(4, 2))
