"""Hydra, opened once for the tests of command lines, in a folder of their own."""

import pytest

from ib_runner.config.compose import open_hydra


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Hydra over ``conf/``; the working folder is empty."""
    monkeypatch.chdir(tmp_path)
    return open_hydra()
