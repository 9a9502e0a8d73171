"""Each measurement on a small network: right rows, right values, in any order."""

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from ib_runner.datasets import Split
from ib_runner.errors import UsageError
from ib_runner.measurements.activation_histogram import ActivationHistogram
from ib_runner.measurements.binned_entropy import BinnedEntropy
from ib_runner.measurements.binned_information import BinnedInformation
from ib_runner.measurements.distance_histogram import DistanceHistogram
from ib_runner.measurements.mutual_information import MutualInformation
from ib_runner.measurements.representation import Representation
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.networks import DropoutNoise, GaussianNoise, NoNoise
from ib_runner.networks.cnn import CNN
from ib_runner.stages.measure_epoch import Chosen, chosen
from ib_runner.tables.files import write_table
from ib_runner.tables.schema import TABLES

N = 60
EPOCHS = [0, 1, 3, 9]


def snapshot(beta=0.1, epoch=3, seed=0):
    torch.manual_seed(0)
    noise = (lambda: GaussianNoise(beta)) if beta else NoNoise
    network = nn.Sequential(
        nn.Linear(4, 3), nn.Tanh(), noise(), nn.Linear(3, 2), nn.Tanh(), noise(), nn.Linear(2, 2)
    ).eval()
    x = torch.randn(N, 4)
    return Snapshot(epoch, network, Split(x, (x[:, 0] > 0).long()), seed)


def all_measurements():
    return [
        DistanceHistogram(bins=10),
        ActivationHistogram(bins=20, activation="tanh"),
        Representation(layers=[-1, 1]),
        BinnedEntropy(None, "tanh"),
        MutualInformation(["coupled"], n_x=64, n_o=32, n_mc=2),
    ]


@pytest.mark.parametrize("measurement", all_measurements(), ids=lambda one: one.table)
def test_rows_fit_the_table_and_depend_on_seed_and_epoch_alone(measurement, tmp_path):
    rows = measurement(snapshot())
    write_table(tmp_path / "t", rows, measurement.table)  # columns and unique keys
    assert (rows.epoch == 3).all()
    again = measurement(snapshot()).drop(columns="seconds", errors="ignore")
    pd.testing.assert_frame_equal(rows.drop(columns="seconds", errors="ignore"), again)
    other = measurement(snapshot(seed=1)).drop(columns="seconds", errors="ignore")
    assert not other.equals(again)
    assert set(rows.columns) == set(TABLES[measurement.table]) - {"settings"}


def test_representations_are_one_noisy_float64_pass_and_leave_the_network_alone():
    one = snapshot()
    clean, noisy = snapshot(beta=0.0).representations, one.representations
    assert [tuple(layer.shape) for layer in noisy] == [(N, 4), (N, 3), (N, 2)]
    assert {layer.dtype for layer in noisy} == {torch.float64}
    assert torch.equal(noisy[0], one.inputs.x.double())
    spread = (noisy[1] - clean[1]).std().item()
    assert spread == pytest.approx(0.1, rel=0.15)
    assert one.network[0].weight.dtype == torch.float32
    assert not one.network[2].training


def test_a_deterministic_network_is_measured_without_noise():
    rows = BinnedEntropy([1e-9], "tanh")(snapshot(beta=0.0))
    assert not rows.noise.any()
    whole = rows[rows.unit.isna()]
    assert whole.entropy.tolist() == pytest.approx([math.log(N)] * 2)


def test_binned_entropy_by_hand_and_default_width():
    one = snapshot()
    rows = BinnedEntropy(None, "tanh")(one)
    assert rows.bin_width.unique() == pytest.approx([1.0])  # 10 beta
    codes = np.ceil(one.representations[2].numpy() / 1.0)
    _, counts = np.unique(codes, axis=0, return_counts=True)
    by_hand = -(counts / N * np.log(counts / N)).sum()
    measured = rows[(rows.layer == 2) & rows.unit.isna()].entropy.item()
    assert measured == pytest.approx(by_hand, abs=1e-12)
    assert sorted(rows[rows.layer == 1].unit.dropna()) == [0, 1, 2]


def test_chosen_layers_and_either_whole_layers_or_units():
    one = snapshot()
    every = BinnedEntropy([0.5], "tanh")(one)
    whole = BinnedEntropy([0.5], "tanh", layers=[2], units=False)(one)
    units = BinnedEntropy([0.5], "tanh", layers=[1], whole=False)(one)
    assert whole.entropy.tolist() == every[(every.layer == 2) & every.unit.isna()].entropy.tolist()
    expected = every[(every.layer == 1) & every.unit.notna()]
    assert units.entropy.tolist() == expected.entropy.tolist()
    assert units.unit.tolist() == expected.unit.tolist() == [0, 1, 2]
    with pytest.raises(UsageError, match="layers 1 to 2"):
        BinnedEntropy([0.5], layers=[3])(one)
    with pytest.raises(ValueError, match="nothing is left"):
        BinnedEntropy([0.5], whole=False, units=False)


def test_a_network_that_names_its_layers_is_measured_there_without_noise():
    torch.manual_seed(0)
    network = CNN(1, 10, partial(DropoutNoise, 0.5)).eval()
    x = torch.rand(8, 1, 28, 28)
    one = Snapshot(1, network, Split(x, torch.arange(8) % 2), 0)
    layers = one.representations
    assert [layer.shape[1] for layer in layers] == [784, 3136, 1568, 128, 10]
    assert {layer.dtype for layer in layers} == {torch.float64}
    torch.testing.assert_close(layers[4].float(), network(x).detach(), atol=1e-5, rtol=0)
    assert not BinnedEntropy([1.0], "tanh")(one).noise.any()
    assert not DistanceHistogram(bins=5)(one).noise.any()


def test_bins_of_ten_beta_need_gaussian_noise():
    noiseless = snapshot(beta=0)
    with pytest.raises(UsageError, match=r"bin_widths=null: that is 10 beta, and .* no Gaussian"):
        BinnedEntropy(None)(noiseless)
    assert set(BinnedEntropy([0.1])(noiseless).bin_width) == {0.1}


def test_distances_at_chosen_epochs_only():
    measurement = DistanceHistogram(epochs=[8, 1, 500])
    assert measurement.select([0, 1, 2, 8, 9]) == [1, 8]
    assert DistanceHistogram().select([0, 1]) == [0, 1]


def test_histograms_count_everything_once():
    one = snapshot()
    distances = DistanceHistogram(bins=10)(one)
    assert set(distances.layer) == {0, 1, 2}
    assert (distances.groupby("layer")["count"].sum() == N * (N - 1) // 2).all()
    area = distances.density * (distances.right - distances.left)
    assert area.groupby([distances.layer, distances.pairs]).sum().to_numpy() == pytest.approx(1.0)
    assert not distances[distances.layer == 0].noise.any()

    activations = ActivationHistogram(bins=20, activation="tanh")(one)
    assert activations.groupby("layer")["count"].sum().tolist() == [3 * N, 2 * N]
    assert activations.left.min() == -1
    assert activations.right.max() == 1


def test_representation_keeps_samples_labels_and_values():
    one = snapshot()
    rows = Representation(layers=[-1])(one)
    assert set(rows.layer) == {2}
    assert rows["sample"].tolist() == list(range(N))
    assert rows.label.tolist() == one.inputs.y.tolist()
    np.testing.assert_allclose(
        np.stack(rows.value), one.representations[2].numpy(), atol=1e-6, rtol=0
    )


def test_slow_methods_run_at_a_few_epochs_only():
    measurement = MutualInformation(["coupled", "paper"], sparse_epochs=2, n_x=64, n_o=32, n_mc=2)
    at = chosen({"information": measurement, "distances": DistanceHistogram(epochs=[3])}, EPOCHS)
    every, few = Chosen("information", ("coupled",)), Chosen("information", ("coupled", "paper"))
    assert at == {0: (every,), 1: (few,), 3: (every, Chosen("distances")), 9: (few,)}
    assert set(measurement.by(["coupled"])(snapshot(epoch=3)).method) == {"coupled"}
    assert set(measurement(snapshot(epoch=3)).method) == {"coupled", "paper"}  # left as it was


def test_slow_methods_run_at_every_epoch_that_was_asked_for_where_these_are_few():
    measurement = MutualInformation(["paper"], sparse_epochs=2)
    few = (Chosen("information", ("paper",)),)
    assert chosen({"information": measurement}, [0]) == {0: few}
    assert chosen({"information": measurement}, [0, 9]) == {0: few, 9: few}


def test_a_measurement_that_fails_to_select_its_epochs_is_named():
    class Broken(DistanceHistogram):
        def select(self, epochs):
            raise KeyError("no such epoch")

    with pytest.raises(UsageError, match=r"measurement.mine: selecting epochs: KeyError"):
        chosen({"mine": Broken()}, EPOCHS)


def test_layers_that_a_method_is_not_for_have_no_row_and_one_remark():
    one = snapshot()
    measurement = MutualInformation(["pairwise_lower", "pairwise_upper"], targets=["x", "y"])
    assert measurement.remarks(one.network, one.inputs.x[:2]) == [
        f"method {method}: layer 2 left out, it needs T given x to be Gaussian, as in layer 1 or "
        "a network of linear layers, and at most 1024 units"
        for method in ("pairwise_lower", "pairwise_upper")
    ]
    rows = measurement(one)
    assert rows.layer.tolist() == [1, 1]
    assert rows.target.tolist() == ["x", "x"]
    lower, upper = rows.mi
    assert 0 < lower < upper < math.log(N)


def test_binned_information_of_a_network_without_noise(tmp_path):
    """Layer 1 has one unit whose two bins split 8 inputs 4 to 4; the label splits one bin."""
    network = nn.Sequential(nn.Linear(1, 1), NoNoise(), nn.Linear(1, 2)).eval()
    with torch.no_grad():
        network[0].weight.fill_(1.0)
        network[0].bias.fill_(0.0)
    x = torch.tensor([0.1, 0.2, 0.3, 0.4, 1.1, 1.2, 1.3, 1.4])[:, None]
    y = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1])
    rows = BinnedInformation(1.0)(Snapshot(0, network, Split(x, y), 0))
    write_table(tmp_path / "t", rows, "mutual_information")
    found = rows.set_index("target")["mi"]
    assert found["x"] == pytest.approx(math.log(2))
    # given y = 0 (6 of 8) bins hold 4 and 2, given y = 1 one bin
    given_0 = math.log(6) - (4 * math.log(4) + 2 * math.log(2)) / 6
    assert found["y"] == pytest.approx(math.log(2) - 6 / 8 * given_0)
    assert set(rows["method"]) == {"binned"}
    assert BinnedInformation(1.0)(snapshot()).empty
