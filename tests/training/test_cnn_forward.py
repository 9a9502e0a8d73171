"""The compiled pass through the CNN against PyTorch's own."""

import os
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ib_runner.datasets.mnist import mnist
from ib_runner.networks import FCN, DropoutNoise, GaussianNoise, NoNoise
from ib_runner.networks.cnn import CNN
from ib_runner.training.cnn_forward import forward_of
from ib_runner.training.cnn_kernels import pooled_tanh

#: float32 rounding over some 25,000 terms, relative to the largest value
TOLERANCE = 2e-5


def network(noise=NoNoise) -> CNN:
    torch.manual_seed(0)
    net = CNN(1, 10, noise)
    for module in net:
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            # as after some training: factors of either sign, running statistics of their own
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            # nearly the batch's own, so that its unbiased variance shows
            module.momentum = 0.9
    return net


def batch(n: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(n, 1, 28, 28, generator=generator)
    return x, torch.randint(10, (n,), generator=generator)


def assert_near(ours: torch.Tensor, expected: torch.Tensor) -> None:
    scale = expected.abs().max().item() + 1e-3
    torch.testing.assert_close(ours, expected.to(ours.dtype), atol=TOLERANCE * scale, rtol=0)


def step(net: nn.Module, forward) -> torch.Tensor:
    x, y = batch()
    logits = forward(x.to(next(net.parameters()).dtype))
    nn.functional.cross_entropy(logits, y).backward()
    return logits


def test_a_step_equals_pytorch_in_float64():
    ours = network()
    exact = deepcopy(ours).double()
    assert_near(step(ours, forward_of(ours)), step(exact, exact))
    largest = max(p.grad.abs().max().item() for p in exact.parameters())
    for p, q in zip(ours.parameters(), exact.parameters(), strict=True):
        # the biases before batch norm have gradient 0: what is left is rounding
        if q.grad.abs().max() > 1e-9 * largest:
            assert_near(p.grad, q.grad)
        else:
            assert p.grad.abs().max() < TOLERANCE * largest
    for a, b in zip(ours.buffers(), exact.buffers(), strict=True):
        assert_near(a, b)


def test_eval_mode_equals_pytorch():
    net = network(partial(GaussianNoise, 0.5)).eval()
    x, _ = batch()
    with torch.no_grad():
        assert_near(forward_of(net)(x), net(x))


@pytest.mark.parametrize("noise", [partial(GaussianNoise, 0.5), partial(DropoutNoise, 0.2)])
def test_noise_is_a_function_of_the_global_generator(noise):
    net = network(noise).train()
    forward, (x, _) = forward_of(net), batch()
    torch.manual_seed(3)
    first, second = forward(x), forward(x)
    torch.manual_seed(3)
    assert torch.equal(first, forward(x))
    assert not torch.equal(first, second)


def test_other_networks_are_left_alone():
    fcn = FCN(12, 2, [3], "tanh", NoNoise)
    double = network().double()
    assert forward_of(fcn) is fcn
    assert forward_of(double) is double


def kernel(y: np.ndarray, beta: float = 0.0, p: float = 0.0, key: int = 1):
    n, h, w, c = y.shape
    pooled = np.empty((n, h // 2, w // 2, c), np.float32)
    slope, which = np.empty_like(y), np.empty(pooled.shape, np.int32)
    one, zero = np.ones(c, np.float32), np.zeros(c, np.float32)
    pooled_tanh(y, one, zero, beta, p, np.uint64(key), pooled, slope, which)
    return pooled, slope, which


def test_gaussian_noise_of_the_kernel():
    """With y = 0 the pooled values are β times the largest of four independent normal numbers."""
    pooled, slope, which = kernel(np.zeros((64, 28, 28, 16), np.float32), beta=0.5)
    values = pooled.ravel() / 0.5
    n = values.size
    # the largest of four: mean 1.02938, standard deviation 0.70122
    assert abs(values.mean() - 1.02938) < 4 * 0.70122 / n**0.5
    assert abs(values.std() - 0.70122) < 0.006
    shares = np.bincount(which.ravel(), minlength=4) / n
    assert np.abs(shares - 0.25).max() < 4 * (0.25 * 0.75 / n) ** 0.5
    assert (slope == 1).all()
    # neither images, rows, columns nor channels share their numbers
    for axis in range(4):
        a, b = np.split(pooled, 2, axis=axis)
        correlation = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        assert abs(correlation) < 4 / (n / 2) ** 0.5


def test_dropout_of_the_kernel():
    """A large y: t is 1/(1 − p) where kept, and pooled 0 only where all four are dropped."""
    p = 0.2
    y = np.full((64, 28, 28, 16), 0.5, np.float32)
    pooled, slope, _ = kernel(y, p=p)
    kept = slope > 0
    np.testing.assert_allclose(slope[kept], (1 - np.tanh(0.5) ** 2) / (1 - p), rtol=1e-5)
    n = slope.size
    assert abs(kept.mean() - (1 - p)) < 4 * (p * (1 - p) / n) ** 0.5
    dropped = pooled == 0
    np.testing.assert_allclose(pooled[~dropped], np.tanh(0.5) / (1 - p), rtol=1e-5)
    share = p**4
    assert abs(dropped.mean() - share) < 4 * (share * (1 - share) / (n / 4)) ** 0.5


def test_of_equal_values_the_first_is_the_largest():
    """As in PyTorch: where the gradient goes when all four are saturated."""
    y = torch.full((2, 4, 4, 8), 20.0)
    _, _, which = kernel(y.numpy())
    assert (which == 0).all()


@pytest.mark.mnist
@pytest.mark.slow
def test_a_short_training_on_real_mnist():
    """250 steps on augmented images: below a fifth of the validation images are mistaken."""
    if not (Path(os.environ.get("IB_DATA", "data")) / "mnist").is_dir():
        pytest.skip("IB_DATA has no mnist folder")
    data = mnist(seed=0)
    torch.manual_seed(0)
    net = CNN(1, 10, partial(GaussianNoise, 0.1))
    forward, generator = forward_of(net), torch.Generator().manual_seed(0)
    optimizer = torch.optim.SGD(net.parameters(), lr=5e-3)
    for batch in torch.randperm(60_000, generator=generator)[: 250 * 32].split(32):
        optimizer.zero_grad()
        x = data.augment(data.train.x[batch], generator)
        nn.functional.cross_entropy(forward(x), data.train.y[batch]).backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        wrong = forward(data.test.x[:2000]).argmax(1) != data.test.y[:2000]
    assert wrong.float().mean() < 0.2
