"""Training on distorted inputs: new ones each epoch, a function of (seed, epoch) alone."""

from dataclasses import replace
from functools import partial

import torch
from small_training import contents, problem, small_data, small_network, train_into

from ib_runner.datasets import Dataset, Split
from ib_runner.datasets.augment import augment
from ib_runner.networks import DropoutNoise, NoNoise
from ib_runner.networks.cnn import CNN
from ib_runner.runs.checkpoints import Checkpoints
from ib_runner.training.plain import PlainTrainer


def shifted(x, generator):
    return x + torch.randn(len(x), 1, generator=generator)


def images(n=24):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(n, 1, 28, 28, generator=generator)
    data = Split(x, torch.arange(n) % 3)
    cut = 2 * n // 3
    train, test = data[torch.arange(cut)], data[torch.arange(cut, n)]
    return Dataset(train, test, data, 3, augment)


def cnn():
    torch.manual_seed(1)
    return CNN(1, 3, partial(DropoutNoise, 0.2))


def test_each_batch_of_each_epoch_is_distorted_anew_and_scores_are_not():
    drawn = []

    def noting(x, generator):
        drawn.append(torch.randn(len(x), generator=generator))
        return x

    trainer = PlainTrainer(problem(small_network(noise=NoNoise), small_data(), augment=noting))
    for epoch in (1, 2, 1):
        trainer.run_epoch(epoch)
    trainer.score(trainer.problem.train)
    n = len(trainer.problem.train.x)
    numbers = torch.cat(drawn)
    assert len(numbers) == 3 * n
    assert torch.equal(numbers[:n], numbers[2 * n :])
    assert len(numbers[: 2 * n].unique()) == 2 * n


def test_the_weights_are_those_of_distorted_inputs(tmp_path):
    plain, data = small_data(), replace(small_data(), augment=shifted)
    for name, one in (("plain", plain), ("augmented", data)):
        train_into(tmp_path / name, small_network(noise=NoNoise), 2, data=one)
    a, b = (Checkpoints(tmp_path / name).weights(2)["0.weight"] for name in ("plain", "augmented"))
    assert not torch.allclose(a, b, atol=1e-3)


def test_in_pieces_it_ends_with_the_same_bytes(tmp_path):
    data = images()
    train_into(tmp_path / "whole", cnn(), 3, data=data, batch_size=8)
    for epochs in (1, 3):
        train_into(tmp_path / "pieces", cnn(), epochs, data=data, batch_size=8)
    assert contents(tmp_path / "whole") == contents(tmp_path / "pieces")
