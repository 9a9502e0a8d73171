"""The index of a run's checkpoints: the list of valid files, written last, which commits them."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from ib_runner.errors import DamagedFileError
from ib_runner.files.atomic import write_text
from ib_runner.files.reading import read_regular, unread
from ib_runner.runs.tensor_file import TensorFile

FORMAT = 1
_REMEDY = "Restore the file from a copy, or train again into a new folder."


@dataclass(frozen=True)
class Index:
    """The valid ``shards`` by ascending epoch, and the file to ``resume`` training from.

    ``resume`` is None before the first commit.
    """

    shards: tuple[TensorFile, ...] = ()
    resume: TensorFile | None = None

    @property
    def epochs(self) -> list[int]:
        """The checkpointed epochs, ascending."""
        return [epoch for shard in self.shards for epoch in shard.epochs]

    def names(self) -> set[str]:
        """The names of all valid files."""
        files = (*self.shards, self.resume) if self.resume else self.shards
        return {file.name for file in files}


def write_index(path: Path, index: Index) -> None:
    """Write ``index`` to ``path``: a line for each shard."""
    lines = ",\n".join("  " + json.dumps(asdict(shard)) for shard in index.shards)
    resume = json.dumps(asdict(index.resume)) if index.resume else "null"
    write_text(path, f'{{\n"format": {FORMAT},\n"resume": {resume},\n"shards": [\n{lines}\n]\n}}\n')


def read_index(path: Path) -> Index:
    """The index at ``path``; an empty one where there is no file.

    Raises ``DamagedFileError`` where the file is not an index or contradicts itself.
    """
    try:
        found = json.loads(read_regular(path))
        if found["format"] != FORMAT:
            raise DamagedFileError(
                f"{path}: format {found['format']!r}; this program knows {FORMAT}.\nUpdate ib-run."
            )
        shards = tuple(
            _file(shard, r"epochs-\d{6,}-\d{6,}(-\d+)?\.safetensors") for shard in found["shards"]
        )
        resume = found["resume"] and _file(found["resume"], r"epoch-\d{6,}\.safetensors")
    except FileNotFoundError:
        return Index()
    except OSError as error:
        raise unread(path, error, _REMEDY) from error
    except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
        raise DamagedFileError(
            f"{path}: not an index of checkpoints ({type(error).__name__}: {error}).\n{_REMEDY}"
        ) from error
    index = Index(shards, resume)
    if index.epochs != sorted(set(index.epochs)):
        raise DamagedFileError(f"{path}: its epochs do not ascend.\nRestore it from a copy.")
    return index


def _file(entry: dict, name: str) -> TensorFile:
    # a run folder may come from a stranger: a name with slashes, for example, is refused here
    file = TensorFile(
        entry["name"], tuple(entry["epochs"]), int(entry["size"]), str(entry["sha256"])
    )
    whole = all(type(epoch) is int and epoch >= 0 for epoch in file.epochs)
    if not re.fullmatch(name, file.name) or not file.epochs or not whole:
        raise ValueError(f"entry {file.name!r}")
    return file
