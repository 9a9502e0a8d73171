"""What many tests need."""

import pytest

from ib_runner import cli


@pytest.fixture
def ib_run(tmp_path, monkeypatch, capsys):
    """Status, lines of standard output and standard error of a command line in ``tmp_path``."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        capsys.readouterr()
        status = cli.main(list(words))
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return run
