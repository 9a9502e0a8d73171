"""MNIST (LeCun, Cortes and Burges): 60,000 training and 10,000 validation images of digits.

The four published files, plain or with .gz, lie in ``IB_DATA``: in mnist/, in MNIST/raw/ as
torchvision leaves them, or in the folder itself. Otherwise they are downloaded to mnist/.
Pixels are scaled to [0, 1]. The background is then 0, the value that augmentation fills in; the
scale itself hardly matters, as batch norm follows the first convolution.
"""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ib_runner.datasets.augment import augment
from ib_runner.datasets.dataset import Dataset, Split
from ib_runner.datasets.download import fetch
from ib_runner.datasets.idx import read_idx
from ib_runner.errors import DamagedFileError, UnreadableError

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
    "http://yann.lecun.com/exdb/mnist/",
)
#: SHA-256 of the uncompressed bytes of each file
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
#: folders below ``IB_DATA`` that are searched for all four files; downloads go to the first
FOLDERS = ("mnist", "MNIST/raw", "mnist/raw", "mnist/MNIST/raw", "MNIST", "raw", ".")
#: the most bytes of a download (the largest compressed file has 9.9 MB)
_MOST_DOWNLOADED = 2**25


class Files(NamedTuple):
    """The folder and mirrors of MNIST's files, and the SHA-256 of each file by its name."""

    folder: Path
    sha256: dict[str, str]
    mirrors: tuple[str, ...]


def published() -> Files:
    """The real files, under ``IB_DATA`` (``data`` where that is not set)."""
    root = Path(os.environ.get("IB_DATA") or "data")
    folders = [root / name for name in FOLDERS]
    there = (one for one in folders if all(_found(one, name) for name in SHA256))
    return Files(next(there, folders[0]), SHA256, MIRRORS)


def _found(folder: Path, name: str) -> list[Path]:
    """The paths in ``folder`` of file ``name``, compressed and plain, as far as they exist."""
    return [path for path in (folder / f"{name}.gz", folder / name) if _is_file(path)]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:  # this user may not read the folder
        return False


def mnist(seed: int, files: Callable[[], Files] = published) -> Dataset:
    """MNIST: x [n, 1, 28, 28] in [0, 1], y in 0…9; ``test`` has all 10,000 validation images.

    The data are the same for every ``seed``. Training distorts an image anew in every batch, see
    ``augment``. Raises ``DamagedFileError`` where a file is not the published one,
    ``UnreadableError`` where a file may not be read, and ``IbRunError`` where a file is missing and
    cannot be downloaded; the messages say what to do.
    """
    del seed
    found = files()
    return _load(found.folder, tuple(found.sha256.items()), found.mirrors, _stamps(found.folder))


def _stamps(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of change of the files in ``folder``, which show whether they changed."""
    files = sorted(folder.glob("*-ubyte*")) if folder.is_dir() else []
    return tuple(
        (one.name, one.stat().st_size, one.stat().st_mtime_ns)
        for one in files
        if one.exists()  # a link may lead nowhere
    )


@lru_cache(maxsize=1)  # all runs of a process share one copy of 220 MB
def _load(
    folder: Path,
    sha256: tuple[tuple[str, str], ...],
    mirrors: tuple[str, ...],
    stamps: tuple[tuple[str, int, int], ...],
) -> Dataset:
    del stamps  # part of the cache's key only: changed files are read again
    found = Files(folder, dict(sha256), mirrors)
    train, test = (
        _split(found, f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte")
        for part in ("train", "t10k")
    )
    both = Split(torch.cat([train.x, test.x]), torch.cat([train.y, test.y]))
    n = len(train)
    index = slice(None, n), slice(n, None)
    train, test = (Split(both.x[part], both.y[part]) for part in index)
    return Dataset(train=train, test=test, all=both, n_classes=10, augment=augment)


def _split(files: Files, images: str, labels: str) -> Split:
    x, y = _read(files, images), _read(files, labels)
    if x.ndim != 3 or y.shape != x.shape[:1] or y.max(initial=0) > 9:
        raise DamagedFileError(f"{files.folder}: {images} and {labels} do not belong together.")
    pixels = torch.from_numpy(x.astype(np.float32)).unsqueeze(1) / 255
    return Split(pixels, torch.from_numpy(y.astype(np.int64)))


def _read(files: Files, name: str) -> np.ndarray:
    sha256 = files.sha256[name]
    there = _found(files.folder, name)
    if not there:
        there = [
            fetch(
                f"{name}.gz",
                files.folder,
                files.mirrors,
                check=lambda path: read_idx(path, sha256),
                most_bytes=_MOST_DOWNLOADED,
            )
        ]
    damaged, unreadable = [], []
    for path in there:
        try:
            return read_idx(path, sha256)
        except DamagedFileError as error:
            damaged.append(error)
        except UnreadableError as error:
            unreadable.append(error)
    if unreadable:
        raise unreadable[0]
    raise DamagedFileError(
        f"{damaged[0]}\n"
        "Delete it to have it downloaded again, or replace it; IB_DATA names mnist's folder."
    ) from damaged[0]
