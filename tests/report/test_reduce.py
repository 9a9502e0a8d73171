"""The selection of rows where a table is too large for a page."""

import numpy as np
import pandas as pd

from ib_runner.report import reduce
from ib_runner.report.reduce import reduced, spread, stratified


def representation(n_samples, n_epochs, units=3, n_classes=4):
    """Class k has twice as many samples as class k + 1."""
    shares = 2.0 ** -np.arange(n_classes)
    labels = np.repeat(np.arange(n_classes), (n_samples * shares / shares.sum()).astype(int))
    frames = [
        pd.DataFrame(
            {"epoch": epoch, "layer": 1, "sample": np.arange(len(labels)), "label": labels}
        ).assign(value=list(np.zeros((len(labels), units), np.float32)))
        for epoch in range(n_epochs)
    ]
    return pd.concat(frames, ignore_index=True)


def test_small_tables_are_kept_whole():
    frame = representation(100, 3)
    for name in ("representation", "activation_histogram"):
        part = reduced(name, frame)
        assert part.frame is frame
        assert part.note == ""


def test_samples_go_first_each_class_in_its_share(monkeypatch):
    monkeypatch.setattr(reduce, "LIMIT_OF_SCATTER", 400 * 3 * 4 * 3)
    frame = representation(4000, 3)
    part = reduced("representation", frame)
    assert part.rows == len(frame)
    assert set(part.frame["epoch"]) == {0, 1, 2}
    kept = part.frame[part.frame["epoch"] == 2]
    shares = kept["label"].value_counts(normalize=True).sort_index()
    np.testing.assert_allclose(shares, [8 / 15, 4 / 15, 2 / 15, 1 / 15], atol=0.01)
    samples = part.frame.groupby("epoch")["sample"].apply(tuple)
    assert samples.nunique() == 1, "the same samples at every epoch"
    assert part.note == f"{len(kept)} of {frame['sample'].nunique()} samples"
    assert part.frame["value"].map(len).sum() * 4 <= 1.02 * reduce.LIMIT_OF_SCATTER


def test_then_epochs_go_but_not_the_ends(monkeypatch):
    monkeypatch.setattr(reduce, "LIMIT_OF_SCATTER", 10 * reduce.FEWEST_SAMPLES * 3 * 4)
    part = reduced("representation", representation(1000, 50))
    assert {0, 49} <= set(part.frame["epoch"])
    assert part.frame["epoch"].nunique() <= 10
    assert "samples" in part.note
    assert part.note.endswith("of 50 epochs")


def test_other_tables_lose_epochs(monkeypatch):
    monkeypatch.setattr(reduce, "LIMIT", 8 * 2 * 100)
    frame = pd.DataFrame({"epoch": np.repeat(np.arange(1001), 2), "loss": 0.0})
    part = reduced("training", frame)
    assert len(part.frame) <= 100
    assert {0, 1000} <= set(part.frame["epoch"])
    assert (part.frame["epoch"].value_counts() == 2).all(), "an epoch's rows stay together"
    assert part.rows == 2002


def test_epochs_are_spread_on_a_logarithmic_axis():
    assert spread(np.arange(1001), 4).tolist() == [0, 9, 99, 1000]


def test_every_label_keeps_a_sample():
    assert stratified(np.arange(100), np.r_[np.zeros(99), 1], 5)[-1] == 99
