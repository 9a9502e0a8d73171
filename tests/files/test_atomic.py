import errno
import os
import stat

import pytest

from ib_runner.errors import IbRunError
from ib_runner.files import atomic
from ib_runner.files.atomic import write_bytes, write_json, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "file"
    write_bytes(path, b"old")
    write_text(path, "ü")
    assert path.read_bytes() == "ü".encode()
    write_json(path, {"a": [1, "ü"]})
    assert path.read_text("utf-8") == '{\n  "a": [\n    1,\n    "ü"\n  ]\n}\n'
    assert names(tmp_path) == ["file"]


def test_nan_is_no_json(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "file", {"a": float("nan")})
    assert names(tmp_path) == []


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_mode_respects_the_umask(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_bytes(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


@pytest.mark.parametrize("step", ["fsync", "replace", "open"])
@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "Make room on the disk"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "write permission"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "an older file of this name is kept"),
    ],
)
def test_a_failure_keeps_the_old_file_and_says_what_to_do(
    tmp_path, monkeypatch, step, code, remedy
):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, step, fail)
        with pytest.raises(IbRunError, match=remedy) as caught:
            write_bytes(path, b"new")
    assert str(path) in str(caught.value)
    assert os.strerror(code) in str(caught.value)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_an_interruption_leaves_no_temporary_file(tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_bytes(tmp_path / "file", b"new")
    assert names(tmp_path) == []


def test_a_missing_folder(tmp_path):
    with pytest.raises(IbRunError, match="folder is gone"):
        write_bytes(tmp_path / "gone" / "file", b"")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(IbRunError, match="write permission"):
            write_bytes(tmp_path / "file", b"")
    finally:
        tmp_path.chmod(0o700)


def test_file_and_folder_are_synced(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync

    def note(descriptor):
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    monkeypatch.setattr(atomic.os, "fsync", note)
    write_bytes(tmp_path / "file", b"new")
    assert synced == [False, True]
