"""Cosine similarities of networks, against networks whose representations are known."""

from functools import partial

import pytest
import torch
from torch import nn

from ib_runner.datasets import Split
from ib_runner.errors import UsageError
from ib_runner.measurements.cosine_similarity import CosineSimilarity, compared
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.networks import FCN, DropoutNoise, GaussianNoise, NoNoise
from ib_runner.networks.cnn import CNN
from ib_runner.tables.schema import TABLES


class Fixed(nn.Module):
    """The layers are ``x`` through fixed matrices."""

    def __init__(self, *matrices):
        super().__init__()
        self.matrices = nn.ParameterList(torch.tensor(matrix) for matrix in matrices)

    def representations(self, x):
        return [x @ matrix for matrix in self.matrices]


def snapshots(x, networks: dict[tuple[str, int], nn.Module], epoch=8) -> dict[str, Snapshot]:
    """By run; the keys are run and seed."""
    inputs = Split(x, torch.zeros(len(x), dtype=torch.int64))
    return {
        run: Snapshot(epoch, network.eval(), inputs, seed)
        for (run, seed), network in networks.items()
    }


def random_inputs(*shape) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


TURN = [[0.0, 1.0], [-1.0, 0.0]]
HALF = [[0.5, 0.0], [0.0, 0.5]]
SAME = [[1.0, 0.0], [0.0, 1.0]]
BACK = [[-1.0, 0.0], [0.0, -1.0]]
SIXTY = [[0.5, 0.75**0.5], [-(0.75**0.5), 0.5]]


def test_a_comparison_of_many_inputs_says_how_far_it_is(monkeypatch, capfd):
    monkeypatch.setattr("ib_runner.progress.LINE_SECONDS", -1.0)
    CosineSimilarity().over_runs(
        snapshots(random_inputs(1203, 2), {(run, 0): Fixed(SAME) for run in "abc"})
    )
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "measure: cosines between 3 runs: 1 of 3 blocks"
    assert len(lines) == 3


def test_angles_are_found():
    members = snapshots(
        random_inputs(1203, 2), {("a", 0): Fixed(SAME, SAME), ("b", 0): Fixed(SIXTY, BACK)}
    )
    table = CosineSimilarity(bins=7).over_runs(members)
    assert set(table.columns) == set(TABLES["cosine_similarity"])
    for layer, cosine in ((1, 0.5), (2, -1.0)):
        (hit,) = table[(table["layer"] == layer) & (table["count"] > 0)].itertuples()
        assert hit.left <= cosine <= hit.right
        assert hit.count == 1203
        assert hit.density == pytest.approx(7 / 2)
    assert set(table["epoch"]) == {8}


def test_length_does_not_count_and_a_quarter_turn_is_zero():
    members = snapshots(
        random_inputs(50, 2), {("a", 0): Fixed(SAME, HALF), ("b", 0): Fixed(TURN, SAME)}
    )
    table = CosineSimilarity(bins=21).over_runs(members)
    middles = (table["left"] + table["right"]) / 2
    found = middles[table["count"] > 0].tolist()
    assert found == pytest.approx([0.0, 1 - 1 / 21], abs=1e-9)


def test_two_small_cnns_by_hand():
    """Each layer as section 8.3 has it: pooled maps, tanh units, logits; noise off."""

    def cnn(seed: int, noise) -> CNN:
        torch.manual_seed(seed)
        return CNN(1, 10, noise)

    members = snapshots(
        random_inputs(6, 1, 28, 28),
        {("a", 0): cnn(0, NoNoise), ("b", 0): cnn(1, partial(GaussianNoise, 0.5))},
    )
    table = CosineSimilarity(bins=2000).over_runs(members)
    by_run = []
    with torch.no_grad():
        for one in members.values():
            net, x = one.network, one.inputs.x
            first = net[4](torch.tanh(net[1](net[0](x))))
            second = net[9](torch.tanh(net[6](net[5](first))))
            third = torch.tanh(net[12](net[11](second.flatten(1))))
            by_run.append([first, second, third, net[15](third)])
    for layer, pair in enumerate(zip(*by_run, strict=True), start=1):
        a, b = (values.flatten(1).double() for values in pair)
        expected = (a * b).sum(1) / ((a * a).sum(1) * (b * b).sum(1)).sqrt()
        rows = table[(table["layer"] == layer) & (table["count"] > 0)]
        found = ((rows["left"] + rows["right"]) / 2).repeat(rows["count"])
        assert sorted(found) == pytest.approx(sorted(expected.tolist()), abs=6e-4)


def test_common_seeds_are_compared_and_a_baseline_across_seeds():
    seeds = {f"{seed}{k}": seed for k in range(3) for seed in (5, 2)}
    assert set(compared(seeds)) == {
        ("50", "51"), ("50", "52"), ("51", "52"), ("20", "21"), ("20", "22"), ("21", "22"),
        ("20", "50"),
    }  # fmt: skip


def test_any_network_with_channels_is_compared_without_its_noise():
    torch.manual_seed(0)
    members = {
        (run, 0): FCN(4, 2, [3], "tanh", noise)
        for run, noise in (("a", partial(GaussianNoise, 9.0)), ("b", partial(DropoutNoise, 0.9)))
    }
    members["b", 0].load_state_dict(members["a", 0].state_dict())
    table = CosineSimilarity(bins=3).over_runs(snapshots(random_inputs(20, 4), members))
    assert table["layer"].unique().tolist() == [1]
    assert table["count"].tolist() == [0, 0, 20]


@pytest.mark.parametrize("other", [Fixed(SAME), Fixed(SAME, [[1.0], [1.0]])])
def test_networks_with_other_layers_are_refused(other):
    members = snapshots(random_inputs(5, 2), {("a", 0): Fixed(SAME, SAME), ("b", 0): other})
    with pytest.raises(UsageError, match="a, b differ"):
        CosineSimilarity().over_runs(members)


def test_one_run_alone_has_nothing_to_compare():
    members = snapshots(random_inputs(5, 2), {("a", 0): Fixed(SAME)})
    assert CosineSimilarity().over_runs(members).empty
