import torch
from torch import nn

from ib_runner.training.parseval import Parseval, regularized_weights


def test_the_step_is_the_formula():
    torch.manual_seed(0)
    w = torch.randn(4, 6, dtype=torch.float64)
    expected = w - 0.03 * (w @ w.T - torch.eye(4, dtype=torch.float64)) @ w
    Parseval(0.03)([w])
    torch.testing.assert_close(w, expected, rtol=0, atol=1e-14)


def test_rows_become_orthonormal_and_stay_so():
    torch.manual_seed(0)
    w = nn.Linear(6, 4).weight
    step = Parseval(0.1)
    for _ in range(500):
        step([w])
    torch.testing.assert_close(w @ w.T, torch.eye(4), rtol=0, atol=1e-5)


class Backwards(nn.Module):
    """Layers declared in another order than they are used in, one of them twice."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(3, 2)
        self.second = nn.Linear(3, 3)
        self.conv = nn.Conv1d(1, 1, 1)
        self.first = nn.Linear(4, 3)

    def forward(self, x):
        x = self.conv(x[:, None])[:, 0]
        return self.out(self.second(self.second(self.first(x))))


def test_all_linear_layers_but_the_last_in_forward_order():
    network = Backwards().train()
    found = regularized_weights(network, torch.zeros(1, 4))
    assert [id(w) for w in found] == [id(network.first.weight), id(network.second.weight)]
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())
