"""Training together gives the results of training alone, to the byte or to float32 rounding."""

from copy import deepcopy
from functools import partial

import numpy as np
import pytest
import torch
from small_training import contents, small_data, small_network, training
from torch import nn

from ib_runner.datasets import Dataset, Split
from ib_runner.datasets.augment import augment
from ib_runner.errors import TrainingFailedError
from ib_runner.networks import FCN, DropoutNoise, GaussianNoise, NoNoise
from ib_runner.networks.cnn import CNN
from ib_runner.runs.checkpoints import Checkpoints
from ib_runner.tables.files import read_table
from ib_runner.training.parseval import Parseval
from ib_runner.training.passes import Passes
from ib_runner.training.plain import PlainTrainer
from ib_runner.training.schedule import geometric
from ib_runner.training.together.loop import AllAtOnce, train_together
from ib_runner.training.together.stacked_trainer import StackedTrainer, can_train_stacked

ADAM = partial(torch.optim.Adam, lr=0.01)
NOISES = [
    NoNoise,
    partial(GaussianNoise, 0.1),
    partial(DropoutNoise, 0.3),
    partial(DropoutNoise, 0.3, True),
    partial(GaussianNoise, 0.5),
]


def chain(noise, seed=1):
    """Widths 4-6-3-2 behind a batch norm, which the kernels for chains do not know."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.Tanh(), noise(),
        nn.Linear(6, 3, bias=False),
        nn.LeakyReLU(0.1), noise(), nn.Linear(3, 2),
    )  # fmt: skip


def jobs(folder, epochs=5):
    """Five jobs that differ in seed, noise, learning rate, schedule and α, ready to begin."""
    settings = [
        {"seed": 3},
        {"seed": 4, "optimizer": partial(torch.optim.Adam, lr=0.03, betas=(0.8, 0.99))},
        {"seed": 3, "regularizer": Parseval(0.05)},
        {"seed": 5, "schedule": geometric(0.1, 4)},
        {"seed": 4},
    ]
    return [
        training(folder / str(number), chain(noise, number), epochs, **one)
        for number, (noise, one) in enumerate(zip(NOISES, settings, strict=True))
    ]


def assert_as_alone(folder, alone, tolerance=2e-5):
    """The same files; weights, states and losses agree."""
    assert contents(folder).keys() == contents(alone).keys()
    for name in contents(alone):
        if name.endswith("parquet"):
            ours, theirs = read_table(folder / name), read_table(alone / name)
            assert ours.drop(columns="loss").equals(theirs.drop(columns="loss"))
            np.testing.assert_allclose(ours["loss"], theirs["loss"], atol=tolerance)
    ours, theirs = Checkpoints(folder), Checkpoints(alone)
    assert ours.epochs == theirs.epochs
    for one, other in [
        (ours.weights(ours.epochs[-1]), theirs.weights(ours.epochs[-1])),
        (ours.resume()[1], theirs.resume()[1]),
    ]:
        assert one.keys() == other.keys()
        for key, tensor in other.items():
            assert one[key].dtype == tensor.dtype
            torch.testing.assert_close(one[key], tensor, rtol=1e-3, atol=tolerance)


def test_alike_networks_are_stacked_and_end_as_alone(tmp_path):
    together = jobs(tmp_path / "together")
    assert can_train_stacked([one.problem for one in together])
    assert train_together(together) == {}
    assert type(together[0].record.trainer.trainer) is StackedTrainer
    for one in jobs(tmp_path / "alone"):
        one.run()
    for number in range(5):
        assert_as_alone(tmp_path / "together" / str(number), tmp_path / "alone" / str(number))


@pytest.mark.parametrize("optimizer", [ADAM, partial(torch.optim.SGD, lr=0.1)])
def test_regression_with_data_of_their_own(tmp_path, optimizer):
    """Jobs with different training sets of one size, a squared loss."""

    def begin(folder):
        found = []
        for number in range(3):
            # no bias before a batch norm: its gradient is rounding alone, which Adam makes large
            out = nn.Linear(6, 1, bias=False)
            network = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), out, nn.BatchNorm1d(1))
            data = small_data(None)
            order = torch.randperm(70, generator=torch.Generator().manual_seed(number))[:64]
            data = Dataset(data.train[order], data.test, data.all, None)
            with torch.no_grad():
                network[0].weight.fill_(0.1 * (number + 1)), network[0].bias.zero_()
                out.weight.fill_(0.2)
            found.append(
                training(
                    folder / str(number), network, 3, data, loss="mse", optimizer=optimizer, seed=1
                )
            )
        return found

    together = begin(tmp_path / "together")
    train_together(together)
    assert type(together[0].record.trainer.trainer) is StackedTrainer
    for one in begin(tmp_path / "alone"):
        one.run()
    for number in range(3):
        assert_as_alone(tmp_path / "together" / str(number), tmp_path / "alone" / str(number))


def test_chains_that_have_kernels_take_turns_and_end_with_the_same_bytes(tmp_path):
    def begin(folder):
        return [
            training(folder / str(seed), small_network(), 9, seed=seed, optimizer=ADAM)
            for seed in range(3)
        ]

    train_together(begin(tmp_path / "together"))
    for one in begin(tmp_path / "alone"):
        one.run()
    assert contents(tmp_path / "together") == contents(tmp_path / "alone")


def test_unlike_networks_take_turns(tmp_path):
    def begin(folder):
        return [
            training(folder / "0", chain(NoNoise), 3),
            training(folder / "1", small_network(), 5),
            training(folder / "2", chain(NoNoise), 4, batch_size=7),
        ]

    train_together(begin(tmp_path / "together"))
    for one in begin(tmp_path / "alone"):
        one.run()
    assert contents(tmp_path / "together") == contents(tmp_path / "alone")


def test_interrupted_and_resumed_it_ends_with_the_same_bytes(tmp_path):
    """Jobs that were committed at different epochs wait for each other."""
    train_together(jobs(tmp_path / "peace", 8))
    cut = tmp_path / "cut"
    jobs(cut, 8)
    for epochs in (2, 5):
        broken = jobs(cut, 8)
        for number, one in enumerate(broken):
            one.record.history.note = _stopping(one.record.history.note, epochs + number % 2)
        with pytest.raises(KeyboardInterrupt):
            train_together(broken)
        done = {number: Checkpoints(cut / str(number)).epochs[-1] for number in range(5)}
        assert set(done.values()) <= {epochs - 1, epochs, epochs + 1}
    train_together(jobs(cut, 8))
    assert contents(cut) == contents(tmp_path / "peace")


def _stopping(note, at):
    def stopping(epoch, scores):
        if epoch == at:
            raise KeyboardInterrupt
        note(epoch, scores)

    return stopping


def test_one_that_fails_does_not_stop_the_others(tmp_path):
    def begin(folder):
        rates = [0.01, 1e30, 0.02]
        return [
            training(
                folder / str(number), chain(NoNoise), 4, optimizer=partial(torch.optim.SGD, lr=rate)
            )
            for number, rate in enumerate(rates)
        ]

    failed = train_together(begin(tmp_path / "together"))
    assert list(failed) == [1]
    assert isinstance(failed[1], TrainingFailedError)
    alone = begin(tmp_path / "alone")
    for number in (0, 2):
        alone[number].run()
        assert_as_alone(tmp_path / "together" / str(number), tmp_path / "alone" / str(number))
    with pytest.raises(TrainingFailedError):
        alone[1].run()
    kept = [Checkpoints(tmp_path / way / "1").epochs for way in ("together", "alone")]
    assert kept[0] == kept[1]


def images(n=24):
    """Random images of 10 classes, 16 for training, distorted when they are selected."""
    generator = torch.Generator().manual_seed(0)
    data = Split(
        torch.rand(n, 1, 28, 28, generator=generator),
        torch.randint(10, (n,), generator=generator),
    )
    cut = n * 2 // 3
    return Dataset(data[torch.arange(cut)], data[torch.arange(cut, n)], data, 10, augment=augment)


def cnn(noise, seed):
    torch.manual_seed(seed)
    return CNN(1, 10, noise)


def cnn_jobs(folder, data, epochs=1):
    return [
        training(
            folder / str(number),
            cnn(noise, number % 2),
            epochs,
            data,
            optimizer=partial(torch.optim.SGD, lr=0.05),
            batch_size=8,
            seed=number % 2,
        )
        for number, noise in enumerate(NOISES)
    ]


@pytest.mark.slow
def test_an_epoch_of_cnns(tmp_path):
    """Against PyTorch's passes through each alone, with the same noise and distortions."""
    data = images()
    together = cnn_jobs(tmp_path / "together", data)
    trainer = AllAtOnce(together).trainer
    alone = cnn_jobs(tmp_path / "alone", data)
    for one in alone:
        one.trainer.passes = Passes(one.trainer.network, "cross_entropy")
        one.trainer.run_epoch(1)
    trainer.run_epoch(1)
    for number, one in enumerate(alone):
        for split, score in trainer.scores()[number].items():
            theirs = one.trainer.score(getattr(one.problem, split))
            assert score.loss == pytest.approx(theirs.loss, rel=1e-4)
            assert score.errors == theirs.errors
        for name, tensor in one.trainer.weights().items():
            ours = trainer.weights(number)[name]
            # an epoch of float32 sums in another order, which differs between processors
            torch.testing.assert_close(ours, tensor, rtol=1e-3, atol=1e-4)
            assert ours.dtype == tensor.dtype


def test_the_gradients_of_cnns_are_those_of_float64(tmp_path):
    together = cnn_jobs(tmp_path, images())
    trainer = AllAtOnce(together).trainer
    trainer.noise = lambda number, shape: (None, None)
    x, y = (rows[:8] for rows in together[0].problem.train)
    ours = trainer.gradients(*(torch.stack([rows] * 5, 1) for rows in (x, y)))
    for number, one in enumerate(together):
        exact = deepcopy(one.problem.network).double().train()
        for module in exact:
            if isinstance(module, DropoutNoise | GaussianNoise):
                module.eval()
        loss = nn.functional.cross_entropy(exact(x.double()), y.argmax(1))
        expected = torch.autograd.grad(loss, list(exact.parameters()))
        largest = max(g.abs().max().item() for g in expected)
        for ours_of, gradient in zip(ours, expected, strict=True):
            torch.testing.assert_close(
                ours_of[number].double(), gradient, rtol=0, atol=2e-5 * largest
            )


def test_cnns_with_kernels_take_turns(tmp_path):
    data = images()
    together = cnn_jobs(tmp_path / "together", data)
    train_together(together)
    assert all(type(one.record.trainer) is PlainTrainer for one in together)
    for one in cnn_jobs(tmp_path / "alone", data):
        one.run()
    assert contents(tmp_path / "together") == contents(tmp_path / "alone")


def test_what_is_not_known_is_not_stacked(tmp_path):
    def tied():
        network = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 2))
        network[2].weight = network[0].weight
        return network

    pairs = [
        (tied(), {}),
        (nn.Sequential(nn.Linear(4, 3), nn.ELU(), nn.Linear(3, 2)), {}),
        (chain(NoNoise), {"optimizer": partial(torch.optim.Adam, lr=0.1, weight_decay=0.1)}),
        (chain(NoNoise), {"optimizer": partial(torch.optim.RMSprop, lr=0.1)}),
        (chain(NoNoise), {"regularizer": lambda weights: None}),
    ]
    for number, (network, settings) in enumerate(pairs):
        one = training(tmp_path / str(number), network, 1, **settings)
        assert not can_train_stacked([one.problem, one.problem])
    problems = [training(tmp_path / "a", chain(NoNoise), 1).problem]
    problems.append(training(tmp_path / "b", FCN(4, 2, [6, 3], "tanh", NoNoise), 1).problem)
    assert not can_train_stacked(problems)
