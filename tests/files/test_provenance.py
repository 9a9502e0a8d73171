"""Provenance: every table of a run and ``run.json`` name the versions that made them."""

import json
import subprocess

import pyarrow.parquet as pq
import pytest

from ib_runner import cli
from ib_runner.files import provenance
from ib_runner.runs.folder import Run
from ib_runner.tables.version import SCHEMA_VERSION

TINY = ["network.widths=[3,2]", "trainer.epochs=2", "seed=5", "device=cpu"]
TINY += ["measure.epochs=[0,2]", "measure.n_jobs=1"]
TINY += ["measure.measurements=[binned_entropy,distance_histogram,parameter,representation]"]
TINY += ["plot.figures=[losses]", "plot.formats=[png]"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A tiny run, trained, measured and checked."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["all", *TINY]) == 0
    return Run(capsys.readouterr().out.splitlines()[-1])


def test_every_table_and_the_run_say_what_made_them(run):
    info = json.loads((run.path / "run.json").read_text())
    assert info["packages"].keys() >= {"ib-run", "python", "torch", "numpy", "numba"}
    assert info["git"].keys() == {"revision", "dirty"}
    assert (info["seed"], info["schema_version"]) == (5, SCHEMA_VERSION)
    assert info["data_fingerprint"] == run.dataset().fingerprint
    assert {"host", "threads", "device", "started", "finished"} <= info.keys()

    names = {"binned_entropy", "distance_histogram", "parameter", "representation"}
    tables = {path.stem: path for path in run.path.rglob("*.parquet")}
    assert tables.keys() == names | {"training", "layers", "findings"}
    for name, path in tables.items():
        found = {k.decode(): v.decode() for k, v in pq.read_schema(path).metadata.items()}
        assert json.loads(found["packages"]) == info["packages"], name
        assert json.loads(found["git"]).keys() == info["git"].keys(), name
        assert (found["seed"], found["schema_version"]) == ("5", str(SCHEMA_VERSION)), name
        assert found["data_fingerprint"] == info["data_fingerprint"], name
        assert found["run"] == run.path.name, name
        settings = json.loads(found["settings"])
        assert settings["network"]["widths"] == [3, 2], name
        assert settings["measure"]["epochs"] == [0, 2], name


def test_asking_git_leaves_the_repository_as_it_is(tmp_path, monkeypatch):
    seen = []
    run = subprocess.run

    def watched(command, **keywords):
        seen.append(command)
        return run(command, **keywords)

    monkeypatch.setattr(subprocess, "run", watched)
    provenance._revision.cache_clear()
    first = provenance.git_revision()
    assert len(seen) == 3
    assert provenance.git_revision() == first
    assert len(seen) == 3, "a process asks once: what it runs was imported before"
    assert all(one[:2] == ["git", "--no-optional-locks"] for one in seen)
