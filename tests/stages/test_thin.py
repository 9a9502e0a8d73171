"""Thinning real, tiny runs by the command line."""

import pytest
import torch

from ib_runner.runs.folder import Run
from ib_runner.runs.lock import hold

TINY = ["network.widths=[3,2]", "trainer.epochs=8", "trainer.shard_epochs=5"]
MEASURE = ["measure.measurements=[binned_entropy]", "measure.epochs=[0,3,8]", "measure.n_jobs=1"]


@pytest.fixture
def path(ib_run):
    """A tiny trained run."""
    return ib_run("train", *TINY)[1][-1]


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        ("[4]", [0, 4, 8]),
        ("[8,3]", [0, 3, 8]),
        ("every:3", [0, 3, 6, 8]),
        ("every:100", [0, 8]),
        ("measured", [0, 8]),
    ],
)
def test_what_is_kept(keep, left, ib_run, path):
    last = Run(path).weights(8)
    status, out, err = ib_run("thin", f"run={path}", f"keep={keep}")
    assert (status, out) == (0, [path])
    assert f"{len(left)} of 9 checkpoints kept" in err
    assert Run(path).epochs == left
    for name, tensor in Run(path).weights(8).items():
        assert torch.equal(tensor, last[name])


def test_tables_keep_their_checkpoints_unless_told(ib_run, path):
    assert ib_run("measure", *MEASURE)[0] == 0
    status, _, err = ib_run("thin", f"run={path}", "keep=[4]")
    assert status == 2
    assert "1 epochs" in err
    assert "force=true" in err
    assert len(Run(path).epochs) == 9
    assert ib_run("thin", f"run={path}", "keep=measured")[0] == 0
    assert Run(path).epochs == [0, 3, 8]
    assert ib_run("thin", f"run={path}", "keep=[0]", "force=true")[0] == 0
    assert Run(path).epochs == [0, 8]


@pytest.mark.slow
def test_everything_goes_on_afterwards(ib_run, path):
    ib_run("thin", f"run={path}", "keep=[4]")
    status, _, err = ib_run("measure", *MEASURE)
    assert status == 2
    assert "no checkpoint of epoch 3; there are 0, 4, 8" in err
    assert ib_run("measure", MEASURE[0], MEASURE[2])[0] == 0
    assert set(Run(path).table("binned_entropy")["epoch"]) == {0, 4, 8}
    assert ib_run("plot", "plot.figures=[losses,binned_entropy]", "plot.formats=[png]")[0] == 0
    assert ib_run("check")[0] == 0
    assert ib_run("list")[1][1].split()[2] == "complete"
    assert ib_run("train", f"run={path}", "trainer.epochs=11")[0] == 0
    assert Run(path).epochs == [0, 4, 8, 9, 10, 11]
    whole = ib_run("train", *TINY, "trainer.epochs=11")[1][-1]
    for name, tensor in Run(whole).weights(11).items():
        assert torch.equal(tensor, Run(path).weights(11)[name])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "keep=null"),
        (["keep=[]"], "keep=[]"),
        (["keep=[0,-1]"], "keep=[0,-1]"),
        (["keep=[9]"], "no checkpoint of epoch 9"),
        (["keep=every:0"], "every:N"),
        (["keep=mesured"], "measured"),
        (["keep=4"], "keep=4"),
        (["keep=measured", "force=perhaps"], "force=perhaps"),
    ],
)
def test_mistakes(words, expected, ib_run, path):
    status, out, err = ib_run("thin", f"run={path}", *words)
    assert (status, out) == (2, [])
    assert expected in err
    assert len(err.strip().splitlines()) <= 3
    assert len(Run(path).epochs) == 9


def test_dry_run_and_a_run_in_use(ib_run, path):
    status, out, _ = ib_run("thin", f"run={path}", "keep=every:4", "--dry-run")
    assert status == 0
    assert any("3 of 9 checkpoints stay" in line for line in out)
    with hold(Run(path).path):
        status, _, err = ib_run("thin", f"run={path}", "keep=every:4")
    assert status == 1
    assert "in use" in err
    assert len(Run(path).epochs) == 9


def test_a_sweep(ib_run):
    sweep = ib_run("train", "-m", *TINY, "seed=0,1")[1][-1]
    status, out, _ = ib_run("thin", f"run={sweep}", "keep=every:4")
    assert (status, out[-1]) == (0, sweep)
    assert [Run(f"{sweep}/seed-{seed}").epochs for seed in (0, 1)] == [[0, 4, 8], [0, 4, 8]]
