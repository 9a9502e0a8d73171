"""scripts/mnist_on_gpu.sh in small, on a CPU: it trains, goes on, and brings small tables home."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
IMAGES = """
import torch
from ib_runner.datasets import Dataset, Split
from ib_runner.datasets.augment import augment

def images(seed):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(24, 1, 28, 28, generator=generator), torch.arange(24) % 10
    data = Split(x, y)
    return Dataset(data[torch.arange(16)], data[torch.arange(16, 24)], data, 10, augment)
"""


def run(folder: Path, **settings: str) -> list[str]:
    """The lines that the script prints."""
    done = subprocess.run(
        [
            ROOT / "scripts/mnist_on_gpu.sh",
            "dataset._target_=few_images.images",
            "allow_targets=[few_images]",
        ],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            "PYTHON": sys.executable,
            "IB_RUN": str(Path(sys.executable).with_name("ib-run")),
            "OUTPUTS": str(folder / "out"),
            "RESULTS": str(folder / "results"),
            "DEVICE": "cpu",
            "SEEDS": "1",
            "CONDITIONS": "deterministic,beta_0.5",
            "STAGES": "train home",
            **settings,
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )
    assert "2 jobs" in done.stderr
    return done.stdout.split()


@pytest.mark.long
def test_in_small(tmp_path):
    (tmp_path / "few_images.py").write_text(IMAGES)
    assert run(tmp_path, EPOCHS="1") == [str(tmp_path / "results")]
    rows = pd.read_csv(tmp_path / "results/training.csv")
    assert rows["run"].nunique() == 2
    assert sorted(set(rows["epoch"])) == [0, 1]
    run(tmp_path, EPOCHS="2")  # goes on with the same sweep
    assert len(list(tmp_path.glob("out/*/sweep_*"))) == 1
    assert pd.read_csv(tmp_path / "results/training.csv")["epoch"].max() == 2
    made = json.loads((tmp_path / "results/made_by.json").read_text())
    assert [one["state"] for one in made.values()] == ["complete", "complete"]
    stages = (tmp_path / "results/seconds.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in stages] == ["train", "home"] * 2
