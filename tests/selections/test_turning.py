"""Turning points that count, and epochs that fill gaps."""

import numpy as np
import pandas as pd
from fake_tables import DIP, PEAK, SECOND_PEAK, fake_layers, fake_tables

from ib_runner.selections.information import certified, of_layer
from ib_runner.selections.turning import spread_epochs, turning_points
from ib_runner.tables.layers import Layers


def trajectory(values, width: float) -> pd.DataFrame:
    mi = np.asarray(values, dtype=float)
    epoch = np.arange(len(mi))
    return pd.DataFrame({"epoch": epoch, "mi": mi, "lower": mi - width, "upper": mi + width})


def test_peaks_and_dips_alternate():
    turns = turning_points(trajectory([2, 4, 3, 1, 2, 5, 5.1, 0], width=0.1))
    assert [(turn.epoch, turn.peak) for turn in turns] == [(1, True), (3, False), (6, True)]


def test_a_trajectory_may_begin_with_a_dip():
    turns = turning_points(trajectory([3, 2, 1, 4], width=0.1))
    assert [(turn.epoch, turn.peak) for turn in turns] == [(2, False)]


def test_wiggles_within_the_intervals_or_smaller_than_the_swing_are_none():
    values = [2, 4, 3, 4, 3, 4]
    assert len(turning_points(trajectory(values, width=0.39))) == 4
    assert turning_points(trajectory(values, width=0.41)) == []
    assert turning_points(trajectory([2, 4, 3.9, 4, 3.9, 4], width=0.0)) == []


def test_neither_end_is_a_turning_point():
    assert turning_points(trajectory([5, 4, 3, 2], width=0.1)) == []
    assert turning_points(trajectory([2, 3, 4, 5], width=0.1)) == []


def test_the_made_up_run_turns_where_it_was_made_to():
    rows = of_layer(certified(fake_tables()["mutual_information"], Layers(fake_layers())), -1)
    assert [turn.epoch for turn in turning_points(rows)] == [PEAK, DIP, SECOND_PEAK]


def test_spread_epochs_keep_what_they_must_and_fill_the_largest_gap():
    available = np.array([0, 1, 10, 100, 1000, 10_000])
    assert spread_epochs(available, 3, keep=[1]) == [1, 100, 10_000]
    assert spread_epochs(available, 1) == [10_000]
    assert spread_epochs(available, 99) == available.tolist()
