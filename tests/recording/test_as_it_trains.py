"""Measuring epochs in a worker process while a user's own training goes on."""

import time

import pandas as pd
import psutil
import pytest
import torch
from killed_program import PATIENCE, killed
from own_network import inputs, small, train_once
from torch import nn

import ib_runner
from ib_runner.errors import UsageError

BINNED = {"measurements": ["binned_entropy"], "bin_widths": [0.1]}
FACTORY = {"factory": "own_network.small"}


class Unpicklable(nn.Module):
    def __reduce__(self):
        raise TypeError("it stays here")

    def __deepcopy__(self, memo):
        return Unpicklable()


def rows_of(run):
    path = run.table_path("binned_entropy")
    return run.table("binned_entropy") if path.is_file() else pd.DataFrame({"epoch": []})


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.05)


def workers():
    return [one for one in psutil.Process().children(recursive=True) if "popen_loky" in _words(one)]


def _words(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.mark.slow
def test_tables_grow_while_it_trains_and_are_those_of_measuring_afterwards(tmp_path, caplog):
    torch.manual_seed(0)
    network = small()
    network[1].register_module("known_here_alone", Unpicklable())
    ours = set(workers())
    with ib_runner.Recorder(
        network,
        *inputs(),
        **FACTORY,
        output_root=tmp_path,
        measure={"epochs": [0, 2, 3, 9], **BINNED},
    ) as recorder:
        until(lambda: set(rows_of(recorder.run)["epoch"]) == {0})
        until(lambda: len(set(workers()) - ours) == 1)  # one that grew too large hands over
        (set(workers()) - ours).pop().kill()  # another one takes over
        for _ in range(3):
            recorder.epoch(train_loss=train_once(network))
    run = recorder.run
    assert run.state == "complete"
    grown = rows_of(run)
    assert set(grown["epoch"]) == {0, 2, 3}
    assert "never recorded: epochs [9]" in caplog.text
    assert not set(workers()) - ours, "they end with the recording"
    afterwards = run.measure(epochs=[0, 2, 3], **BINNED).table("binned_entropy")
    pd.testing.assert_frame_equal(
        grown.drop(columns="settings"), afterwards.drop(columns="settings")
    )


KILLED = """
import os, sys, time
import ib_runner
from own_network import inputs, small
BINNED = {"measurements": ["binned_entropy"], "bin_widths": [0.1], "epochs": [0, 2]}
if __name__ == "__main__":
    recorder = ib_runner.Recorder(small(), *inputs(), output_root=sys.argv[1], measure=BINNED,
                                  factory="own_network.small")
    while not recorder.run.table_path("binned_entropy").is_file():
        time.sleep(0.05)
    recorder.epoch()
    import psutil
    print(*[one.pid for one in psutil.Process().children(recursive=True)], flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_a_killed_training_keeps_what_was_measured_and_goes_on(tmp_path):
    children = [int(word) for word in killed(KILLED, tmp_path).split()]
    assert children
    until(lambda: not any(psutil.pid_exists(one) for one in children))
    (folder,) = (tmp_path / "mine").iterdir()
    run = ib_runner.open_run(folder)
    assert set(rows_of(run)["epoch"]) == {0}
    rows_of(run).to_csv(tmp_path / "before.csv", index=False)

    network = small()
    network.load_state_dict(run.weights(1))
    with ib_runner.Recorder(
        network, *inputs(), **FACTORY, resume=folder, measure={"epochs": [0, 1, 2], **BINNED}
    ) as recorder:
        recorder.epoch()
    table = rows_of(recorder.run)
    assert set(table["epoch"]) == {0, 1, 2}, "what was chosen now and not measured before, too"
    before = pd.read_csv(tmp_path / "before.csv")
    assert table[table["epoch"] == 0]["entropy"].to_list() == before["entropy"].to_list()


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        ("afterwards", "as it trains"),
        ({"target_width": -1}, "target_width"),
        ({"epoch": [1]}, "epoch"),
        ({"measurements": ["nothing"]}, "nothing"),
    ],
)
def test_what_cannot_be_is_refused_before_a_folder_exists(tmp_path, measure, words):
    with pytest.raises(UsageError, match=words):
        ib_runner.Recorder(small(), *inputs(), **FACTORY, output_root=tmp_path, measure=measure)
    assert not list(tmp_path.iterdir())


def test_without_a_factory_it_is_refused_and_the_remedy_named(tmp_path):
    with pytest.raises(UsageError, match=r"(?s)build Sequential itself.*pickled.*factory=.*run.me"):
        ib_runner.Recorder(small(), *inputs(), output_root=tmp_path, measure="as it trains")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_recording_without_a_factory_goes_on_with_one(tmp_path):
    with ib_runner.Recorder(small(), *inputs(), output_root=tmp_path) as recorder:
        recorder.epoch()
    folder = recorder.run.path
    network = small()
    network.load_state_dict(recorder.run.weights(1))
    with pytest.raises(UsageError, match="factory="):
        ib_runner.Recorder(network, *inputs(), resume=folder, measure="as it trains")
    with ib_runner.Recorder(
        network, *inputs(), **FACTORY, resume=folder, measure={"epochs": "all", **BINNED}
    ):
        pass
    assert set(rows_of(ib_runner.open_run(folder))["epoch"]) == {0, 1}
