"""A user's mistakes: status 2, three lines at most, the key named, nothing left behind."""

import pytest

from ib_runner import cli

#: words of the command line; what the message must name; what it must suggest
BAD = [
    # stages and flags
    (["trian"], "trian", "Did you mean train"),
    (["meassure"], "meassure", "Did you mean measure"),
    (["seed=3"], "seed=3", "train, measure"),
    (["train", "--frobnicate"], "--frobnicate", "--help"),
    (["train", "--cfg", "jib"], "--cfg", "job"),
    (["train", "--config-dir=/no/such/folder"], "--config-dir /no/such/folder", "no such folder"),
    (["train", "--config-path=/tmp"], "--config-path", "--config-dir"),
    (["train", "--config-name=measure"], "--config-name", "--config-dir"),
    (["measure", "-m", "seed=1,2"], "-m", "run=SWEEP"),
    # runs
    (["train", "run="], "run=", "path"),
    (["train", "run=a", "run=b"], "run=a run=b", "one path"),
    (["train", "run=nowhere"], "run=nowhere", "no such folder"),
    (["train", "-m", "run=nowhere"], "run=nowhere", "no sweep"),
    (["measure", "run=nowhere"], "run=nowhere", "ib-run list"),
    (["plot", "run=nowhere"], "run=nowhere", "ib-run list"),
    (["check"], "output_root=outputs", "ib-run train"),
    (["measure", "output_root=elsewhere"], "output_root=elsewhere", "ib-run train"),
    (["list", "state=done", "output_root=."], "state=done", "complete"),
    (["list", "state=complet", "output_root=."], "state=complet", "Did you mean complete"),
    (["list", "output_root=nowhere"], "output_root=nowhere", "no such folder"),
    (["list", "experimnt=x"], "experimnt", "Did you mean experiment"),
    (["list", "run=x"], "run=x", "output_root"),
    # overrides
    (["train", "seed"], "seed", "key=value"),
    (["train", "network.widths=[1"], "network.widths=[1", "key=value"),
    (["train", "seed=1,2"], "seed=1,2", "-m"),
    (["train", "seed=range(3)"], "seed=range(3)", "-m"),
    (["train", "exp=szt_relu"], "exp=szt_relu", "+exp=szt_relu"),
    (["train", "+exp=szt_rellu"], "exp=szt_rellu", "Did you mean szt_relu"),
    (["train", "network=fnc"], "network=fnc", "Did you mean fcn"),
    (["train", "network=3"], "network=3", "fcn"),
    (["train", "+noise=none"], "+noise=none", "without the +"),
    (["train", "+seed=3"], "+seed=3", "without the +"),
    (["train", "netwrok.widths=[3]"], "netwrok.widths", "Did you mean network.widths"),
    (["train", "trainer.epoch=3"], "trainer.epoch", "Did you mean trainer.epochs"),
    (["train", "epochs=3"], "epochs=3", "Did you mean"),
    (["train", "noise.alpha=3"], "noise.alpha", "beta"),
    (["train", "regularizer.alpha=1"], "regularizer.alpha", "regularizer=parseval"),
    (["train", "+trainer.momentum=1"], "trainer.momentum", "no such key"),
    (["train", "+colour=red"], "colour", "no such key"),
    (["train", "+network.depth=3"], "network.depth", "no such key"),
    (["train", "~trainer.epochs"], "trainer.epochs", "missing"),
    (["train", "~network.widths"], "network.widths", "missing"),
    (["train", "seed=${seeed}"], "seed", "seeed"),
    (["train", "hydra/launcher=jobli"], "hydra/launcher=jobli", "Did you mean joblib"),
    (["train", "+exp=szt_relu", "noise=none"], "noise.beta=0.01", "~noise.beta"),
    # values
    (["train", "seed=-1"], "seed=-1", "whole number ≥ 0"),
    (["train", "seed=1.5"], "seed=1.5", "whole number"),
    (["train", "seed=true"], "seed=true", "whole number"),
    (["train", "device=gpu"], "device=gpu", "auto, cpu or cuda"),
    (["train", "experiment=a/b"], "experiment=a/b", "letters"),
    (["train", "output_root=''"], "output_root", "folder"),
    (["train", "output_root=/dev/null/x"], "output_root=/dev/null/x", "no folder"),
    (["train", "allow_targets=mine"], "allow_targets=mine", "list"),
    (["train", "dataset.train_fraction=1.5"], "dataset.train_fraction=1.5", "between 0 and 1"),
    (["train", "dataset=null"], "dataset=null", "entry"),
    (["train", "network.widths=[]"], "network.widths=[]", "whole numbers"),
    (["train", "network.widths=[3,0]"], "network.widths=[3,0]", "whole numbers"),
    (["train", "network.widths=7"], "network.widths=7", "list"),
    (["train", "network.activation=tahn"], "network.activation=tahn", "Did you mean tanh"),
    (["train", "noise.beta=-0.1"], "noise.beta=-0.1", "≥ 0"),
    (["train", "noise.beta=inf"], "noise.beta=inf", "finite"),
    (["train", "noise.beta=nan"], "noise.beta=nan", "finite"),
    (["train", "noise.beta=small"], "noise.beta=small", "number"),
    (["train", "noise=dropout", "noise.p=1"], "noise.p=1", "< 1"),
    (["train", "regularizer=parseval", "regularizer.alpha=-1"], "regularizer.alpha=-1", "≥ 0"),
    (["train", "optimizer.lr=0"], "optimizer.lr=0", "> 0"),
    (["train", "optimizer=sgd", "+optimizer.momentum=-1"], "optimizer", "momentum"),
    (["train", "+optimizer.lrr=1"], "optimizer", "lrr"),
    (["train", "trainer.epochs=0"], "trainer.epochs=0", "≥ 1"),
    (["train", "trainer.epochs=1e4"], "trainer.epochs=10000.0", "whole number"),
    (["train", "trainer.batch_size=0"], "trainer.batch_size=0", "≥ 1"),
    (["train", "trainer.loss=crossentropy"], "trainer.loss", "Did you mean cross_entropy"),
    (["train", "trainer.schedule=linear"], "trainer.schedule=linear", "geometric"),
    (["train", "trainer.schedule=geometric"], "trainer.horizon=null", "epochs"),
    (["train", "trainer.lr_ratio=0.1"], "trainer.lr_ratio=0.1", "geometric"),
    (["train", "trainer.checkpoint_every=0"], "trainer.checkpoint_every=0", "≥ 1"),
    (["train", "trainer.epochs=5", "trainer.checkpoint_every=9"], "checkpoint_every=9", "most"),
    (["train", "trainer.shard_epochs=0"], "trainer.shard_epochs=0", "≥ 1"),
    (["train", "trainer=null"], "trainer=null", "default"),
    (["all", "measure.epochs=[1,10001]"], "measure.epochs", "10001 has no checkpoint"),
    (["all", "measure.epochs=[3]", "trainer.checkpoint_every=2"], "measure.epochs=[3]", "of 2"),
    (["all", "measure.epochs=some"], "measure.epochs=some", "all"),
    (["all", "measure.epochs=[1,1]"], "measure.epochs=[1,1]", "different"),
    (["all", "measure.inputs=everything"], "measure.inputs=everything", "test"),
    (["all", "measure.measurements=[binned_entrpy]"], "binned_entrpy", "mean binned_entropy"),
    (["all", "measure.methods=[cuopled]"], "measure.methods=[cuopled]", "Did you mean coupled"),
    (["all", "measure.n_x=0"], "measure.n_x=0", "≥ 1"),
    (["all", "measure.n_mc=1"], "measure.n_mc=1", "≥ 2"),
    (["all", "measure.target_width=-1"], "measure.target_width=-1", "> 0"),
    (["all", "measure.budget=0"], "measure.budget=0", "> 0"),
    (["all", "measure.bin_widths=[0]"], "measure.bin_widths=[0]", "> 0"),
    (["all", "measure.n_jobs=0"], "measure.n_jobs=0", "-1"),
    (["all", "noise=none"], "measure.bin_widths=null", "bin_widths=["),
    (["all", "plot.figures=[fig55]"], "plot.figures=[fig55]", "Did you mean fig5"),
    (["all", "plot.formats=[gif]"], "plot.formats=[gif]", "pdf"),
    (["all", "plot.unit=bit"], "plot.unit=bit", "Did you mean bits"),
    (["all", "plot.epochs=[-1]"], "plot.epochs=[-1]", "≥ 0"),
    # targets
    (["train", "network._target_=FCN"], "network", "package.module.name"),
    (["train", "network._target_=no_such.Net"], "network", "no_such"),
    (["train", "network._target_=torch.nn.Linear"], "network._target_=torch.nn.Linear", "nothing"),
    # sweeps: all jobs are checked before the first
    (["train", "-m", "seed=0,1,-1"], "seed=-1", "whole number"),
    (["train", "-m", "noise.beta=0.1,-0.1"], "noise.beta=-0.1", "≥ 0"),
    (["train", "-m", "+exp=szt_tanh,szt_rellu"], "szt_rellu", "Did you mean szt_relu"),
    (["train", "-m", "output_root=a,b"], "output_root=a,b", "one"),
]


@pytest.mark.parametrize(("words", "named", "suggested"), BAD, ids=[" ".join(w) for w, *_ in BAD])
def test_bad_input(words, named, suggested, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    status = cli.main(words)
    out, err = capsys.readouterr()
    assert status == 2, err
    assert out == ""
    assert named in err
    assert suggested in err
    assert len(err.strip().splitlines()) <= 3
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
