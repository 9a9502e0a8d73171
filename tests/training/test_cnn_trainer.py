"""The GPU's kernels for the CNN, interpreted on a CPU: the same numbers as PyTorch's in float64."""

import os

os.environ["TRITON_INTERPRET"] = "1"  # read when kernels are imported

from functools import partial

import pytest
import torch
import triton
import triton.language as tl
from torch import nn
from torch.nn import functional

from ib_runner.datasets.augment import augment, warp
from ib_runner.networks import DropoutNoise, GaussianNoise, NoiseChannel, NoNoise
from ib_runner.networks.cnn import CNN
from ib_runner.training.problem import Part, Problem
from ib_runner.training.together import cnn_kernels, cnn_trainer
from ib_runner.training.together.cnn_trainer import CNNTrainer, knows

#: images of a step
N = 3
X = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(0))
Y = functional.one_hot(torch.tensor([3, 1, 9, 0, 3, 7, 2]), 10).float()


def problem(noise=NoNoise, seed=1, distort=None, batch=N, count=7):
    torch.manual_seed(seed)
    network = CNN(1, 10, noise)
    with torch.no_grad():  # batch norms that do something
        for at in (1, 6, 12):
            network[at].weight.uniform_(0.5, 1.5), network[at].bias.uniform_(-0.5, 0.5)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    parts = Part(X[:count], Y[:count]), Part(X[:5], Y[:5])
    return Problem(
        network, *parts, True, "cross_entropy", batch, optimizer, None, lambda _: 1.0, seed, distort
    )


def reference(problem, x, y, noises=None):
    """Gradients, by name, and running statistics of one step in float64, with this noise."""
    network = CNN(1, 10, NoNoise)
    network.load_state_dict(problem.network.state_dict())
    network.double().train()
    channels = [one for one in network if isinstance(one, NoiseChannel)]
    for channel, draw in zip(channels, noises or [], strict=bool(noises)):
        channel.forward = lambda s, draw=draw: s * draw[0] + draw[1]
    loss = functional.cross_entropy(network(x.double()), y.argmax(1))
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    names = [name for name, _ in network.named_parameters()]
    return dict(zip(names, gradients, strict=True)), network.state_dict()


def assert_step(trainer, job, expected, state):
    gradients = dict(zip(trainer.stacked.parameters, trainer.gradients_of(N), strict=True))
    for name, theirs in expected.items():
        ours = gradients[name][job].double()
        if name in ("0.bias", "5.bias", "11.bias"):  # batch norm takes them away
            assert float(theirs.norm()) < 1e-12
            assert not ours.any()
        else:
            assert float((ours - theirs).norm()) < 2e-5 * float(theirs.norm()), name
    for name, theirs in state.items():
        if "running" in name:
            torch.testing.assert_close(trainer.stacked.tensors[name][job].double(), theirs.double())


@pytest.mark.slow
def test_gradients_are_those_of_float64():
    """Without noise, of two jobs that see different images."""
    problems = [problem(seed=1), problem(seed=2)]
    for job in range(2):
        trainer = CNNTrainer(problems)
        trainer.begin_epoch(4)
        assert not torch.equal(trainer.index[:N, 0], trainer.index[:N, 1])
        rows = trainer.index[:N, job]
        expected = reference(
            problems[job], problems[job].train.x[rows], problems[job].train.y[rows]
        )
        assert_step(trainer, job, *expected)


@triton.jit
def _numbers(key, start, out, uniform: tl.constexpr, SIZE: tl.constexpr):
    """Four numbers of each place in a stream, [SIZE, 4]."""
    offset = start + tl.arange(0, SIZE)
    if uniform:
        a, b, c, d = tl.rand4x(tl.load(key), offset)
    else:
        a, b, c, d = tl.randn4x(tl.load(key), offset)
    at = out + 4 * tl.arange(0, SIZE)
    tl.store(at, a), tl.store(at + 1, b), tl.store(at + 2, c), tl.store(at + 3, d)


def numbers(key, layer, count, uniform):
    size = 1 << (count - 1).bit_length()
    out = torch.empty(size, 4)
    _numbers[(1,)](torch.tensor([key]), layer * cnn_kernels.LAYER.value, out, uniform, size)
    return out[:count]


def noises(key, kind, level):
    """Factor and addend of each channel, as the kernels draw them for images [N, …]."""
    found = []
    for layer, (side, channels) in enumerate([(14, 16), (7, 32)]):
        if kind == "maps":
            u = numbers(key, layer, N * channels, True)[:, 0].reshape(N, channels, 1, 1)
            drawn = u.expand(N, channels, 2 * side, 2 * side)
        else:
            drawn = numbers(key, layer, N * side * side * channels, kind == "dropout")
            # [image, row, column, channel, row of corner, column of corner]
            drawn = drawn.reshape(N, side, side, channels, 2, 2).permute(0, 3, 1, 4, 2, 5)
            drawn = drawn.reshape(N, channels, 2 * side, 2 * side)
        found.append(drawn)
    found.append(numbers(key, 2, N * 128, kind != "gaussian")[:, 0].reshape(N, 128))
    if kind == "gaussian":
        return [(torch.ones(()), level * z.double()) for z in found]
    return [((u >= level).double() / (1 - level), torch.zeros(())) for u in found]


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "noise", "level"),
    [
        ("gaussian", partial(GaussianNoise, 0.5), 0.5),
        ("dropout", partial(DropoutNoise, 0.3), 0.3),
        ("maps", partial(DropoutNoise, 0.3, True), 0.3),
    ],
)
def test_noise_acts_where_the_channels_are(kind, noise, level):
    one = problem(noise)
    trainer = CNNTrainer([one])
    trainer.begin_epoch(1)
    rows = trainer.index[:N, 0]
    drawn = noises(int(trainer.streams_of_jobs[0]), kind, level)
    expected = reference(one, X[rows], Y[rows], drawn)
    assert_step(trainer, 0, *expected)
    spread = drawn[0][1].std() if kind == "gaussian" else (drawn[0][0] == 0).double().mean()
    assert float(spread) == pytest.approx(level, rel=0.2 if kind == "maps" else 0.05)


def test_images_are_distorted_as_on_the_cpu():
    trainer = CNNTrainer([problem(distort=augment, seed=1), problem(distort=augment, seed=2)])
    trainer.begin_epoch(3)
    trainer.counter += 1  # the second step
    arrays = trainer._arrays(N, train=True)
    trainer._load(arrays)
    for key in range(2):
        rows = slice(N, 2 * N)
        images = X[trainer.index[rows, key]]
        warped = warp(images, trainer.sources[rows, key].contiguous())
        torch.testing.assert_close(
            arrays.framed[key, :, 2:30, 2:30], warped[:, 0], rtol=0, atol=1e-5
        )
        assert not arrays.framed[key, :, :2].any()
        assert not arrays.framed[key, :, :, 30:].any()


@pytest.mark.slow
def test_scores_are_those_of_float64(monkeypatch):
    monkeypatch.setattr(cnn_trainer, "_SCORED", 4)  # blocks of 4, 3 and of 4, 1
    problems = [problem(partial(GaussianNoise, 0.5), seed) for seed in (1, 2)]
    trainer = CNNTrainer(problems)
    for name, tensor in trainer.stacked.tensors.items():
        if "running_mean" in name:
            tensor.uniform_(-0.1, 0.1)
    for job, scores in enumerate(trainer.scores()):
        network = CNN(1, 10, NoNoise)
        network.load_state_dict(trainer.weights(job))
        network.double().eval()
        for part in ("train", "test"):
            x, y = getattr(problems[job], part)
            outputs = network(x.double())
            assert scores[part].loss == pytest.approx(
                functional.cross_entropy(outputs, y.argmax(1)).item(), abs=1e-5
            )
            assert scores[part].errors == int((outputs.argmax(1) != y.argmax(1)).sum())


@pytest.mark.long
def test_a_job_goes_on_alone_as_among_others():
    """A second epoch, whose last batch is a part of one, from the state after the first."""
    noise = partial(GaussianNoise, 0.2)

    def trainer(*settings):
        return CNNTrainer([problem(*one, augment, count=5) for one in settings])

    first = trainer((noise, 2))
    first.run_epoch(1)
    alone, together = trainer((noise, 2)), trainer((NoNoise, 1), (noise, 2))
    alone.load(0, first.weights(0), first.optimizer_state(0))
    together.load(1, first.weights(0), first.optimizer_state(0))
    alone.run_epoch(2), together.run_epoch(2)
    for name, ours in alone.weights(0).items():
        torch.testing.assert_close(ours, together.weights(1)[name], rtol=1e-4, atol=1e-6)
    assert int(alone.weights(0)["1.num_batches_tracked"]) == 4
    assert not torch.equal(alone.weights(0)["0.weight"], first.weights(0)["0.weight"])


def test_only_the_network_that_the_kernels_stand_for_is_known():
    assert knows(problem(batch=4))
    other = problem(batch=4)
    other.network[2] = nn.ReLU()
    assert not knows(other)
    assert not knows(problem(batch=1))
    assert not knows(problem(batch=3))  # the last of seven images would be a batch by itself
    assert not knows(problem(distort=lambda x, _: x, batch=4))
