"""``logging=tensorboard``: the event files, read back."""

import pytest

from ib_runner.runs.folder import Run
from ib_runner.training import tensorboard

TINY = ["network.widths=[3,2]", "trainer.shard_epochs=2", "device=cpu"]


def logged(path):
    """Every scalar in the order of the files: (tag, epoch, value)."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    files = sorted((path / "tensorboard").iterdir())
    return [
        (value.tag, event.step, value.simple_value)
        for file in files
        for event in LegacyEventFileLoader(str(file)).Load()
        for value in event.summary.value
    ]


def in_table(run):
    return sorted(
        (f"{name}/{row.split}", row.epoch, pytest.approx(getattr(row, name)))
        for name in ("loss", "accuracy")
        for row in run.table("training").itertuples()
    )


def test_every_epoch_once_however_often_it_is_resumed(ib_run):
    status, out, _ = ib_run("train", *TINY, "trainer.epochs=3", "logging=tensorboard")
    assert status == 0
    run = Run(out[-1])
    assert sorted(logged(run.path)) == in_table(run)
    # the last record is cut off, as by a kill
    (file,) = (run.path / "tensorboard").iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    more = ["train", f"run={run.path}", "trainer.epochs=5"]
    assert ib_run(*more)[0] == 0  # logging is saved with the run
    assert len(list((run.path / "tensorboard").iterdir())) == 2
    assert sorted(logged(run.path)) == in_table(run)
    assert ib_run(*more[:2], "trainer.epochs=6", "logging=none")[0] == 0
    assert max(epoch for _, epoch, _ in logged(run.path)) == 5
    assert ib_run(*more[:2], "trainer.epochs=7", "logging=tensorboard")[0] == 0
    assert sorted(logged(run.path)) == in_table(run)


def test_the_run_is_the_same_with_and_without(ib_run):
    plain, logging = (
        Run(ib_run("train", *TINY, "trainer.epochs=2", f"logging={one}")[1][-1])
        for one in ("none", "tensorboard")
    )
    assert not (plain.path / "tensorboard").exists()
    for folder in ("checkpoints", "resume"):
        for file in (plain.path / folder).iterdir():
            assert file.read_bytes() == (logging.path / folder / file.name).read_bytes()


def test_the_package_is_missing(ib_run, monkeypatch, tmp_path):
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    status, _, err = ib_run("train", *TINY, "logging=tensorboard")
    assert status == 2
    assert "pip install 'ib-run[tensorboard]'" in err
    assert len(err.splitlines()) <= 3
    assert list(tmp_path.iterdir()) == []
