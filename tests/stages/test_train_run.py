"""The state and files of a run whose training completes, fails or is interrupted."""

from tiny_run import EPOCHS, train_tiny

from ib_runner import cli
from ib_runner.runs.folder import Run
from ib_runner.training.fused import FusedTrainer


def test_a_run_that_drew_its_noise_otherwise_is_not_gone_on_with(tmp_path, monkeypatch, capsys):
    """Runs of before fused training had streams of its own: their resume states have no mark."""
    monkeypatch.setattr(FusedTrainer, "streams", 1)
    run = train_tiny(tmp_path)
    monkeypatch.undo()
    before = {path: path.read_bytes() for path in run.path.rglob("*.safetensors")}
    info = run.info
    longer = ["train", f"run={run.path}", f"trainer.epochs={EPOCHS + 1}"]
    assert cli.main(longer) == 1
    error = capsys.readouterr().err
    assert "drawn in way 1" in error
    assert f"epoch {EPOCHS}" in error
    assert Run(run.path).info == info
    assert {path: path.read_bytes() for path in run.path.rglob("*.safetensors")} == before
    assert len(run.table("training")) == 2 * (EPOCHS + 1)
