"""Users' own data sets and networks are used correctly, or refused before a folder is made."""

import numpy as np
import pytest

from ib_runner import open_run

MINE = """
import numpy as np
import torch
from torch import nn

from ib_runner.datasets import Dataset, Split
from ib_runner.networks import GaussianNoise

X = torch.randn(20, 2, generator=torch.Generator().manual_seed(1)).round()
Y = (X[:, 0] > 0).long()

def data(x, y, n_classes=2, seed=0):
    x, y = eval(x), eval(y)
    return Dataset(Split(x[:15], y[:15]), Split(x[15:], y[15:]), Split(x, y), n_classes)

class Net(nn.Module):
    def __init__(self, n_inputs, n_outputs, noise, how):
        super().__init__()
        self.how, self.noise = how, noise()
        self.table = nn.Embedding(9, 3)
        self.first, self.last = nn.Linear(n_inputs, 3), nn.Linear(3, n_outputs)

    def forward(self, x):
        h = eval(self.how)
        return self.last(self.noise(torch.tanh(h)))

class Needy(Net):
    def __init__(self, n_inputs, n_outputs, how, kind, depth, *, noise, slope, bias=True):
        super().__init__(n_inputs, n_outputs, noise, how)

def net(how, n_inputs, n_outputs, noise, kind="float32"):
    return Net(n_inputs, n_outputs, noise, how).to(getattr(torch, kind))
"""
EXPERIMENT = """# @package _global_
defaults:
  - override /network: mine
  - override /dataset: mine
  - override /findings: none
experiment: mine
"""
TINY = ["trainer.epochs=2", "trainer.batch_size=null", "noise.beta=0.5", "measure.n_jobs=1"]
TINY += ["optimizer=sgd", "optimizer.lr=0.1", "measure.epochs=[2]", "plot.figures=[]"]
TINY += ["measure.methods=[coupled]", "measure.n_x=16", "measure.n_o=8", "measure.n_mc=2"]


@pytest.fixture
def train(ib_run, tmp_path):
    for group in ("network", "dataset", "exp"):
        (tmp_path / "conf" / group).mkdir(parents=True)
    (tmp_path / "conf" / "exp" / "mine.yaml").write_text(EXPERIMENT)
    (tmp_path / "mine.py").write_text(MINE)

    def run(x="X", y="Y", n_classes=2, how="self.first(x)", kind="float32", stage="train", more=()):
        for group, text in {
            "dataset": f"_target_: mine.data\nx: '{x}'\ny: '{y}'\nn_classes: {n_classes}\n",
            "network": f"_target_: mine.net\nhow: '{how}'\nkind: {kind}\n",
        }.items():
            (tmp_path / "conf" / group / "mine.yaml").write_text(text)
        return ib_run(stage, "--config-dir", "conf", "+exp=mine", *TINY, *more)

    return run


def _losses(out):
    table = open_run(out[-1]).table("training")
    return table.loss.tolist(), table.errors.tolist()


def test_what_is_taken_gives_the_same_training(train):
    status, out, err = train()
    assert status == 0, err
    wanted = _losses(out)
    for changes in (
        {"x": "X.numpy().astype(np.float16)"},
        {"y": "Y.bool().numpy()"},
        {"how": "self.first(x.float())"},
        {"how": "self.first(x.div_(2).mul_(2))"},
    ):
        status, out, err = train(**changes)
        assert status == 0, err
        assert _losses(out) == wanted


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "bfloat16"}, "bfloat16"),
        ({"kind": "float16"}, "float16"),
        ({"how": "self.first(x - x.mean(0))"}, "depends on the others in its batch"),
        ({"how": "self.first(x + torch.randn_like(x))"}, "something beside the noise channels"),
        ({"how": "nn.functional.dropout(self.first(x))"}, "something beside the noise channels"),
        ({"how": "self.first(x).bfloat16().float()"}, "bfloat16"),
    ],
)
def test_what_is_refused_before_a_folder_is_made(train, tmp_path, changes, sentence):
    status, out, err = train(**changes)
    assert sentence in err
    assert status == 2
    assert out == []
    assert len(err.splitlines()) <= 3
    assert not (tmp_path / "outputs").exists()


def test_all_arguments_that_have_no_value_are_named_at_once(train):
    status, _, err = train(more=["network._target_=mine.Needy"])
    assert status == 2
    assert "network: mine.Needy needs network.depth, network.slope; give each a value" in err


@pytest.mark.parametrize(
    "changes",
    [
        {"how": "self.first(x.float())"},
        {"how": "self.table(x).sum(1)", "x": "X.long() + 4"},
        {"how": "self.first(x.float())", "x": "X.numpy().astype(np.int32)"},
    ],
)
def test_forward_passes_that_cast_are_measured(train, changes):
    names = ["binned_entropy", "distance_histogram", "activation_histogram", "representation"]
    more = [f"measure.measurements=[{','.join(['mutual_information', *names])}]"]
    status, out, err = train(**changes, stage="all", more=more)
    assert status == 0, err
    run = open_run(out[-1])
    assert all(len(run.table(name)) for name in ("mutual_information", *names))
    assert np.stack(run.table("representation").value).shape == (20, 3)
