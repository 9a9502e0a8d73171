"""A dry run says how wide the certified intervals will be, from the weights that are there."""

import math

import pytest
import torch

from ib_runner.datasets import Split
from ib_runner.measurements.mutual_information import MutualInformation
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.networks import FCN, GaussianNoise
from ib_runner.stages import forecast
from ib_runner.stages.forecast import Timed
from ib_runner.stages.measure import _lines


def snapshot(beta):
    torch.manual_seed(0)
    network = FCN(4, 2, (20, 18), "tanh", lambda: GaussianNoise(beta)).eval()
    x = torch.randn(64, 4)
    return Snapshot(0, network, Split(x, (x[:, 0] > 0).long()), 0)


def test_widths_and_what_makes_them():
    measurement = MutualInformation(["coupled"], ("x", "y"), target_width=0.2)
    first, second = measurement.intervals(snapshot(0.3))
    assert (first.densities, second.densities) == ("exact", "paths")
    assert first.width <= 0.2
    lines = list(_lines(Timed("mutual_information by coupled", 3, 6.0, {}, [first, second]), 2))
    assert lines[0] == "mutual_information by coupled, 3 epochs: 3 s"
    assert lines[1:] == [
        f"  intervals of exact densities, nats wide: layer 1 {first.width:.2g}",
        f"  intervals of paths aimed at each point, nats wide: layer 2 {second.width:.2g}",
    ]


@pytest.mark.slow
def test_at_the_noise_level_that_is_asked_for_and_nothing_that_no_budget_pays():
    asked = MutualInformation(["coupled"], betas=[1e-3, 0.3], target_width=0.2)
    own = MutualInformation(["coupled"], target_width=0.2)
    assert asked.intervals(snapshot(1.0)) == own.intervals(snapshot(0.3))
    for one in MutualInformation(["coupled"], budget=100.0).intervals(snapshot(0.3)):
        assert one.densities == "none"
        assert one.width == math.log(64)


def test_where_planning_takes_about_as_long_as_measuring_nothing_is_planned(monkeypatch):
    measurement, seen = MutualInformation(["coupled"], target_width=0.2), snapshot(0.3)
    monkeypatch.setattr(MutualInformation, "seconds_of_draws", lambda self, snapshot: {2: 600.0})
    monkeypatch.setattr(MutualInformation, "intervals", None)
    each, intervals = forecast._by_plan(measurement, {1: seen, 8: seen}, "a case")
    assert (list(each), intervals) == ([8], None)
    assert 600.0 <= each[8].seconds == each[8].layers[2] <= 1200.0
    lines = list(_lines(Timed("mutual_information by coupled", 1, 900.0, {}, None), 1))
    assert lines[1:] == [
        "  widths of intervals are not forecast: that would take about as long as measuring"
    ]


def test_draws_are_timed_of_the_wide_layers_that_have_no_exact_densities():
    found = MutualInformation(["coupled"]).seconds_of_draws(snapshot(0.3))
    assert list(found) == [2]  # layer 1 is exact
    assert 0.0 < found[2] < 60.0
