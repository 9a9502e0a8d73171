"""The compiled pass through the CNN against PyTorch's own."""

from copy import deepcopy
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from ib_runner.networks import FCN, DropoutNoise, GaussianNoise, NoNoise
from ib_runner.networks.cnn import CNN
from ib_runner.training.cnn_kernels import pooled_tanh
from ib_runner.training.cnn_passes import passes_of
from ib_runner.training.passes import Passes

#: float32 rounding over some 25,000 terms, relative to the largest value
TOLERANCE = 2e-5
NOISES = [partial(GaussianNoise, 0.5), partial(DropoutNoise, 0.2), partial(DropoutNoise, 0.2, True)]


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


def step(passes: Passes, n: int = 8) -> None:
    x, y = batch(n)
    kind = next(passes.network.parameters()).dtype
    passes.gradients(x.to(kind), nn.functional.one_hot(y, 10).to(kind))


def assert_same_step(ours: CNN, exact: CNN) -> None:
    """Gradients and batch statistics; ``exact`` is in float64."""
    largest = max(p.grad.abs().max().item() for p in exact.parameters())
    for p, q in zip(ours.parameters(), exact.parameters(), strict=True):
        # the biases before batch norm have gradient 0: what is left is rounding
        if q.grad.abs().max() > 1e-9 * largest:
            assert_near(p.grad, q.grad)
        else:
            assert p.grad.abs().max() < TOLERANCE * largest
    for a, b in zip(ours.buffers(), exact.buffers(), strict=True):
        assert_near(a, b)


def test_a_step_equals_pytorch_in_float64():
    ours = network()
    exact = deepcopy(ours).double()
    step(passes_of(ours, "cross_entropy"))
    step(Passes(exact, "cross_entropy"))
    assert_same_step(ours, exact)


def test_steps_of_any_size_follow_each_other():
    """Arrays and gradients of the step before leave no trace."""
    ours = network()
    exact = deepcopy(ours).double()
    passes = passes_of(ours, "cross_entropy"), Passes(exact, "cross_entropy")
    for n in (3, 3, 8):
        for one in passes:
            step(one, n)
    assert_same_step(ours, exact)


def test_eval_mode_equals_pytorch():
    net = network(partial(GaussianNoise, 0.5)).eval()
    x, _ = batch()
    with torch.no_grad():
        assert_near(passes_of(net, "cross_entropy").outputs(x), net(x))


@pytest.mark.parametrize("noise", NOISES)
def test_noise_is_a_function_of_the_global_generator(noise):
    passes, (x, _) = passes_of(network(noise).train(), "cross_entropy"), batch()
    torch.manual_seed(3)
    first, second = passes.outputs(x), passes.outputs(x)
    torch.manual_seed(3)
    assert torch.equal(first, passes.outputs(x))
    assert not torch.equal(first, second)


def test_other_networks_are_left_to_pytorch():
    for net in (FCN(12, 2, [3], "tanh", NoNoise), network().double()):
        assert type(passes_of(net, "cross_entropy")) is Passes


def kernel(y: np.ndarray, beta: float = 0.0, p: float = 0.0, maps: bool = False, key: int = 1):
    """``pooled``, ``slope``, ``chosen`` and the chosen of four, 0 to 3."""
    n, h, w, c = y.shape
    shape = n, h // 2, w // 2, c
    pooled, slope, chosen = (np.empty(shape, np.float32) for _ in range(3))
    place = np.empty(shape, np.int32)
    one, zero = np.ones(c, np.float32), np.zeros(c, np.float32)
    pooled_tanh(y, one, zero, beta, p, maps, np.uint64(key), pooled, slope, chosen, place)
    assert (place % c == np.arange(c)).all()
    row, column = place // (w * c), place // c % w
    assert (column // 2 == np.arange(w // 2)[:, None]).all()
    return pooled, slope, chosen, 2 * row + column % 2


@pytest.mark.parametrize(("beta", "p"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.4)])
def test_slopes_are_those_at_the_chosen_places(beta, p):
    y = np.random.default_rng(0).standard_normal((16, 8, 8, 16), dtype=np.float32)
    pooled, slope, chosen, which = kernel(y, beta=beta, p=p)
    fours = y.reshape(16, 4, 2, 4, 2, 16).transpose(0, 1, 3, 5, 2, 4).reshape(*pooled.shape, 4)
    np.testing.assert_array_equal(np.take_along_axis(fours, which[..., None], -1)[..., 0], chosen)
    kept = (slope > 0) / (1 - p)
    s = np.tanh(chosen.astype(float))
    np.testing.assert_allclose(slope, (1 - s**2) * kept, atol=1e-6)
    if beta == 0:
        np.testing.assert_allclose(pooled, s * kept, atol=1e-6)
        largest = np.tanh(fours.astype(float)).max(-1)
        assert p > 0 or np.abs(pooled - largest).max() < 1e-6
    else:
        # of four draws the chosen one tends to have a large noise: mean above 0, below 1.03 β
        assert 0.2 < ((pooled - s) / beta).mean() < 1.03


def test_gaussian_noise_of_the_kernel():
    """With y = 0 the pooled values are β times the largest of four independent normal numbers."""
    pooled, slope, _, which = kernel(np.zeros((64, 28, 28, 16), np.float32), beta=0.5)
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
    pooled, slope, _, which = kernel(np.full((64, 28, 28, 16), 0.5, np.float32), p=p)
    n = pooled.size
    dropped = pooled == 0
    assert (slope[dropped] == 0).all()
    np.testing.assert_allclose(slope[~dropped], (1 - np.tanh(0.5) ** 2) / (1 - p), rtol=1e-5)
    np.testing.assert_allclose(pooled[~dropped], np.tanh(0.5) / (1 - p), rtol=1e-5)
    # the k-th is chosen where it is kept and those before it are not
    expected = [1 - p + p**4, p * (1 - p), p**2 * (1 - p), p**3 * (1 - p)]
    for k, share in enumerate(expected):
        assert abs((which == k).mean() - share) < 4 * (share * (1 - share) / n) ** 0.5
    share = p**4
    assert abs(dropped.mean() - share) < 4 * (share * (1 - share) / n) ** 0.5


def test_dropout_of_whole_maps():
    p = 0.2
    pooled, slope, _, _ = kernel(np.full((200, 8, 8, 16), 0.5, np.float32), p=p, maps=True)
    maps = pooled.transpose(0, 3, 1, 2).reshape(-1, 16)
    assert (maps == maps[:, :1]).all()  # a map is kept or dropped whole
    dropped = maps[:, 0] == 0
    np.testing.assert_allclose(maps[~dropped], np.tanh(0.5) / (1 - p), rtol=1e-5)
    assert ((slope > 0) == (pooled > 0)).all()
    assert abs(dropped.mean() - p) < 4 * (p * (1 - p) / dropped.size) ** 0.5
    images = dropped.reshape(200, 16)
    # neither images nor maps share their numbers
    for axis in range(2):
        a, b = np.split(images, 2, axis=axis)
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / a.size**0.5


def test_of_equal_values_the_first_is_the_largest():
    """As in PyTorch: where the gradient goes when all four are saturated."""
    *_, which = kernel(np.full((2, 4, 4, 8), 20.0, np.float32))
    assert (which == 0).all()


def test_an_altered_cnn_is_left_to_pytorch():
    """Another activation, stride or pooling, a hook, a parameter that is held fast."""
    altered = [network() for _ in range(5)]
    altered[0][2] = nn.ReLU()
    altered[1][0].stride = (2, 2)
    altered[2][9] = nn.AvgPool2d(2)
    altered[3][0].register_forward_hook(lambda *_: None)
    altered[4][0].weight.requires_grad_(False)
    assert all(type(passes_of(one, "cross_entropy")) is Passes for one in altered)
    assert type(passes_of(network(), "cross_entropy")) is not Passes
