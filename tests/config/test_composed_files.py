"""Cached configurations equal those that Hydra composes now, or are not used."""

import os

import pytest
from hydra.types import RunMode
from omegaconf import OmegaConf

from ib_runner.config import composed_files, quick_compose
from ib_runner.config.compose import compose, open_hydra, settings

LINES = [
    ("train", ["+exp=szt_tanh", "trainer.epochs=5"]),
    ("all", ["+exp=mnist", "condition=dropout"]),
    ("measure", []),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where this test's user has a cache."""
    monkeypatch.setattr(composed_files, "user_cache_path", lambda name: tmp_path / name)
    monkeypatch.setattr(quick_compose, "_KEPT", {})
    yield tmp_path / "ib-run" / "composed"
    composed_files._packaged.cache_clear()


@pytest.fixture
def calls(monkeypatch):
    """What Hydra itself composed."""
    found = []
    whole = type(open_hydra()).compose_config

    def counted(self, *of):
        found.append(of)
        return whole(self, *of)

    monkeypatch.setattr("hydra._internal.hydra.Hydra.compose_config", counted)
    return found


def next_process(monkeypatch):
    """Forget what a process keeps in its memory."""
    monkeypatch.setattr(quick_compose, "_KEPT", {})
    composed_files._packaged.cache_clear()


@pytest.mark.parametrize(("name", "overrides"), LINES)
def test_the_next_command_line_reads_what_hydra_composes(
    folder, calls, monkeypatch, name, overrides
):
    expected = open_hydra().compose_config(name, list(overrides), RunMode.RUN)
    compose(open_hydra(), name, overrides)
    assert len(list(folder.glob("*.json"))) == 1
    calls.clear()
    next_process(monkeypatch)
    found = compose(open_hydra(), name, overrides)
    assert calls == []
    assert OmegaConf.to_container(found) == OmegaConf.to_container(expected)
    assert settings(found) == settings(expected)
    assert OmegaConf.is_struct(found)
    typed = compose(open_hydra(), name, overrides, typed=True)
    assert OmegaConf.get_type(typed, "hydra") == OmegaConf.get_type(expected, "hydra")


def test_a_changed_entry_is_read_again(folder, calls, monkeypatch):
    compose(open_hydra(), "train", ["+exp=szt_tanh"])
    next_process(monkeypatch)
    as_it_was = list(composed_files._files())
    monkeypatch.setattr(composed_files, "_files", lambda: [*as_it_was[:-1], "changed"])
    calls.clear()
    compose(open_hydra(), "train", ["+exp=szt_tanh"])
    assert len(calls) == 1
    assert len(list(folder.glob("*.json"))) == 2


def test_contents_count_and_not_their_time(folder, monkeypatch, tmp_path):
    """An upgrade may leave size and time of a file as they were."""
    (tmp_path / "one.yaml").write_text("beta: 1\n")
    monkeypatch.setattr(composed_files.resources, "files", lambda name: tmp_path)
    first = list(composed_files._files())
    known = (tmp_path / "one.yaml").stat()
    (tmp_path / "one.yaml").write_text("beta: 2\n")
    os.utime(tmp_path / "one.yaml", ns=(known.st_atime_ns, known.st_mtime_ns))
    assert list(composed_files._files()) != first


@pytest.mark.parametrize("text", ["", "{", "[]", "null", b"\xff"])
def test_a_damaged_file_is_made_anew(folder, calls, monkeypatch, text):
    expected = settings(compose(open_hydra(), "train", ["+exp=szt_tanh"]))
    (path,) = folder.glob("*.json")
    good = path.read_bytes()
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    next_process(monkeypatch)
    calls.clear()
    assert settings(compose(open_hydra(), "train", ["+exp=szt_tanh"])) == expected
    assert len(calls) == 1
    assert path.read_bytes() == good


def test_without_a_cache_it_composes(folder, monkeypatch, tmp_path):
    (tmp_path / "ib-run").write_text("no folder")
    assert settings(compose(open_hydra(), "train", ["+exp=szt_tanh", "seed=7"])).seed == 7


def test_the_newest_are_kept(folder, monkeypatch):
    monkeypatch.setattr(composed_files, "MOST", 2)
    for key in "abc":
        composed_files.write([key], {"key": key})
    assert len(list(folder.glob("*.json"))) == 2
    assert composed_files.read(["c"]) == {"key": "c"}


def test_a_folder_of_the_users_is_never_kept(folder, tmp_path):
    (tmp_path / "conf" / "exp").mkdir(parents=True)
    (tmp_path / "conf" / "exp" / "mine.yaml").write_text("# @package _global_\nseed: 4\n")
    compose(open_hydra(str(tmp_path / "conf")), "train", ["+exp=mine"])
    assert not folder.exists()
