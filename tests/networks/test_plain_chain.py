"""Which networks are plain chains, for training and for sampling."""

import pytest
import torch
from torch import nn

from ib_runner.information.sampling.propagation import plain_network
from ib_runner.networks import FCN, GaussianNoise, NoNoise
from ib_runner.networks.plain_chain import plain_chain
from ib_runner.training.fused import stages_of

X = torch.zeros(2, 3)


def fcn():
    return FCN(3, 2, [4, 5], "tanh", lambda: GaussianNoise(0.1))


def test_the_layers_of_a_fully_connected_network():
    chain = plain_chain(fcn())
    assert [stage.linear.out_features for stage in chain.stages] == [4, 5, 2]
    assert [type(stage.activation) for stage in chain.stages] == [nn.Tanh, nn.Tanh, nn.Identity]
    assert [stage.channel is None for stage in chain.stages] == [False, False, True]
    assert chain.rest == []
    assert len(chain.hidden) == 2


def test_what_comes_behind_the_last_channel_matters_to_training_alone():
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), GaussianNoise(0.1), nn.Softplus())
    assert plain_network(network, X).widths.tolist() == [3, 4]
    assert stages_of(network) is None


def test_a_layer_without_activation_or_bias():
    network = nn.Sequential(nn.Linear(3, 4, bias=False), GaussianNoise(0.1))
    plain = plain_network(network, X)
    weights, biases = plain.affine(1)
    assert torch.equal(torch.from_numpy(weights), network[0].weight.double())
    assert not biases.any()


def own_forward(network):
    network[0].forward = lambda x: torch.zeros(len(x), 4)


def hook(network):
    network[1].register_forward_hook(lambda module, inputs, output: 2 * output)


def backward_hook(network):
    network[1].register_full_backward_hook(lambda module, inputs, output: None)


def normed(network):
    nn.utils.parametrizations.weight_norm(network[0])


@pytest.mark.parametrize("change", [own_forward, hook, backward_hook, normed])
def test_modules_that_do_more_than_their_type_says(change):
    network = fcn()
    change(network)
    chain = plain_chain(network)
    assert chain is None or chain.hidden is None
    assert plain_network(network, X) is None
    assert stages_of(network) is None


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 5), GaussianNoise(0.1)),
        nn.Sequential(nn.Linear(3, 4), nn.Tanh(), NoNoise(), nn.Sequential(GaussianNoise(0.1))),
        nn.Sequential(nn.Linear(3, 4), GaussianNoise(0.1), GaussianNoise(0.1)),
    ],
)
def test_channels_at_unusual_places(network):
    assert plain_network(network, X) is None


def test_a_flatten_first_makes_rows_of_images():
    network = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.Tanh(), GaussianNoise(0.1))
    assert plain_network(network, torch.zeros(5, 2, 3)).widths.tolist() == [6, 4]
    assert plain_network(network, torch.zeros(5, 6)).widths.tolist() == [6, 4]
    assert stages_of(network) is None
    without = nn.Sequential(*list(network)[1:])
    assert plain_network(without, torch.zeros(5, 2, 6)) is None
    partly = nn.Sequential(nn.Flatten(2), *list(network)[1:])
    assert plain_network(partly, torch.zeros(5, 2, 6)) is None
