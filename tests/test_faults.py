"""Full or failing disks and damaged files: an error that names the file, and no lost results."""

import errno
import json
import os
import shutil

import pytest
from tiny_run import EPOCHS, assert_same_tables, forget_measured, tables_of, train_tiny

from ib_runner import cli
from ib_runner.errors import IbRunError
from ib_runner.files import atomic
from ib_runner.runs.folder import Run

REFUSALS = [
    (errno.ENOSPC, "Make room on the disk"),
    (errno.EACCES, "write permission"),
    (errno.EROFS, "read-only"),
]

#: what can be measured in no time
QUICK = "measure.measurements=[binned_entropy,representation]"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that was trained, measured and plotted."""
    run = train_tiny(tmp_path_factory.mktemp("finished"), QUICK)
    for stage in ("measure", "plot"):
        assert cli.main([stage, f"run={run.path}"]) == 0
    return run


@pytest.fixture
def run(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    return Run(tmp_path / "run")


def ib_run(capsys, stage, run, *words):
    """Status and standard error; an error takes three lines at most, and is no traceback."""
    capsys.readouterr()
    status = cli.main([stage, f"run={run.path}", *words])
    err = capsys.readouterr().err
    message = err[err.find("ib-run: ") :].strip()
    assert "Traceback" not in err
    assert status == 0 or len(message.splitlines()) <= 3, message
    return status, err


def contents(run):
    """Tables and figures with their bytes."""
    paths = [*run.path.glob("measurements/*.parquet"), *run.path.glob("figures/*")]
    return {path: path.read_bytes() for path in paths}


def refusing(monkeypatch, names, code):
    """Let the system refuse to write files whose names end with ``names``."""
    write = atomic._write_and_sync

    def refuse(path, data):
        # temporary files are .NAME.RANDOM.tmp
        if path.name.rsplit(".", 2)[0].endswith(names):
            raise OSError(code, os.strerror(code))
        write(path, data)

    monkeypatch.setattr(atomic, "_write_and_sync", refuse)


@pytest.mark.parametrize(("code", "remedy"), REFUSALS)
@pytest.mark.parametrize("stage", ["measure", "plot"])
def test_a_disk_that_refuses(stage, code, remedy, run, capsys, monkeypatch):
    before = contents(run)
    forget_measured(run)
    name = {"measure": "000000.zip", "plot": "losses.png"}[stage]
    with monkeypatch.context() as patch:
        refusing(patch, name, code)
        status, err = ib_run(capsys, stage, run)
    assert status == 1
    assert name in err
    assert remedy in err
    assert contents(run) == before
    assert list(run.path.rglob("*.tmp")) == []
    assert ib_run(capsys, stage, run)[0] == 0


def test_no_room_when_all_is_measured(run, capsys, monkeypatch):
    """The parts are written, the table is not: the next measurement only puts them together."""
    wanted = tables_of(run)
    for path in run.path.glob("measurements/*.parquet"):
        path.unlink()

    def refuse(*args):
        raise IbRunError("no room")

    with monkeypatch.context() as patch:
        patch.setattr("ib_runner.stages.measure_run.write_table", refuse)
        status, err = ib_run(capsys, "measure", run)
    assert (status, "no room" in err) == (1, True)
    with monkeypatch.context() as patch:
        patch.setattr("ib_runner.stages.measure_epoch.EpochTask.__call__", refuse)
        assert ib_run(capsys, "measure", run)[0] == 0
    assert_same_tables(tables_of(run), wanted)


def test_a_folder_in_which_nothing_may_be_written(run, capsys, monkeypatch):
    def refuse(path, *args, opened=os.open, **kwargs):
        if str(path).endswith(".lock"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *args, **kwargs)

    before = contents(run)
    monkeypatch.setattr(os, "open", refuse)
    for stage in ("measure", "plot"):
        status, err = ib_run(capsys, stage, run)
        assert status == 1
        assert f"{run.path}/.lock: Permission denied" in err
        assert "must be writable" in err
    assert contents(run) == before


def flip(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("harm", [flip, lambda data: data[:-9]], ids=["flipped", "truncated"])
def test_a_damaged_checkpoint(harm, run, capsys):
    """Two epochs are in its file; the others are measured, and no earlier row is lost."""
    wanted, kept = tables_of(run), contents(run)
    shard = run.path / "checkpoints" / "epochs-000002-000003.safetensors"
    whole = shard.read_bytes()
    shard.write_bytes(harm(whole))
    forget_measured(run)
    status, err = ib_run(capsys, "measure", run)
    assert status == 1
    assert str(shard) in err
    assert "Restore the file from a copy" in err
    assert f"points of 2 of {EPOCHS + 1} epochs failed" in err
    assert_same_tables(tables_of(run), wanted)
    assert kept.keys() == contents(run).keys()
    shard.write_bytes(whole)
    assert ib_run(capsys, "measure", run)[0] == 0
    assert_same_tables(tables_of(run), wanted)


@pytest.mark.parametrize("harm", [flip, lambda data: data[:-9]], ids=["flipped", "truncated"])
def test_a_damaged_table(harm, run, capsys):
    path = run.table_path("binned_entropy")
    path.write_bytes(harm(path.read_bytes()))
    before = contents(run)
    for stage in ("measure", "plot"):
        status, err = ib_run(
            capsys, stage, run, *["plot.figures=[binned_entropy]"][: stage == "plot"]
        )
        assert status == 1
        assert str(path) in err
        assert "Remove the file and run the stage that writes it again" in err
    others = {name: data for name, data in contents(run).items() if name.suffix == ".png"}
    assert others.items() <= before.items()
    path.unlink()
    assert ib_run(capsys, "measure", run)[0] == 0


def test_a_table_of_another_kind(run, capsys):
    path = run.table_path("binned_entropy")
    shutil.copyfile(run.table_path("training"), path)
    status, err = ib_run(capsys, "plot", run, "plot.figures=[binned_entropy]")
    assert status == 1
    assert f"{path}: the table is another one" in err


def test_foreign_files_are_left_alone(run, capsys):
    wanted = tables_of(run)
    own = [
        run.path / "checkpoints" / "epochs-mine.safetensors",
        run.path / "measurements" / "notes.parquet",
        run.path / "measurements" / ".parts-mine" / "notes" / "done",
        run.path / "figures" / "mine.svg",
    ]
    for path in own[:2] + own[3:]:
        path.write_bytes(b"mine")
    for stage in ("train", "measure", "plot"):
        assert ib_run(capsys, stage, run)[0] == 0
    assert all(path.read_bytes() == b"mine" for path in own[:2] + own[3:])
    own[1].unlink()
    assert_same_tables(tables_of(run), wanted)


def test_checkpoints_of_another_architecture(run, capsys, tmp_path):
    wanted = tables_of(run)
    other = train_tiny(tmp_path / "other", "network.widths=[4,2]")
    shutil.rmtree(run.path / "checkpoints")
    shutil.copytree(other.path / "checkpoints", run.path / "checkpoints")
    forget_measured(run)
    status, err = ib_run(capsys, "measure", run)
    assert status == 1
    assert f"{run.path}: the checkpoint of epoch 0 does not fit the network" in err
    assert_same_tables(tables_of(run), wanted)


@pytest.mark.parametrize("stage", ["train", "measure", "plot", "check"])
def test_a_run_of_a_newer_version(stage, run, capsys):
    before = contents(run)
    state = json.loads((run.path / "run.json").read_text())
    (run.path / "run.json").write_text(json.dumps({**state, "schema_version": 99}))
    status, err = ib_run(capsys, stage, run)
    assert status == 1
    assert f"{run.path}/run.json: schema version 99" in err
    assert "Update ib-run" in err
    assert contents(run) == before


@pytest.mark.parametrize("stage", ["train", "measure", "plot"])
def test_a_configuration_that_was_changed_by_hand(stage, run, capsys):
    path = run.path / "config.yaml"
    path.write_text(path.read_text().replace("beta: 0.1\n", "beta: 0.2\n"))
    before = contents(run)
    status, err = ib_run(capsys, stage, run)
    assert status == 1
    assert f"{path}: it has noise.beta=0.2, the run was made with noise.beta=0.1" in err
    assert contents(run) == before


@pytest.mark.parametrize("index", [None, '{"format": 1, "resume": null, "shards": []}'])
@pytest.mark.parametrize("words", [(), (f"trainer.epochs={EPOCHS + 1}",)])
def test_a_complete_run_without_its_checkpoints(words, index, run, capsys):
    path, before = run.path / "checkpoints" / "index.json", contents(run)
    path.unlink()
    if index is not None:
        path.write_text(index)
    for stage in ("train", "measure"):
        status, err = ib_run(capsys, stage, run, *words[: stage == "train"])
        assert status == 1
        assert f"{path}: missing or without checkpoints" in err
        assert "Restore the folder checkpoints from a copy" in err
    assert contents(run) == before


def test_data_that_are_not_those_that_were_trained_on(run, capsys):
    path = run.path / "run.json"
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "data_fingerprint": "0" * 64}))
    before, text = contents(run), path.read_text()
    for stage, *words in (("measure",), ("train", f"trainer.epochs={EPOCHS + 1}")):
        status, err = ib_run(capsys, stage, run, *words)
        assert status == 1
        assert f"run={run.path}: the data set is not the one that it was trained on" in err
        assert "train a new run" in err
        assert path.read_text() == text
    assert contents(run) == before
    path.write_text(json.dumps({**state, "data_fingerprint": None}))
    assert ib_run(capsys, "measure", run)[0] == 0
