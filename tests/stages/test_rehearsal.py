"""Kernels are compiled before epochs are measured: on a tiny network, by measurements of ours."""

from concurrent.futures import Future
from contextlib import contextmanager, nullcontext

import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError
from omegaconf import OmegaConf, open_dict
from tiny_run import train_tiny

from ib_runner.errors import UsageError
from ib_runner.measurements.binned_entropy import BinnedEntropy
from ib_runner.measurements.mutual_information import MutualInformation
from ib_runner.stages import measure_processes, rehearsal
from ib_runner.stages.all import All
from ib_runner.stages.measure_epoch import Chosen, EpochTask
from ib_runner.stages.rehearsal import rehearsals

SPIRAL = {"n": 1024, "turns": 1, "radius": 3, "train_fraction": 0.8}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return train_tiny(tmp_path_factory.mktemp("trained")).config


@pytest.fixture(autouse=True)
def state(monkeypatch):
    """Nothing is known of kernels yet, as in a new process."""
    monkeypatch.setattr(measure_processes, "_state", measure_processes._State())


@pytest.fixture
def called(monkeypatch):
    """What was measured: the measurement's class, its methods, the numbers of inputs and layers."""
    found = []

    def measured(one, snapshot):
        size = len(snapshot.inputs), len(snapshot.channels)
        found.append((type(one).__name__, getattr(one, "methods", None), *size))
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
        ("MutualInformation", ["coupled"], 8, 2),
        ("MutualInformation", ["paper"], 8, 2),
        ("BinnedEntropy", None, 8, 2),
    ]


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"network": {"widths": [3]}}, (8, 1)),
        ({"network": {"widths": [3, 2, 2, 2, 2]}}, (8, 3)),
        ({"dataset": {"_target_": "ib_runner.datasets.spiral.spiral", **SPIRAL}}, (256, 2)),
        ({"dataset": {"_target_": "probes.spiral", **SPIRAL}}, (256, 3)),
    ],
)
def test_no_more_inputs_and_layers_than_the_run_has_are_rehearsed(config, called, changes, size):
    with open_dict(config := config.copy()):
        for key, entry in changes.items():
            config[key] = entry if "_target_" in entry else {**config[key], **entry}
    for one in rehearsals(OmegaConf.to_yaml(config), ()):
        one(threads=1)
    assert {(inputs, layers) for *_, inputs, layers in called} == {size}


def test_a_users_own_measurement_is_not_called_before_its_time(config, called, monkeypatch):
    parts = rehearsals(OmegaConf.to_yaml(config), ())
    monkeypatch.setattr(BinnedEntropy, "__module__", "probes")
    for one in parts:
        one(threads=1)
    assert [name for name, *_ in called] == ["MutualInformation"]


class Pool:
    """A pool of loky's whose work ends when the test says so; ``done`` is what happened to it."""

    def __init__(self, workers):
        self.done, self.begun = [workers], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.done.append("waited")

    def submit(self, work, part, threads, parent):
        self.done.append(part.part.name)
        self.begun.append(Future())
        return self.begun[-1]

    def shutdown(self, *, wait, kill_workers):
        assert (wait, kill_workers) == (False, True)
        self.done.append("killed")


@pytest.fixture
def pools(monkeypatch):
    """The pools that are made, with kernels that were never compiled and eight processors."""
    made = []

    def pool(workers, timeout):
        assert timeout == measure_processes.IDLE  # idle workers keep no memory while others measure
        made.append(Pool(workers))
        return made[-1]

    monkeypatch.setattr(measure_processes, "ProcessPoolExecutor", pool)
    monkeypatch.setattr(measure_processes, "processors", lambda: 8)
    monkeypatch.setattr(measure_processes, "is_kept", lambda kernel: False)
    return made


def test_all_compiles_while_it_trains_and_a_failure_ends_that(config, pools):
    with pytest.raises(ValueError), measure_processes.prepared_meanwhile(config, ()):
        raise ValueError("training failed")
    assert pools[0].done == [2, "mutual_information", "binned_entropy", "killed", "waited"]


def test_a_worker_gets_the_next_part_when_it_has_done_one_and_none_after_training(
    config, pools, monkeypatch
):
    monkeypatch.setattr(measure_processes, "MOST_COMPILING", 1)
    with measure_processes.prepared_meanwhile(config, ()) as trained:
        assert pools[0].done == [1, "mutual_information"]
        pools[0].begun[0].set_result(None)
        assert pools[0].done[2:] == ["binned_entropy"]
        trained()
        assert pools[0].done[3:] == []  # what is begun is not waited for
    assert pools[0].done[3:] == ["waited"]
    with measure_processes.prepared_meanwhile(config, ()) as trained:
        trained()
        pools[1].begun[0].set_result(None)  # after training: what is left is another's to compile
    assert pools[1].done == [1, "mutual_information", "waited"]


def test_a_worker_that_died_gets_no_further_part(config, pools, monkeypatch, caplog):
    monkeypatch.setattr(measure_processes, "MOST_COMPILING", 1)
    with measure_processes.prepared_meanwhile(config, ()):
        pools[0].begun[0].set_exception(TerminatedWorkerError("killed"))
    assert pools[0].done == [1, "mutual_information", "waited"]
    assert not caplog.records


@pytest.mark.parametrize(
    ("ends", "left"),
    [
        ([], ["binned_entropy", "mutual_information"]),
        ([None], ["binned_entropy"]),
        ([TerminatedWorkerError("killed")], ["binned_entropy", "mutual_information"]),
    ],
)
def test_measuring_begins_with_what_is_not_compiled_and_waits_for_what_is_begun(
    config, pools, monkeypatch, ends, left
):
    ran = []

    class Here:
        def __init__(self, n_jobs):
            pass

        def __call__(self, calls):
            ran.extend(arguments[0].part.name for _, arguments, _ in calls)

    monkeypatch.setattr(measure_processes, "MOST_COMPILING", 1)
    monkeypatch.setattr(measure_processes, "Parallel", Here)
    with measure_processes.prepared_meanwhile(config, ()) as trained:
        trained()
        for future, end in zip(pools[0].begun, ends, strict=False):
            future.set_exception(end) if end else future.set_result(None)
        monkeypatch.setattr(measure_processes, "is_kept", lambda kernel: True)  # others are not
        assert not measure_processes.compiled_before()
        task = EpochTask("a run", (), OmegaConf.to_yaml(config), (), 0)
        measure_processes.prepare([task, task], 2)
    assert ran == left
    assert measure_processes.compiled_before()


def test_all_begins_to_compile_at_the_notice_and_begins_nothing_after_training(config, monkeypatch):
    seen, stage = [], All()

    @contextmanager
    def compiling(config, allow_targets):
        seen.append("begins")
        yield lambda: seen.append("trained")
        seen.append("ends")

    monkeypatch.setattr(measure_processes, "prepared_meanwhile", compiling)
    works = [lambda config, run: seen.append("trains"), lambda config, run: seen.append("measures")]

    class Done:
        allow_targets, info = (), {}

        def held(self):
            return nullcontext()

        def update(self, **changes):
            pass

    with stage.preparing(config, ()):
        seen.append("announces")
        stage._go_through(works, config, Done())
    assert seen == ["begins", "announces", "trains", "trained", "measures", "ends"]
    seen.clear()
    stage._go_through(works, config, Done())  # a job of a sweep
    assert seen == ["begins", "trains", "trained", "measures", "ends"]


def test_what_was_compiled_before_is_not_again(config, pools, monkeypatch):
    monkeypatch.setattr(measure_processes, "is_kept", lambda kernel: True)
    with measure_processes.prepared_meanwhile(config, ()):
        pass
    assert pools == []


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
