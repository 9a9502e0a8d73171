"""Kernels are compiled before epochs are measured: on a tiny network, by measurements of ours."""

import pytest
from omegaconf import OmegaConf
from tiny_run import train_tiny

from ib_runner.errors import UsageError
from ib_runner.measurements.binned_entropy import BinnedEntropy
from ib_runner.measurements.mutual_information import MutualInformation
from ib_runner.stages import measure_processes, rehearsal
from ib_runner.stages.measure_epoch import Chosen
from ib_runner.stages.rehearsal import rehearsals


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return train_tiny(tmp_path_factory.mktemp("trained")).config


@pytest.fixture
def called(monkeypatch):
    """What was measured: the measurement's class, its methods, and the number of inputs."""
    found = []

    def measured(one, snapshot):
        found.append((type(one).__name__, getattr(one, "methods", None), len(snapshot.inputs)))
        raise ValueError("this is said at the first epoch, too")

    for measurement in (BinnedEntropy, MutualInformation):
        monkeypatch.setattr(measurement, "__call__", measured)
    return found


def test_each_measurement_and_method_is_rehearsed(config, called):
    config = OmegaConf.merge(config, {"measure": {"methods": ["coupled", "paper"]}})
    parts = rehearsals(OmegaConf.to_yaml(config), ())
    assert [one.part for one in parts] == [
        Chosen("mutual_information", ("coupled",)),
        Chosen("mutual_information", ("paper",)),
        Chosen("binned_entropy"),
    ]
    for one in parts:
        one(threads=1)
    assert called == [
        ("MutualInformation", ["coupled"], 64),
        ("MutualInformation", ["paper"], 64),
        ("BinnedEntropy", None, 64),
    ]


def test_a_users_own_measurement_is_not_called_before_its_time(config, called, monkeypatch):
    parts = rehearsals(OmegaConf.to_yaml(config), ())
    monkeypatch.setattr(BinnedEntropy, "__module__", "probes")
    for one in parts:
        one(threads=1)
    assert [name for name, *_ in called] == ["MutualInformation"]


@pytest.mark.parametrize("kept", [True, False])
def test_all_compiles_while_it_trains_what_was_never_compiled(config, monkeypatch, kept):
    given = []

    class Pool:
        def __init__(self, workers):
            given.append(workers)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, work, part, threads, parent):
            given.append(part.part.name)

        def shutdown(self, *, wait, kill_workers):
            given.append("shut down")

    monkeypatch.setattr(measure_processes, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(measure_processes, "processors", lambda: 8)
    monkeypatch.setattr(measure_processes, "is_kept", lambda kernel: kept)
    with pytest.raises(ValueError), measure_processes.prepared_meanwhile(config, ()):
        raise ValueError("training failed")
    if kept:
        assert given == []
    else:
        assert given == [2, "mutual_information", "binned_entropy", "shut down"]


def test_settings_that_cannot_be_built_are_left_to_measuring(config, monkeypatch):
    def refused(*_):
        raise UsageError("measurement: nothing of it can be built")

    monkeypatch.setattr(rehearsal, "_measurements", refused)
    monkeypatch.setattr(measure_processes, "is_kept", lambda kernel: False)
    monkeypatch.setattr(measure_processes, "processors", lambda: 2)
    ran = []
    with measure_processes.prepared_meanwhile(config, ()):
        ran.append(True)
    assert ran
