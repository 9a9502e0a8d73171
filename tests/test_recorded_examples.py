"""The examples with users' own networks and training loops."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FEW = {"measurements": ["binned_entropy"], "bin_widths": [0.5]}


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_plain_loop(tmp_path):
    run = example("plain_loop").main(3, output_root=tmp_path, **FEW)
    assert run.epochs == [0, 1, 2, 3]
    assert set(run.table("binned_entropy")["layer"]) == {1, 2}
    assert (run.path / "report.html").is_file()


def test_residual_network(tmp_path):
    run = example("residual_network").main(1, width=2, n=20, output_root=tmp_path, **FEW)
    table = run.table("binned_entropy")
    assert set(table["layer"]) == {1, 2, 3, 4}
    assert set(table["epoch"]) == {0, 1}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Lightning's own
def test_lightning(tmp_path):
    pytest.importorskip("lightning", reason="pip install 'ib-run[lightning]'")
    run = example("lightning_callback").main(2, output_root=tmp_path)
    assert run.epochs == [0, 1, 2]
    assert run.state == "complete"
    losses = run.table("training").query("split == 'train'")["loss"]
    assert losses.notna().all()
    assert len(losses) == 2
