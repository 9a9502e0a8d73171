"""Both ways of sampling: the same distribution, and draws that depend on their names alone."""

import numba
import numpy as np
import pytest
import torch
from numba.core import event
from scipy import stats
from torch import nn

from ib_runner.compiled import inner
from ib_runner.information.sampling.normal_numbers import normals
from ib_runner.information.sampling.propagation import DRAWS, _add_noise, plain_network
from ib_runner.information.sampling.sampler import Sampler
from ib_runner.networks import FCN, DropoutNoise, GaussianNoise, NoNoise, hidden_layers

N_DRAWS = 20_000


class Wrapped(nn.Module):
    """Hides a network from the fused path."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x)


def network(activation="tanh", noise=lambda: GaussianNoise(0.3)):
    torch.manual_seed(0)
    return FCN(3, 2, [5, 4, 3], activation, noise).eval()


def inputs(n=3):
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(1))


def test_normal_numbers_are_normal_and_independent():
    z = np.empty((50, 4, 1000), np.float32)
    normals(len(z), 7, 1, np.arange(len(z)), z)
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    halves = z[..., :500].ravel(), z[..., 500:].ravel()
    for f in (np.asarray, np.square):
        assert abs(np.corrcoef(f(halves[0]), f(halves[1]))[0, 1]) < 4 / np.sqrt(z.size / 2)
    rows = np.corrcoef(z.reshape(200, 1000)) - np.eye(200)
    assert np.abs(rows).max() < 6 / np.sqrt(1000)
    assert np.abs(z).max() > 4


@pytest.mark.parametrize("activation", ["tanh", "relu", "leaky_relu", "identity"])
def test_the_fused_path_draws_what_forward_passes_draw(activation):
    plain, x = network(activation), inputs()
    fused = Sampler(plain, x, seed=1)
    passes = Sampler(Wrapped(plain), x, seed=1)
    assert fused.plain is not None
    assert passes.plain is None
    keep = [1, 2, 3]
    a = fused.draw(0, 3, N_DRAWS, 1, keep)
    b = passes.draw(0, 3, N_DRAWS, 1, keep)
    assert np.allclose(a[1], b[1], atol=1e-6)
    for k in (2, 3):
        for s, t in zip(a[k].reshape(-1, N_DRAWS), b[k].reshape(-1, N_DRAWS), strict=True):
            assert stats.ks_2samp(s, t).pvalue > 1e-4
        for s, t in zip(a[k], b[k], strict=True):
            centre = t.mean(1, keepdims=True)
            products = [(u - centre)[:, None] * (u - centre) for u in (s, t)]
            difference = products[0].mean(2) - products[1].mean(2)
            stderr = np.sqrt((products[0].var(2) + products[1].var(2)) / N_DRAWS)
            assert np.all(np.abs(difference) < 5 * stderr + 1e-9)


def test_draws_do_not_depend_on_blocks_or_threads():
    x = inputs(40)
    threads = numba.get_num_threads()
    for module in (network(), Wrapped(network())):
        sampler = Sampler(module, x, seed=3)
        whole = sampler.draw(0, 40, 300, 1, [3])[3]
        numba.set_num_threads(1)
        parts = [sampler.draw(a, b, 300, 1, [2, 3])[3] for a, b in [(0, 7), (7, 33), (33, 40)]]
        numba.set_num_threads(threads)
        assert np.array_equal(whole, np.concatenate(parts))
        assert not np.allclose(whole, sampler.draw(0, 40, 300, 2, [3])[3])
        assert not np.allclose(whole, Sampler(module, x, seed=4).draw(0, 40, 300, 1, [3])[3])


@pytest.mark.parametrize("plain", [True, False])
def test_clouds_of_some_inputs_are_those_of_all(plain):
    module = network() if plain else Wrapped(network())
    sampler = Sampler(module, inputs(40), seed=3)
    lengths, numbers = {1: 0.5, 2: 0.3, 3: 0.3}, np.array([3, 4, 5, 20, 21, 39])
    whole, centres = sampler.clouds(np.arange(40), dict.fromkeys(lengths, 600), 1, lengths, None)
    n = {1: 1, 2: 600, 3: 300}
    some, about = sampler.clouds(numbers, n, 1, lengths, None)
    for k in lengths:
        assert some[k].shape[2] == n[k]
        assert np.array_equal(some[k], whole[k][numbers][:, :, : n[k]])
        assert np.array_equal(about[k], centres[k][numbers])


def test_inputs_with_common_noise_have_clouds_of_the_same_shape():
    """Of two equal inputs the draws are the same, and their law is that of draws apart."""
    sampler = Sampler(network(), inputs().repeat(2, 1), seed=3)
    lengths, numbers = {2: 1.0, 3: 1.0}, np.arange(6)
    n = dict.fromkeys(lengths, N_DRAWS)
    zeros = {k: np.zeros((6, sampler.layers[k - 1].dim), np.float32) for k in lengths}
    common, _ = sampler.clouds(numbers, n, 1, lengths, zeros, common=True)
    apart, _ = sampler.clouds(numbers, n, 1, lengths, zeros)
    two = {k: centre[:2] for k, centre in zeros.items()}
    first, _ = sampler.clouds(numbers[:2], n, 1, lengths, two, common=True)
    for k in lengths:
        assert np.array_equal(common[k][:3], common[k][3:])
        assert np.array_equal(common[k][:2], first[k])
        assert not np.allclose(apart[k][:3], apart[k][3:])
        room = 5 * np.sqrt((common[k].var(2) + apart[k].var(2)) / N_DRAWS)
        assert np.all(np.abs(common[k].mean(2) - apart[k].mean(2)) < room)
        assert np.allclose(common[k].std(2), apart[k].std(2), rtol=0.1)
    assert abs(np.corrcoef(common[2][0])[0, 1] - np.corrcoef(apart[2][0])[0, 1]) < 0.1


def test_the_last_channel_of_a_block_of_units_is_flattened():
    torch.manual_seed(0)
    convolution = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.Tanh(), GaussianNoise(0.1), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(8, 3), GaussianNoise(0.2), nn.Dropout(0.9),
    ).eval()  # fmt: skip
    images = torch.randn(5, 1, 4, 4)
    sampler = Sampler(convolution, images, seed=0)
    assert [(layer.dim, layer.exact) for layer in sampler.layers] == [(32, True), (3, False)]
    s = sampler.draw(0, 5, 7, 1, [1, 2])
    clean = hidden_layers(convolution, images, noise=False)[0].s.reshape(5, 32)
    assert s[1].shape == (5, 32, 7)
    assert np.allclose(s[1][:, :, 3], clean.numpy(), atol=1e-6)
    assert s[2].std(axis=2).min() > 1e-3


def test_which_layers_are_exact():
    x = inputs()
    noises = iter([NoNoise(), GaussianNoise(0.0), GaussianNoise(0.1)])
    layers = Sampler(network(noise=lambda: next(noises)), x, 0).layers
    assert [layer.exact for layer in layers] == [True, True, True]
    noises = iter([DropoutNoise(0.5), GaussianNoise(0.1), NoNoise()])
    layers = Sampler(network(noise=lambda: next(noises)), x, 0).layers
    assert [layer.exact for layer in layers] == [True, False, False]
    assert [layer.beta for layer in layers] == [0.0, 0.1, 0.0]


def test_only_plain_networks_take_the_fused_path():
    x = inputs()
    assert plain_network(network(), x) is not None
    assert plain_network(Wrapped(network()), x) is None
    assert plain_network(network().double(), x.double()) is None
    assert plain_network(network(noise=lambda: DropoutNoise(0.1)), x) is None
    hooked = network()
    hooked[1].register_forward_hook(lambda module, inputs, output: output * 2)
    assert plain_network(hooked, x) is None
    gelu = network()
    gelu[1] = nn.GELU()
    assert plain_network(gelu, x) is None


def test_a_unit_without_noise_is_copied_and_no_code_for_text_is_compiled():
    modules = set()

    class Seen(event.Listener):
        def on_start(self, event):
            modules.add(event.data["dispatcher"].py_func.__module__)

        def on_end(self, event):
            pass

    add_noise = inner(fastmath=True, error_model="numpy")(_add_noise.py_func)  # not yet compiled

    @numba.njit
    def unit(s, beta, state, z, t):
        add_noise(s, beta, state, z, t)

    s = np.arange(DRAWS, dtype=np.float32)
    z, t = np.ones_like(s), np.zeros_like(s)
    state = np.ones((4, DRAWS // 2), np.uint32)
    with event.install_listener("numba:compile", Seen()):
        unit(s, np.float32(0.0), state, z, t)
    assert (t == s).all()
    assert (z == 1.0).all()
    assert "ib_runner.information.sampling.propagation" in modules
    assert "numba.cpython.unicode" not in modules
