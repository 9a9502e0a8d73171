"""The inputs and labels of a recorded run, kept in its run folder."""

from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError

from ib_runner.datasets import Dataset, Split
from ib_runner.datasets.recorded import inputs_of
from ib_runner.errors import DamagedFileError
from ib_runner.files.atomic import write_bytes
from ib_runner.runs.tensor_file import read_regular

INPUTS_NAME = "inputs.safetensors"


def write_inputs(folder: Path, dataset: Dataset) -> None:
    """Write all inputs and targets of ``dataset`` into run folder ``folder``."""
    tensors = {"x": dataset.all.x.contiguous(), "y": dataset.all.y.contiguous()}
    write_bytes(folder / INPUTS_NAME, safetensors.torch.save(tensors))


def read_inputs(folder: Path) -> Dataset:
    """The data set that ``write_inputs`` wrote; ``DamagedFileError`` where it cannot be read."""
    path = folder / INPUTS_NAME
    try:
        tensors = safetensors.torch.load(read_regular(path))
        return inputs_of(Split(tensors["x"], tensors["y"]))
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise DamagedFileError(
            f"{path}: cannot be read ({error}).\nRestore the file from a copy."
        ) from error
