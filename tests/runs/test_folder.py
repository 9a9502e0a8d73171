"""Run folders that are complete, incomplete or damaged."""

import errno
import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from without_flock import refuse_flock

from ib_runner.commands import resume
from ib_runner.errors import DamagedFileError, IbRunError, RunInUseError, UsageError
from ib_runner.files import atomic
from ib_runner.runs.find import find_all, find_latest, open_found, open_run
from ib_runner.runs.folder import Run
from ib_runner.runs.log import logger
from ib_runner.runs.sweep_folder import Sweep, write_sweep
from ib_runner.stages.listing import list_runs

CONFIG = OmegaConf.create(
    {"experiment": "e", "seed": 3, "trainer": {"shard_epochs": 10}, "noise": {"beta": 0.1}}
)


def make(root, name, state="complete", started="2026-01-01", folder="e"):
    run = Run.create(CONFIG, root / folder / name)
    run.update(state=state, started=started)
    return run


def test_a_new_run_says_what_it_is(tmp_path):
    run = make(tmp_path, "a", state="interrupted")
    assert run.config.seed == 3
    assert run.info["experiment"] == "e"
    assert run.epochs == []
    with pytest.raises(FileExistsError):
        Run.create(CONFIG, run.path)


def test_running_without_a_process_counts_as_interrupted(tmp_path):
    assert make(tmp_path, "a", state="running").state == "interrupted"


def test_a_run_that_is_starting_runs_until_its_process_ends(tmp_path):
    run = Run.create(CONFIG, tmp_path / "e" / "a", doing="train")
    assert Run(run.path).state == "running"
    assert "running" in list_runs(str(tmp_path))
    with pytest.raises(RunInUseError), Run(run.path).held():
        pass
    with run.held("train"):  # this one has it already
        run.update(note="what it says otherwise is kept")
        assert Run(run.path).state == "running"
    assert Run(run.path).state == "interrupted"
    with run.held():
        assert Run(run.path).state == "interrupted"  # it is measured, say
    other = Run.create(CONFIG, tmp_path / "e" / "b", doing="train")
    path = other.path
    del other
    assert Run(path).state == "interrupted"


def test_a_run_that_cannot_be_made_leaves_no_folder(tmp_path, monkeypatch):
    (tmp_path / "e" / "a").mkdir(parents=True)

    def refuse(path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic, "_write_and_sync", refuse)
    with pytest.raises(IbRunError, match="Make room"):
        Run.create(CONFIG, tmp_path / "e" / "a", doing="train")
    assert list((tmp_path / "e").iterdir()) == []


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM])
def test_on_a_file_system_without_locks_runs_are_made_and_listed(tmp_path, monkeypatch, code):
    monkeypatch.setattr(fcntl, "flock", fcntl.flock)
    refuse_flock(code)
    run = Run.create(CONFIG, tmp_path / "e" / "a", doing="train")
    assert " running " in list_runs(str(tmp_path)).splitlines()[1]
    with run.held():
        run.update(state="running")
    assert " interrupted " in list_runs(str(tmp_path)).splitlines()[1]
    with run.held():
        run.update(state="complete")
    assert " complete " in list_runs(str(tmp_path)).splitlines()[1]
    assert find_latest(tmp_path).path == run.path


@pytest.mark.parametrize("name", ["run.json", "sweep.json"])
def test_what_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch, name, caplog):
    monkeypatch.setattr(logger, "propagate", True)
    make(tmp_path, "a")
    sweep = tmp_path / "e" / "b"
    make(sweep, "seed-0", folder=".")
    write_sweep(sweep, Sweep("train", [], ["seed"], {"seed-0": []}, started="2026-01-04"))
    read = Path.read_text

    def refuse(path, *args, **kwargs):
        if path.name == name and "b" in path.parts:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return read(path, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", refuse)
    rows = [row.split() for row in list_runs(str(tmp_path)).splitlines()]
    (row,) = [row for row in rows if row[0] == str(sweep)]
    assert row[-1] == "unreadable"
    assert list_runs(str(tmp_path), state="unreadable").splitlines()[1].split() == row
    assert find_latest(tmp_path).path.name == "a"
    assert "unreadable, passed over" in caplog.text
    assert "damaged" not in caplog.text


def test_missing_runs_and_tables_are_named(tmp_path):
    with pytest.raises(UsageError, match="no run folder"):
        Run(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        open_found(tmp_path / "nowhere")
    run = make(tmp_path, "a")
    with pytest.raises(FileNotFoundError, match="ib-run measure"):
        run.table("mutual_information")
    with pytest.raises(FileNotFoundError, match="Did you mean mutual_information"):
        run.table("mutual_informations")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 200_000,
        '{"state": "great"}',
        '{"state": "complete", "schema_version": 1, "started": 5}',
        '{"state": "complete", "schema_version": 1, "trained_with": 5}',
        '{"state": "complete", "schema_version": 99}',
    ],
    ids=lambda content: content[:60],
)
def test_a_damaged_state_is_named(tmp_path, content):
    run = make(tmp_path, "a")
    (run.path / "run.json").write_text(content)
    with pytest.raises(DamagedFileError, match=r"run\.json"):
        run.info  # noqa: B018 - reading is the test


def test_a_damaged_configuration_is_named(tmp_path):
    run = make(tmp_path, "a")
    (run.path / "config.yaml").write_text("a: [1,")
    with pytest.raises(DamagedFileError, match=r"config\.yaml"):
        Run(run.path).config  # noqa: B018 - reading is the test


def test_the_latest_is_the_one_started_last_among_the_complete(tmp_path):
    make(tmp_path, "b", started="2026-01-02")
    make(tmp_path, "a", started="2026-01-03")
    make(tmp_path, "c", state="failed", started="2026-01-04")
    assert find_latest(tmp_path).path.name == "a"
    assert open_run(output_root=tmp_path).path.name == "a"
    with pytest.raises(UsageError, match="no run with a complete training"):
        find_latest(tmp_path / "empty")


def test_a_sweeps_jobs_count_as_the_sweep(tmp_path):
    make(tmp_path, "old", started="2026-01-01")
    sweep = tmp_path / "e" / "sweep_x"
    make(sweep, "seed-0", started="2026-01-05", folder=".")
    job = make(sweep, "seed-1", started="2026-01-06", folder=".")
    jobs = {"seed-0": ["seed=0"], "seed-1": ["seed=1"]}
    write_sweep(sweep, Sweep("train", [], ["seed"], jobs, started="2026-01-04"))
    latest = find_latest(tmp_path)
    assert latest.is_sweep
    assert latest.path == sweep
    assert [run.path.name for run in latest.runs] == ["seed-0", "seed-1"]
    job.update(state="interrupted")
    assert find_latest(tmp_path).path.name == "old"
    assert len(find_all(tmp_path)) == 2
    assert open_run(output_root=tmp_path).path.name == "seed-0"


def test_a_sweep_with_jobs_that_never_started_is_not_complete(tmp_path):
    sweep = tmp_path / "e" / "sweep_x"
    make(sweep, "seed-0", folder=".")
    jobs = {"seed-0": ["seed=0"], "seed-1": ["seed=1"]}
    write_sweep(sweep, Sweep("train", [], ["seed"], jobs, started="2026-01-04"))
    assert not open_found(sweep).complete


def test_a_folder_that_a_killed_process_left_before_it_was_a_run(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.yaml").write_text("half")
    assert Run.create(CONFIG, tmp_path / "a").config.seed == 3


def test_what_a_killed_process_left_half_written_goes_with_the_next(tmp_path):
    run = make(tmp_path, "a")
    (run.path / "measurements").mkdir()
    left = [run.path / ".run.json.1.tmp", run.path / "measurements" / ".density.parquet.1.tmp"]
    for path in left:
        path.write_text("half")
    with run.held():
        assert not any(path.exists() for path in left)


class OneMoment:
    """A clock that stands still for a hundred readings."""

    def __init__(self):
        self.readings = 0

    def now(self):
        self.readings += 1
        return datetime(2026, 1, 1, microsecond=self.readings // 100)


def new_folder(config):
    with resume.new_folder(config) as path:
        return path


def test_runs_of_one_microsecond_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "datetime", OneMoment())
    config = OmegaConf.merge(CONFIG, {"output_root": str(tmp_path)})
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: new_folder(config), range(40)))
    assert len(set(folders)) == 40
    assert {path.name for path in (tmp_path / "e").iterdir()} == {path.name for path in folders}


@pytest.mark.parametrize(
    "name",
    ["checkpoints", "resume", "measurements", "figures", "tensorboard", "train.log", "mine.log"],
)
def test_a_link_in_a_run_is_refused_before_anything_is_removed(tmp_path, name):
    run, other = make(tmp_path, "a"), tmp_path / "other"
    other.mkdir()
    (other / ".mine.tmp").write_text("mine")
    (run.path / name).symlink_to(other)
    refused = pytest.raises(DamagedFileError, match=rf"{name}: is a link.*\nPut the f\w+ itself")
    with refused, run.held():
        pass
    assert (other / ".mine.tmp").read_text() == "mine"


def test_a_run_folder_may_itself_be_a_link(tmp_path):
    (tmp_path / "b").symlink_to(make(tmp_path, "a").path)
    with Run(tmp_path / "b").held():
        pass


DAMAGES = ["{", "null", '{"started": 5}', "[" * 200_000]


@pytest.mark.parametrize("content", DAMAGES, ids=lambda content: content[:20])
@pytest.mark.parametrize("where", ["b/run.json", "sweep_x/sweep.json", "sweep_x/seed-0/run.json"])
def test_a_damaged_folder_stops_no_other(tmp_path, where, content, caplog, monkeypatch):
    monkeypatch.setattr(logger, "propagate", True)
    for name in ("a", "b"):
        make(tmp_path, name)
    sweep = tmp_path / "e" / "sweep_x"
    make(sweep, "seed-0", folder=".")
    write_sweep(sweep, Sweep("train", [], ["seed"], {"seed-0": []}, started="2026-01-04"))
    (tmp_path / "e" / "b" / "run.json").write_text('{"state": "failed", "schema_version": 1}')
    path = tmp_path / "e" / where
    path.write_text(content)
    expected = "sweep_x" if where == "b/run.json" else "a"
    assert find_latest(tmp_path).path.name == expected
    assert str(path) in caplog.text
    assert open_run(output_root=tmp_path).state == "complete"
    rows = list_runs(str(tmp_path)).splitlines()
    (row,) = [row for row in rows if row.split()[-1] == "damaged"]
    assert row.split()[0] == str(tmp_path / "e" / where.split("/")[0])
    assert len(rows) == 4
    assert list_runs(str(tmp_path), state="damaged").splitlines()[1].split() == row.split()
