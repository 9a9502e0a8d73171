"""The classes of equal values, and that those of equal values are found again."""

import math

import pytest
import torch

from ib_runner.information.labels import Labels, labels_of


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_classes_of_equal_rows(kind):
    values = torch.tensor([[1, 0], [0, 1], [1, 0], [1, 1]]).to(kind)
    found = labels_of(values)
    assert found.number == 3
    assert found.classes[0] == found.classes[2]
    assert found.sizes.tolist() == [2, 1, 2, 1]
    assert found.entropy == pytest.approx(1.5 * math.log(2))


def test_equal_values_are_found_again_and_changed_ones_are_not():
    values = torch.arange(6.0).reshape(3, 2)
    first = labels_of(values)
    assert labels_of(values.clone()) is first
    assert labels_of(values.double()) is not first  # another type
    assert labels_of(values.reshape(6)).number == 6  # the same bytes in another shape
    values[1] = values[0]
    assert labels_of(values).number == 2


def test_only_the_last_few_are_kept():
    first = labels_of(torch.zeros(3))
    for k in range(1, 5):
        labels_of(torch.full((3,), float(k)))
    again = labels_of(torch.zeros(3))
    assert again is not first
    assert again.entropy == Labels(torch.zeros(3)).entropy == 0.0
