"""IDX files: what is read, and what is refused."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

from ib_runner.datasets.idx import read_idx
from ib_runner.errors import DamagedFileError

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def idx(array: np.ndarray = ARRAY) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("array", [ARRAY, ARRAY[0, 0], np.zeros((0, 28, 28), np.uint8)])
def test_plain_and_compressed(tmp_path, array):
    (tmp_path / "a").write_bytes(idx(array))
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(array)))
    digest = hashlib.sha256(idx(array)).hexdigest()
    for name in ("a", "a.gz"):
        np.testing.assert_array_equal(read_idx(tmp_path / name, digest), array)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no IDX file"),
        (b"\x1f\x8b\x08\x00", "no IDX file"),
        (b"\x00\x00\x0d" + idx()[3:], "no IDX file"),
        (b"\x00\x00\x08\x07" + idx()[4:], "no IDX file"),
        (idx()[:9], "truncated within its header"),
        (idx()[:-1], "truncated, 23 values where its header says 2 × 3 × 4"),
        (idx() + b"\x00", "longer than it says"),
        (idx()[:4] + b"\xff" * 12 + idx()[16:], "truncated"),
    ],
)
def test_damage_is_named(tmp_path, content, reason):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=reason) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda c: c[: len(c) // 2], "truncated"),
        (lambda c: c[:-8], "truncated"),
        (lambda c: b"<html>" + c, "cannot be read"),
        (lambda c: c[:12] + bytes([c[12] ^ 0xFF]) + c[13:], "cannot be read|no IDX file"),
    ],
)
def test_damaged_compression_is_named(tmp_path, damage, reason):
    path = tmp_path / "file.gz"
    path.write_bytes(damage(gzip.compress(idx())))
    with pytest.raises(DamagedFileError, match=reason):
        read_idx(path)


def test_one_changed_value_is_noticed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(idx()[:-1] + b"\x00")
    read_idx(path)
    with pytest.raises(DamagedFileError, match="not the published file"):
        read_idx(path, hashlib.sha256(idx()).hexdigest())


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DamagedFileError, match="cannot be read"):
        read_idx(tmp_path / "none")
