"""Memory that trainings with the same data share."""

import torch

from ib_runner.datasets import Dataset, Split
from ib_runner.training.problem import part

CPU = torch.device("cpu")


def test_inputs_are_copied_to_a_device_or_type_once():
    x = torch.rand(4, 3)
    split = Split(x, torch.tensor([0, 1, 1, 0]))
    data = Dataset(split, split, split, 2)
    one, other = (part(split, data, CPU, torch.float64) for _ in range(2))
    assert one.x is other.x
    assert torch.equal(one.x, x.double())
    assert part(split, data, CPU).x is x
    same = Split(x.clone(), split.y)
    assert part(same, data, CPU, torch.float64).x is not one.x
