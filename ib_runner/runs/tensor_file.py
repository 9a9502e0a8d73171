"""Tensors in safetensors files, checked by size and SHA-256 when they are read."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from ib_runner.errors import DamagedFileError
from ib_runner.files.atomic import make_folder, write_bytes
from ib_runner.files.reading import read_regular, unread

_REMEDY = "Restore the file from a copy, or train again into a new folder."


@dataclass(frozen=True)
class TensorFile:
    """The index's line for one file: its ``name``, ``epochs``, size in bytes and SHA-256."""

    name: str
    epochs: tuple[int, ...]
    size: int
    sha256: str


def write_tensor_file(
    folder: Path, name: str, epochs: tuple[int, ...], tensors: Mapping[str, Tensor]
) -> TensorFile:
    """Write ``tensors`` to ``folder``/``name``; the epochs go into the file's metadata as well."""
    # one metadata key only: safetensors writes several in an order that differs between processes
    data = safetensors.torch.save(dict(tensors), {"epochs": json.dumps(epochs)})
    make_folder(folder)
    write_bytes(folder / name, data)
    return TensorFile(name, epochs, len(data), hashlib.sha256(data).hexdigest())


def read_tensor_file(folder: Path, file: TensorFile) -> dict[str, Tensor]:
    """The tensors of ``file``.

    Raises ``DamagedFileError`` where the file is missing, truncated, altered or exchanged.
    """
    path = folder / file.name
    try:
        data = read_regular(path, file.size)
    except FileNotFoundError as error:
        raise _damaged(path, "the file is missing") from error
    except OSError as error:
        raise unread(path, error, _REMEDY) from error
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise _damaged(path, "the contents are not those that were written")
    try:
        length = int.from_bytes(data[:8], "little")
        epochs = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["epochs"])
        tensors = safetensors.torch.load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, "not a checkpoint of ours") from error
    if epochs != list(file.epochs):
        raise _damaged(path, "it holds other epochs than the index says")
    return tensors


def _damaged(path: Path, what: str) -> DamagedFileError:
    return DamagedFileError(f"{path}: {what}.\n{_REMEDY}")
