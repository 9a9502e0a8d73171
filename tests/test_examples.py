"""The package of examples/rings, run as its user would: from an installed wheel, elsewhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ib_runner import open_run
from ib_runner.tables.files import read_table

ROOT = Path(__file__).resolve().parents[1]
TINY = ["trainer.epochs=3", "measure.epochs=[0,3]", "measure.measurements=[linear_probe]"]
TINY += ["plot.formats=[png]", "dataset.n=60", "measure.n_jobs=1"]
KEYS = [(epoch, layer) for epoch in (0, 3) for layer in range(4)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder into which the wheel, built from a copy of the sources, is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("ib_runner", "conf"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    install = [*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True)
    return target


@pytest.fixture
def here(tmp_path):
    """A copy of the example, as its user's folder."""
    return Path(shutil.copytree(ROOT / "examples" / "rings", tmp_path / "work"))


@pytest.fixture
def ib_run(site, here):
    """Run ``ib-run`` from the wheel in the user's folder."""
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}

    def run(*words):
        command = [sys.executable, str(site / "bin" / "ib-run"), *words]
        return subprocess.run(
            command, cwd=here, env=environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.long
def test_the_whole_example(ib_run, here, site):
    done = ib_run("all", "--config-dir", "conf", "+exp=rings", *TINY)
    assert done.returncode == 0, done.stderr
    assert "undecided probe_gain: " in done.stdout  # three epochs tell nothing
    run = open_run(here / done.stdout.splitlines()[-1])
    assert run.info["packages"]["ib-run"] != "unknown"
    assert run.info["git"]["revision"] is None  # it ran from the wheel, which is in no repository
    table = run.table("linear_probe")  # where nobody knows the measurement
    assert table[["epoch", "layer"]].to_numpy().tolist() == [
        [e, n] for e in (0, 3) for n in range(4)
    ]
    assert table["accuracy"].between(0.4, 1).all()
    assert (run.path / "figures" / "linear_probe.png").is_file()

    # a saved configuration names a package that its folder cannot vouch for
    refused = ib_run("measure")
    assert refused.returncode == 2
    assert "allow_targets=[rings]" in refused.stderr
    trusted = ib_run("check", "allow_targets=[rings]")
    assert trusted.returncode == 0, trusted.stderr


@pytest.mark.long
def test_a_sweep_of_it(ib_run, here):
    words = ["--config-dir", "conf", "+exp=rings", "seed=0,1", *TINY]
    done = ib_run("all", "-m", *words)
    assert done.returncode == 0, done.stderr
    sweep = here / done.stdout.splitlines()[-1]
    table = read_table(sweep / "measurements" / "linear_probe.parquet")
    assert set(table["run"]) == {"seed-0", "seed-1"}
    assert len(table) == 16
