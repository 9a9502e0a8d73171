"""The stage train: the contents of run.json and of `list` from its start to its end."""

import json

import pytest
from tiny_run import EPOCHS, train_tiny

from ib_runner import cli
from ib_runner.config.builder import Builder
from ib_runner.config.compose import compose, open_hydra, settings
from ib_runner.stages import timing
from ib_runner.stages.stage import stages


def state_of(run):
    return json.loads((run.path / "run.json").read_text())


def test_run_json_says_how_long_the_training_is_after_going_on(tmp_path):
    run = train_tiny(tmp_path)
    assert state_of(run)["trained_with"]["trainer"]["epochs"] == EPOCHS
    more = f"trainer.epochs={2 * EPOCHS}"
    assert cli.main(["train", f"run={run.path}", more]) == 0
    assert state_of(run)["trained_with"]["trainer"]["epochs"] == 2 * EPOCHS
    assert cli.main(["train", f"run={run.path}", more]) == 0


def test_while_its_data_are_loaded_it_is_running(tmp_path):
    root, seen = tmp_path / "outputs", tmp_path / "seen"
    words = ["dataset._target_=watched.watched", f"+dataset.root='{root}'"]
    run = train_tiny(root, *words, f"+dataset.seen='{seen}'")
    assert set(seen.read_text().split()) == {"running"}
    seen.unlink()
    words = [f"run={run.path}", "allow_targets=[watched]", f"trainer.epochs={EPOCHS + 1}"]
    assert cli.main(["train", *words]) == 0
    # it is checked and built before it is trained
    assert seen.read_text().split()[-1] == "running"
    assert run.state == "complete"


def long_training(*words):
    """Whether a training may take over a minute, and its builder."""
    config = settings(compose(open_hydra(), "train", ["+exp=szt_tanh", *words]))
    builder = Builder(config)
    return stages()["train"].may_take_long(config, None, lambda: builder), builder


@pytest.mark.parametrize(
    ("epoch", "long"), [(1e-3, False), (2.9e-3, False), (3.1e-3, True), (None, True)]
)
def test_an_epoch_by_kernels_is_timed_before_more_are(monkeypatch, epoch, long):
    monkeypatch.setattr(timing, "seconds_by_kernels", lambda *of: epoch)
    assert long_training()[0] == long  # 10,000 epochs, which may take twice as long on average


def test_short_trainings_of_a_sweep_may_take_long_together(monkeypatch):
    monkeypatch.setattr(timing, "seconds_by_kernels", lambda *of: 1e-3)
    _, builder = long_training()
    asked = stages()["train"].may_take_long
    assert not asked(builder.config, None, lambda: builder, 2)
    assert asked(builder.config, None, lambda: builder, 4)


def test_an_epoch_by_kernels_is_timed_and_another_is_not():
    _, builder = long_training("trainer.epochs=1")
    assert 2e-5 < timing.seconds_by_kernels(builder, builder.dataset()) < 1.0
    _, builder = long_training("trainer.epochs=1", "network.widths=[200,200]")
    assert timing.seconds_by_kernels(builder, builder.dataset()) is None
