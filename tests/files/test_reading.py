"""Files that cannot be read: the error says why, and says damaged only where a file is."""

import builtins
import errno
import io
import os

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from ib_runner.errors import DamagedFileError, UnreadableError
from ib_runner.files.reading import read_regular, unread
from ib_runner.runs.checkpoint_index import Index, read_index, write_index
from ib_runner.runs.folder import Run
from ib_runner.runs.sweep_folder import Sweep, read_sweep, write_sweep
from ib_runner.runs.tensor_file import read_tensor_file, write_tensor_file
from ib_runner.tables.files import read_table, write_table


def index(folder):
    write_index(folder / "index.json", Index())
    return lambda: read_index(folder / "index.json")


def checkpoint(folder):
    file = write_tensor_file(folder, "a.safetensors", (0,), {"w": torch.zeros(2)})
    return lambda: read_tensor_file(folder, file)


def table(folder):
    rows = pd.DataFrame({"epoch": [0], "name": ["w"], "value": [1.0]})
    write_table(folder / "parameter.parquet", rows, "parameter")
    return lambda: read_table(folder / "parameter.parquet")


def sweep(folder):
    write_sweep(folder, Sweep("train", [], [], {}))
    return lambda: read_sweep(folder)


def new_run(folder):
    return Run.create(OmegaConf.create({"experiment": "e", "seed": 0}), folder / "run")


def state(folder):
    run = new_run(folder)
    return lambda: run.info


def configuration(folder):
    run = new_run(folder)
    return lambda: run.config


FILES = {
    index: "index.json",
    checkpoint: "a.safetensors",
    table: "parameter.parquet",
    sweep: "sweep.json",
    state: "run.json",
    configuration: "config.yaml",
}


def refuse(patch, name, code):
    """Let the system refuse to open files of this ``name``."""
    for module, opened in ((os, os.open), (io, io.open), (builtins, builtins.open)):

        def answer(path, *args, opened=opened, **kwargs):
            if not isinstance(path, int) and os.path.basename(path) == name:
                raise OSError(code, os.strerror(code), str(path))
            return opened(path, *args, **kwargs)

        patch.setattr(module, "open", answer)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.EACCES, "permission"), (errno.EIO, "try again"), (errno.ESTALE, "mount")],
)
@pytest.mark.parametrize("kind", FILES, ids=lambda kind: kind.__name__)
def test_a_file_that_may_not_be_read(tmp_path, kind, code, remedy):
    read = kind(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        refuse(patch, FILES[kind], code)
        with pytest.raises(UnreadableError, match=remedy) as caught:
            read()
    message = str(caught.value)
    assert f"{FILES[kind]}: cannot be read ({os.strerror(code)})" in message
    assert "Restore" not in message
    assert "Remove" not in message
    read()


def test_other_errors_are_damage_in_two_lines(tmp_path):
    error = unread(tmp_path / "a", ValueError("one\ntwo"), "Restore it.")
    assert isinstance(error, DamagedFileError)
    assert str(error) == f"{tmp_path}/a: cannot be read (one).\nRestore it."


def test_pipes_and_other_sizes_are_no_regular_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="not a regular file"):
        read_regular(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"abc")
    assert read_regular(tmp_path / "file", 3) == b"abc"
    with pytest.raises(ValueError, match="3 bytes instead of 4"):
        read_regular(tmp_path / "file", 4)
