"""The stage train: the contents of run.json and of `list` from its start to its end."""

import json

from tiny_run import EPOCHS, train_tiny

from ib_runner import cli


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
