"""``with_noise``: noise channels behind modules of any network."""

import copy
import io
import math

import pytest
import torch
from torch import nn

from ib_runner.errors import UnmeasurableError
from ib_runner.information import mutual_information
from ib_runner.information.sampling.propagation import plain_network
from ib_runner.networks import GaussianNoise, channels, describe, hidden_layers, with_noise

X = torch.tensor([[-1.0], [1.0]])


class Block(nn.Module):
    """A residual block as ResNet has it: one in-place ReLU, called twice."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 1)
        self.norm, self.relu = nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential()

    def forward(self, x):
        out = self.relu(self.norm(self.first(x)))
        out = self.second(out)
        out += self.shortcut(x)
        return self.relu(out)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 3, 3)
        self.encoder = nn.Sequential(Block(3), Block(3))
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.encoder(self.stem(x)).mean((2, 3)))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.cells, self.head = kind(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.cells(x)[0][:, -1])


IMAGES = torch.randn(20, 1, 6, 6, generator=torch.Generator().manual_seed(0))


def test_a_residual_convolutional_network():
    torch.manual_seed(0)
    network = Residual()
    before = copy.deepcopy(network)
    noisy = with_noise(network, beta=0.2, after=(nn.ReLU, "stem"))
    table = describe(noisy, IMAGES)
    assert table.columns.tolist() == ["layer", "module", "units", "noise"]
    assert table.layer.tolist() == [1, 2, 3, 4, 5]
    names = ["stem", *["encoder.0.relu"] * 2, *["encoder.1.relu"] * 2]
    assert table.module.tolist() == names
    assert table.units.tolist() == [48] * 5
    assert set(table.noise) == {"GaussianNoise(beta=0.2)"}
    # the original is what it was; the copy's modules, names and weights are the original's
    assert repr(network) == repr(before)
    assert not any(module._forward_hooks for module in network.modules())
    assert type(noisy) is Residual
    assert list(noisy.state_dict()) == list(network.state_dict())
    assert torch.equal(noisy.eval()(IMAGES), network.eval()(IMAGES))
    assert not torch.equal(noisy.train()(IMAGES), noisy(IMAGES))
    found = mutual_information(noisy, IMAGES, layer=1)
    assert 0 <= found.lower <= found.upper <= math.log(20)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_recurrent_network(kind):
    noisy = with_noise(Recurrent(kind), 0.3, kind)
    x = torch.randn(10, 5, 3)
    assert describe(noisy, x)[["module", "units"]].values.tolist() == [["cells", 20]]
    (hidden,) = hidden_layers(noisy, x, noise=True)
    assert (hidden.t - hidden.s).std() == pytest.approx(0.3, rel=0.3)


def test_state_dicts_go_both_ways():
    network, noisy = Residual(), with_noise(Residual(), after=("encoder", "re:.*norm"))
    noisy.load_state_dict(network.state_dict())
    assert torch.equal(noisy.eval()(IMAGES), network.eval()(IMAGES))
    other = Residual()
    other.load_state_dict(noisy.state_dict())
    assert torch.equal(other.eval()(IMAGES), network(IMAGES))


def test_copies_and_files_have_channels_of_their_own():
    noisy = with_noise(Residual(), after=("encoder", "stem"))
    file = io.BytesIO()
    torch.save(noisy, file)
    file.seek(0)
    for again in (copy.deepcopy(noisy), torch.load(file, weights_only=False)):
        assert again.state_dict().keys() == noisy.state_dict().keys()
        ours, theirs = channels(noisy, IMAGES), channels(again, IMAGES)
        assert len(ours) == len(theirs) == 2
        assert not any(one is other for one in ours for other in theirs)


class Chain(nn.Module):
    """Runs through its modules, whatever they are."""

    def __init__(self, *modules):
        super().__init__()
        for number, module in enumerate(modules):
            self.add_module(f"part{number}", module)

    def forward(self, x):
        for module in self.children():
            x = module(x)
        return x


@pytest.mark.parametrize(
    ("network", "after", "names"),
    [
        (nn.Sequential(nn.Sequential(nn.Linear(1, 1)), nn.Tanh()), "0", ["0"]),
        (nn.Sequential(nn.Sequential(), nn.Linear(1, 1)), "0", ["0"]),
        (nn.Sequential(nn.Linear(1, 1), nn.Tanh()), nn.Sequential, [""]),
        (Chain(nn.Linear(1, 1), nn.Tanh()), Chain, [""]),
        (Chain(Chain(nn.Linear(1, 1)), nn.Tanh()), Chain, ["part0", ""]),
        (nn.Sequential(nn.Sequential(nn.Linear(1, 1))), ("0", "0.0"), ["0.0", "0"]),
        (Chain(nn.Linear(1, 1), nn.Tanh()), r"re:part\d", ["part0", "part1"]),
    ],
)
def test_containers_run_their_channel_once(network, after, names):
    noisy = with_noise(network, 0.5, after)
    assert describe(noisy, X).module.tolist() == names
    (hidden, *_) = hidden_layers(noisy, torch.zeros(4000, 1), noise=True)
    assert (hidden.t - hidden.s).std().item() == pytest.approx(0.5, rel=0.1)


def same():
    linear = nn.Linear(1, 1)
    with torch.no_grad():
        linear.weight.fill_(1.0)
        linear.bias.zero_()
    return linear


def test_one_module_at_several_places():
    linear = same()
    noisy = with_noise(nn.Sequential(linear, nn.Identity(), linear), 0.5, nn.Linear)
    assert describe(noisy, X).layer.tolist() == [1, 2]
    for layer, truth in ((1, 0.63272), (2, 0.50007)):
        found = mutual_information(noisy, X, layer=layer)
        assert found.lower <= truth <= found.upper
    a, b = same(), nn.Linear(1, 1)
    b.weight, b.bias = a.weight, a.bias
    tied = with_noise(nn.Sequential(a, nn.ReLU(inplace=True), b), 0.5, nn.Linear)
    assert tied[0].weight is tied[2].weight
    assert describe(tied, X).layer.tolist() == [1, 2]


def test_plain_chains_stay_plain():
    """They are sampled by the kernel, with channels inside or behind."""
    plain = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2))
    noisy = with_noise(plain, 0.1, (nn.Tanh, nn.ReLU))
    found = plain_network(noisy, X)
    assert found.widths.tolist() == [1, 3, 2]
    assert found.betas.tolist() == pytest.approx([0.1, 0.1])
    inside = nn.Sequential(
        *plain[:2], GaussianNoise(0.1), *plain[2:4], GaussianNoise(0.1), plain[4]
    )
    ours, theirs = (mutual_information(one, X, layer=2) for one in (noisy, inside))
    assert (ours.lower, ours.upper) == (theirs.lower, theirs.upper)
    assert plain_network(with_noise(plain, 0.1, (nn.Tanh, nn.Sequential)), X) is None


def test_noise_stays_when_the_copy_is_trained():
    noisy = with_noise(Residual(), 0.1, nn.ReLU).train()
    optimizer = torch.optim.SGD(noisy.parameters(), lr=0.1)
    before = copy.deepcopy(noisy.state_dict())
    noisy(IMAGES).square().mean().backward()
    optimizer.step()
    assert not torch.equal(noisy.state_dict()["stem.weight"], before["stem.weight"])
    assert len(describe(noisy, IMAGES)) == 4


def test_a_transformer_keeps_its_channels_in_eval_mode():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    noisy = with_noise(layer, 0.1, ("linear1", nn.MultiheadAttention))
    assert describe(noisy, torch.randn(5, 3, 8)).units.tolist() == [24, 48]


class Uncopied(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.derived = self.weight * 2


@pytest.mark.parametrize(
    ("network", "after", "sentence"),
    [
        (Residual(), (), "after: give types or names"),
        (Residual(), "encoder.0.rleu", "after=encoder.0.rleu: .*did you mean encoder.0.relu"),
        (Residual(), nn.Tanh, "after=Tanh: .*there are BatchNorm2d, Block, Conv2d"),
        (Residual(), "re:(", "after=re:\\(: not a regular expression"),
        (Residual(), "re:relu", "after=re:relu: no module"),
        (Residual(), nn.Module, "a kind of module such as nn.ReLU"),
        (Residual(), int, "a kind of module such as nn.ReLU"),
        (Residual(), (nn.ReLU(),), "a kind of module such as nn.ReLU"),
        (nn.ModuleList([nn.Linear(1, 1)]), nn.ModuleList, "a ModuleList is never called"),
        (with_noise(Residual(), 0.1, "stem"), nn.Conv2d, "after=stem: there is a noise channel"),
        (Uncopied(), Uncopied, "Uncopied cannot be copied"),
        (nn.Sequential(GaussianNoise(0.1)), GaussianNoise, "after=GaussianNoise: no module"),
    ],
)
def test_what_is_refused(network, after, sentence):
    with pytest.raises(UnmeasurableError, match=sentence):
        with_noise(network, 0.1, after)


def test_noise_levels_are_checked():
    with pytest.raises(ValueError, match=r"noise.beta = -1"):
        with_noise(Residual(), -1, nn.ReLU)


def test_what_gives_no_single_tensor_or_is_never_called():
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.other = nn.Linear(1, 1), nn.Linear(1, 1)

        def forward(self, x):
            return self.used(x)

    with pytest.raises(UnmeasurableError, match="Pair gives a tuple"):
        describe(with_noise(Chain(nn.Linear(1, 1), Pair()), 0.1, Pair), X)
    with pytest.raises(UnmeasurableError, match="after=other: the forward pass never calls"):
        describe(with_noise(Unused(), 0.1, nn.Linear), X)


def test_layers_of_channels_put_by_hand():
    network = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), GaussianNoise(0.1))
    table = describe(network, [[0.0], [1.0]])
    assert table.values.tolist() == [[1, "2", 3, "GaussianNoise(beta=0.1)"]]
