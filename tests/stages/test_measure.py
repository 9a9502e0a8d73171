"""Measuring in parallel: the same values with any number of workers; failures stop no epoch."""

import json
import platform
import shutil

import pytest
from deadly import deadly
from distributed import LocalCluster
from omegaconf import OmegaConf
from tiny_run import EPOCHS, assert_same_tables, forget_measured, tables_of, train_tiny

from ib_runner import cli
from ib_runner.errors import RunInUseError, UsageError
from ib_runner.information.methods.coupled import Coupled
from ib_runner.measurements.binned_entropy import BinnedEntropy
from ib_runner.runs.folder import Run
from ib_runner.runs.lock import is_held
from ib_runner.stages import measure_processes
from ib_runner.stages.measure_runs import measure_runs


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train_tiny(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def expected(trained, tmp_path_factory):
    """The tables of an undisturbed measurement by one worker."""
    run = copy(trained, tmp_path_factory.mktemp("expected"))
    assert cli.main(["measure", f"run={run.path}"]) == 0
    return tables_of(run)


@pytest.fixture
def run(trained, tmp_path):
    return copy(trained, tmp_path)


def copy(run, folder):
    shutil.copytree(run.path, folder / "run")
    return Run(folder / "run")


def measure(run, capsys, *words):
    """Status and standard error of `measure`."""
    capsys.readouterr()
    status = cli.main(["measure", f"run={run.path}", *words])
    return status, capsys.readouterr().err


def parts(run):
    return list(run.path.glob("measurements/.parts-*"))


@pytest.mark.slow
def test_two_processes_give_the_values_of_one(run, expected, capsys):
    assert measure(run, capsys, "measure.n_jobs=2")[0] == 0
    assert_same_tables(tables_of(run), expected)


CLUSTER = {
    "n_workers": 2,
    "processes": True,
    "dashboard_address": "127.0.0.1:0",
    "silence_logs": 40,
}


@pytest.mark.slow
def test_a_cluster_gives_the_values_of_one_process(run, expected, capsys):
    with LocalCluster(threads_per_worker=2, **CLUSTER) as cluster:
        scheduler = cluster.scheduler_address
        status, err = measure(run, capsys, f"measure.scheduler={scheduler}")
        assert status == 0, err
        assert_same_tables(tables_of(run), expected)


@pytest.mark.slow
def test_a_worker_of_a_cluster_that_is_killed_is_replaced(run, capsys, tmp_path):
    with LocalCluster(threads_per_worker=1, **CLUSTER) as cluster:
        file = tmp_path / "scheduler.json"
        file.write_text(json.dumps(cluster.scheduler.identity()))
        words = [*deadly(tmp_path, times=1), f"measure.scheduler={file}"]
        assert measure(run, capsys, *words)[0] == 0
        assert run.table("parameter").epoch.tolist() == list(range(EPOCHS + 1))
    assert len(list(tmp_path.glob("death-*"))) == 1


ONLY_HERE = """
from ib_runner.measurements.parameter import Parameter

class Probe(Parameter):
    pass
"""


@pytest.mark.slow
def test_workers_without_the_users_package_are_named(run, capsys, tmp_path, monkeypatch):
    """The package is there for this process alone."""
    with LocalCluster(**{**CLUSTER, "n_workers": 1}) as cluster:
        scheduler = cluster.scheduler_address
        (tmp_path / "user").mkdir()
        (tmp_path / "user" / "only_here.py").write_text(ONLY_HERE)
        monkeypatch.syspath_prepend(tmp_path / "user")
        words = ["+measurement.mine={_target_:only_here.Probe}", "measure.measurements=[mine]"]
        words += ["allow_targets=[only_here]", f"measure.scheduler={scheduler}"]
        status, err = measure(run, capsys, *words)
        assert status == 1
        worker = f"worker {next(iter(cluster.scheduler.workers))} on {platform.node()}"
        assert f"measure.scheduler: {worker} cannot open the run:\n" in err
        assert "No module named 'only_here'" in err
        assert "workers need the packages of this process" in err
        assert len(err[err.find("ib-run: ") :].strip().splitlines()) == 3
    status, err = measure(run, capsys, *words[:-1])
    assert status == 0, err


def test_no_scheduler_answers(run, capsys, monkeypatch):
    monkeypatch.setattr("ib_runner.stages.measure_cluster.PATIENCE", 0.2)
    status, err = measure(run, capsys, "measure.scheduler=tcp://127.0.0.1:9")
    assert status == 1
    assert "measure.scheduler=tcp://127.0.0.1:9: no Dask scheduler answers" in err


def broken_estimates(self, task, progress=False, layer=2, estimates=Coupled.estimates):
    if layer in [one.number for one in task.layers]:
        raise FloatingPointError(f"no root\nfor {task.settings.n_x}")
    return estimates(self, task, progress)


def test_a_layer_that_fails_is_a_row_and_stops_no_other(run, expected, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Coupled, "estimates", broken_estimates)
        status, err = measure(run, capsys)
    assert status == 1
    assert (
        "epoch 3, layer 2: mutual_information: method coupled: FloatingPointError: no root" in err
    )
    assert f"points of {EPOCHS + 1} of {EPOCHS + 1} epochs failed" in err
    assert "Traceback" not in err
    assert "layer 2" in (run.path / "measure.log").read_text()
    tables = tables_of(run)
    rows = tables["mutual_information"].set_index(["layer", "epoch"])
    assert (rows.loc[2, "status"] == "failed").all()
    assert rows.loc[2, ["mi", "stderr", "lower", "upper", "h_t"]].isna().all(axis=None)
    wanted = expected["mutual_information"].set_index(["layer", "epoch"])
    assert rows.loc[1, "mi"].equals(wanted.loc[1, "mi"])
    assert_same_tables(
        {"binned_entropy": tables["binned_entropy"]},
        {"binned_entropy": expected["binned_entropy"]},
    )
    # tried again
    assert measure(run, capsys)[0] == 0
    assert_same_tables(tables_of(run), expected)
    assert parts(run) == []


def test_what_fails_leaves_earlier_rows(run, expected, capsys, monkeypatch):
    assert measure(run, capsys)[0] == 0
    forget_measured(run)
    with monkeypatch.context() as patch:
        patch.setattr(Coupled, "estimates", broken_estimates)
        assert measure(run, capsys)[0] == 1
    assert_same_tables(tables_of(run), expected)


def test_a_measurement_that_fails_at_an_epoch(run, expected, capsys, monkeypatch):
    measured = []

    def broken(self, snapshot, call=BinnedEntropy.__call__):
        measured.append(snapshot.epoch)
        if snapshot.epoch == 2:
            raise MemoryError("no more")
        # a column that the table does not have is no reason to stop either
        return call(self, snapshot).assign(**{"colour": 1} if snapshot.epoch == 3 else {})

    with monkeypatch.context() as patch:
        patch.setattr(BinnedEntropy, "__call__", broken)
        status, err = measure(run, capsys)
    assert status == 1
    assert "epoch 2: binned_entropy: MemoryError: no more" in err
    assert "epoch 3: binned_entropy: KeyError" in err
    assert "points of 2 of 5 epochs" in err
    tables = tables_of(run)
    assert set(tables["binned_entropy"].epoch) == {0, 1, 4}
    assert tables["mutual_information"].equals(expected["mutual_information"])
    # only what failed is measured again
    measured.clear()
    with monkeypatch.context() as patch:
        patch.setattr(BinnedEntropy, "__call__", broken)
        assert measure(run, capsys)[0] == 1
    assert sorted(measured) == [2, 3]
    assert measure(run, capsys)[0] == 0
    assert_same_tables(tables_of(run), expected)


def test_a_summary_waits_for_the_points_that_failed(run, capsys, monkeypatch):
    words = ["measure.measurements=[mutual_information,guarantee]"]
    with monkeypatch.context() as patch:
        patch.setattr(Coupled, "estimates", broken_estimates)
        status, err = measure(run, capsys, *words)
    assert status == 1
    assert "guarantee is not updated" in err
    assert not run.table_path("guarantee").exists()
    assert measure(run, capsys, *words)[0] == 0
    assert run.table_path("guarantee").exists()


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced(run, capsys, tmp_path):
    status, err = measure(run, capsys, *deadly(tmp_path, times=1))
    assert status == 0
    assert err.count("a worker process died") == 1
    assert run.table("parameter").epoch.tolist() == list(range(EPOCHS + 1))


def settings_of(run, **measure):
    return OmegaConf.merge(run.config, {"measure": measure})


@pytest.mark.slow
def test_the_epochs_of_several_runs_share_one_pool(trained, expected, tmp_path, monkeypatch):
    pools = []

    def in_processes(tasks, n_jobs):
        pools.append(len(tasks))
        return measure_processes.in_processes(tasks, n_jobs)

    monkeypatch.setattr("ib_runner.stages.measure_runs.in_processes", in_processes)
    runs = [copy(trained, tmp_path / name) for name in "abcd"]
    held, refused, *whole = runs
    configs = {run: settings_of(run, n_jobs=2) for run in whole}
    configs[held] = settings_of(held, n_jobs=2)
    configs[refused] = settings_of(refused, measurements=["binned_entropy", "again"], n_jobs=2)
    configs[refused].measurement.again = configs[refused].measurement.binned_entropy
    with held.held():
        failed = measure_runs(configs)
    assert pools == [3 * (EPOCHS + 1)]
    assert failed.keys() == {held, refused}
    assert isinstance(failed[held], RunInUseError)
    assert isinstance(failed[refused], UsageError)
    assert "make the same rows of binned_entropy" in str(failed[refused])
    assert tables_of(held) == tables_of(refused) == {}
    for run in whole:
        assert_same_tables(tables_of(run), expected)
        assert parts(run) == []
    with refused.held(), whole[0].held():
        pass  # all are let go
    assert not any("_dataset" in run.__dict__ for run in whole)  # nor are data sets kept


def test_a_run_is_let_go_when_its_own_epochs_are_done(trained, tmp_path, monkeypatch):
    runs = [copy(trained, tmp_path / name) for name in "ab"]
    held = []

    def in_processes(tasks, n_jobs):
        for result in measure_processes.in_processes(tasks, n_jobs):
            held.append([is_held(run.path) for run in runs])
            yield result

    monkeypatch.setattr("ib_runner.stages.measure_runs.in_processes", in_processes)
    assert measure_runs({run: settings_of(run) for run in runs}) == {}
    assert held == (EPOCHS + 1) * [[True, True]] + (EPOCHS + 1) * [[False, True]]
    assert [is_held(run.path) for run in runs] == [False, False]


@pytest.mark.slow
def test_an_epoch_that_kills_every_worker_costs_no_other(run, capsys, tmp_path):
    status, err = measure(run, capsys, *deadly(tmp_path, times=100))
    assert status == 1
    assert "epoch 2: nothing measured: 3 worker processes died" in err
    assert "measure.n_jobs" in err
    assert run.table("parameter").epoch.tolist() == [0, 1, 3, 4]
    assert len(list(tmp_path.glob("death-*"))) < 10
