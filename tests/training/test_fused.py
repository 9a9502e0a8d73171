from functools import partial

import pytest
import torch
from small_training import problem, replaying, small_data, small_network
from torch import nn

from ib_runner.networks import DropoutNoise, GaussianNoise, NoNoise
from ib_runner.training.fused import FusedTrainer, is_fusible, stages_of
from ib_runner.training.parseval import Parseval
from ib_runner.training.plain import PlainTrainer
from ib_runner.training.schedule import geometric

ADAM = partial(torch.optim.Adam, lr=0.01)
SGD = partial(torch.optim.SGD, lr=0.1)
EPOCHS = 6


def train_both(network, data, **settings):
    """The same epochs by the kernels and by PyTorch, with the kernels' noise."""
    fused = FusedTrainer(problem(network(), data, **settings))
    plain_network = network()
    replays = replaying(plain_network)
    plain = PlainTrainer(problem(plain_network, data, **settings))
    plain.order = fused.order
    widths = [stage.linear.out_features for stage in fused.stages]
    for epoch in range(1, EPOCHS + 1):
        noise = torch.from_numpy(fused.noise(epoch)).split(widths)
        for replay, z in zip(replays, noise, strict=False):
            replay.z, replay.used = z.numpy(), 0
        fused.run_epoch(epoch)
        plain.run_epoch(epoch)
    return fused, plain


def assert_agree(fused, plain):
    """float32 sums in another order: 1e-5 after some 20 steps on weights of order 1."""
    expected = plain.weights()
    assert fused.weights().keys() == expected.keys()
    for name, tensor in fused.weights().items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-5, atol=1e-5)
    states = fused.optimizer_state(), plain.optimizer_state()
    assert states[0].keys() == states[1].keys()
    for name, tensor in states[0].items():
        assert tensor.shape == states[1][name].shape
        torch.testing.assert_close(tensor, states[1][name], rtol=1e-4, atol=1e-6)
    for name in ("train", "test"):
        ours = fused.score(getattr(fused.problem, name))
        theirs = plain.score(getattr(plain.problem, name))
        assert ours.loss == pytest.approx(theirs.loss, abs=1e-5)
        assert ours.errors == theirs.errors


@pytest.mark.parametrize("activation", ["tanh", "relu", "leaky_relu", "identity"])
@pytest.mark.parametrize("optimizer", [ADAM, SGD])
def test_agrees_with_pytorch(activation, optimizer):
    assert_agree(*train_both(partial(small_network, activation), small_data(), optimizer=optimizer))


@pytest.mark.parametrize("noise", [NoNoise, partial(DropoutNoise, 0.3), partial(GaussianNoise, 0)])
def test_agrees_with_pytorch_whatever_the_noise(noise):
    assert_agree(*train_both(partial(small_network, noise=noise), small_data()))


@pytest.mark.parametrize("optimizer", [ADAM, SGD])
def test_agrees_with_pytorch_in_regression(optimizer):
    network = partial(small_network, outputs=1)
    assert_agree(*train_both(network, small_data(None), optimizer=optimizer))


def test_agrees_with_pytorch_on_classes_by_mse():
    assert_agree(*train_both(small_network, small_data(), loss="mse"))


def test_agrees_with_pytorch_on_three_classes():
    assert_agree(*train_both(partial(small_network, outputs=3), small_data(3)))


@pytest.mark.parametrize(
    "settings",
    [
        {"regularizer": Parseval(0.01)},
        {"schedule": geometric(0.1, 4)},
        {"batch_size": 70},
        {"batch_size": 7},
        {"optimizer": partial(torch.optim.Adam, lr=0.01, betas=(0.8, 0.99), eps=1e-4)},
    ],
)
def test_agrees_with_pytorch_in_every_setting(settings):
    assert_agree(*train_both(small_network, small_data(), **settings))


def test_a_neuron_without_an_output_layer():
    def neuron():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 1, bias=False), nn.Tanh(), GaussianNoise(0.05))

    assert_agree(*train_both(neuron, small_data(None), optimizer=SGD))


def test_states_are_exchangeable():
    """What one trainer leaves, the other goes on from; both are the same two epochs on."""
    quiet = partial(small_network, noise=NoNoise)
    first = FusedTrainer(problem(quiet(), small_data()))
    for epoch in (1, 2):
        first.run_epoch(epoch)
    fused = FusedTrainer(problem(quiet(), small_data()))
    plain = PlainTrainer(problem(quiet(), small_data()))
    plain.order = fused.order
    for trainer in (fused, plain):
        trainer.load(first.weights(), first.optimizer_state())
        for epoch in (3, 4):
            trainer.run_epoch(epoch)
    assert_agree(fused, plain)
    back = FusedTrainer(problem(quiet(), small_data()))
    back.load(plain.weights(), plain.optimizer_state())
    assert_agree(back, plain)


def test_the_noise_is_that_of_the_channels():
    network = small_network(noise=partial(GaussianNoise, 0.5))
    network[5] = DropoutNoise(0.25)
    z = FusedTrainer(problem(network, small_data(n=60_000))).noise(1)
    assert z.shape == (5 + 3 + 2, 42_000)
    # five standard errors of 210,000 and 126,000 values
    assert abs(z[:5].mean()) < 5 * 0.5 / 210_000**0.5
    assert z[:5].std() == pytest.approx(0.5, abs=5 * 0.5 / 420_000**0.5)
    assert sorted(set(z[5:8].ravel().tolist())) == pytest.approx([0.0, 4 / 3])
    assert (z[5:8] == 0).mean() == pytest.approx(0.25, abs=5 * (0.1875 / 126_000) ** 0.5)


def test_the_noise_depends_on_seed_and_epoch_alone():
    data = small_data()
    trainers = [FusedTrainer(problem(small_network(), data, seed=seed)) for seed in (3, 3, 4)]
    noises = [trainer.noise(7)[:8] for trainer in trainers]
    assert (noises[0] == noises[1]).all()
    assert (noises[0] != noises[2]).mean() > 0.99
    assert (noises[0] != trainers[0].noise(8)[:8]).mean() > 0.99


def test_the_noise_is_off_in_scores():
    loud = FusedTrainer(problem(small_network(noise=partial(GaussianNoise, 50.0)), small_data()))
    quiet = FusedTrainer(problem(small_network(noise=NoNoise), small_data()))
    assert loud.score(loud.problem.test) == quiet.score(quiet.problem.test)


def test_a_weight_that_is_no_number_shows_in_the_loss():
    trainer = FusedTrainer(problem(small_network(), small_data()))
    weights = trainer.weights()
    weights["0.weight"][0, 0] = float("nan")
    trainer.load(weights, trainer.optimizer_state())
    assert torch.isnan(torch.tensor(trainer.score(trainer.problem.test).loss))


class Skipping(nn.Sequential):
    def forward(self, x):
        return super().forward(x) + x[:, :2]


class OwnAdam(torch.optim.Adam):
    pass


def test_what_the_kernels_do_not_know_is_left_to_pytorch():
    data = small_data()
    assert is_fusible(problem(small_network(), data))
    assert is_fusible(problem(small_network(), data, regularizer=Parseval(0.1)))
    networks = [
        Skipping(*small_network()),
        nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 2)),
        nn.Sequential(nn.Tanh(), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(4, 5), GaussianNoise(0.1), nn.Tanh(), nn.Linear(5, 2)),
        nn.Sequential(nn.Linear(4, 500), nn.Tanh(), nn.Linear(500, 500), nn.Linear(500, 2)),
        small_network().double(),
    ]
    shared = nn.Linear(4, 4)
    networks.append(nn.Sequential(shared, nn.Tanh(), shared, nn.Linear(4, 2)))
    frozen = small_network()
    frozen[0].weight.requires_grad_(False)
    networks.append(frozen)
    assert not any(is_fusible(problem(network, data)) for network in networks)
    optimizers = [
        partial(torch.optim.AdamW, lr=0.1),
        partial(torch.optim.Adam, lr=0.1, weight_decay=0.1),
        partial(torch.optim.Adam, lr=0.1, amsgrad=True),
        partial(torch.optim.SGD, lr=0.1, momentum=0.9),
        partial(OwnAdam, lr=0.1),
    ]
    network = small_network()
    assert not any(is_fusible(problem(network, data, optimizer)) for optimizer in optimizers)
    assert not is_fusible(problem(network, data, regularizer=lambda weights: None))


def test_hooks_are_not_lost():
    network = small_network()
    network[0].register_forward_hook(lambda *_: None)
    assert stages_of(network) is None


def test_weights_that_are_not_the_layers_own_are_left_to_pytorch():
    """Tied or overlapping ones, a buffer, a parameter of no layer, an optimizer of some of them."""

    def chain():
        return nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 2))

    data = small_data()
    assert is_fusible(problem(chain(), data))
    networks = [chain() for _ in range(6)]
    networks[0][2].weight = networks[0][0].weight
    networks[1][2].bias = networks[1][0].bias
    networks[2][2].weight.data = networks[2][0].weight.data.T
    networks[3][2].register_buffer("scale", torch.ones(1))
    networks[4].register_parameter("unused", nn.Parameter(torch.ones(1)))
    networks[5][0].forward = lambda x: x
    assert not any(is_fusible(problem(network, data)) for network in networks)
    half = chain()
    some = partial(lambda parameters: torch.optim.Adam(list(parameters)[:2]))
    assert not is_fusible(problem(half, data, some))
