"""Every experiment of conf/exp composes, its figures have their tables, small ones run whole."""

import math
from pathlib import Path

import pytest

from ib_runner import cli
from ib_runner.config.builder import Builder, for_runs
from ib_runner.config.compose import compose, open_hydra, settings
from ib_runner.config.validate import validate
from ib_runner.runs.folder import Run
from ib_runner.stages.stage import stages

EXPERIMENTS = sorted(path.stem for path in (Path(__file__).parents[1] / "conf/exp").glob("*.yaml"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_composes_and_measures_what_its_figures_need(name):
    config = settings(compose(open_hydra(), "all", [f"+exp={name}"]))
    validate(config)
    stages()["all"].validate(config, new=True)
    builder = Builder(config)
    assert config.experiment == name
    written = {one.table for one in builder.measurements().values()} | {"training", "layers"}
    for figure, one in builder.figures().items():
        assert set(one.tables_needed) <= written, figure


def run_whole(capsys, *words) -> tuple[Run, str]:
    """The run of two epochs, and what went to standard error."""
    end = ("trainer.epochs=2", "measure.n_jobs=1", "measure.target_width=1", "plot.formats=[png]")
    capsys.readouterr()
    status = cli.main(["all", *words, *end])
    out, err = capsys.readouterr()
    assert status == 0, err
    return Run(out.splitlines()[-1]), err


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["+exp=neuron_tanh"], marks=pytest.mark.long),
        pytest.param(["+exp=neuron_leaky_relu"], marks=pytest.mark.long),
        ["+exp=spiral_deterministic", "dataset.n=64"],
        pytest.param(["+exp=spiral_tanh", "dataset.n=64"], marks=pytest.mark.long),
        pytest.param(["+exp=spiral_tanh_parseval", "dataset.n=64"], marks=pytest.mark.long),
    ],
    ids=lambda words: words[0],
)
def test_two_epochs_from_start_to_end(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run, err = run_whole(capsys, *words)
    assert "left out, as tables are missing" not in err
    drawn = {path.stem for path in (run.path / "figures").glob("*.png")}
    assert drawn == set(for_runs(run.builder().figures()))
    if words[0] == "+exp=spiral_deterministic":
        table = run.table("mutual_information")
        assert set(zip(table.method, table.status, strict=True)) >= {
            ("coupled", "vacuous"),
            ("binned", "not_certified"),
        }
        assert set(table[table.method == "binned"].target) == {"x", "y"}
        assert "information_plane" in drawn
    if run.config.noise.get("beta"):
        table = run.table("mutual_information")
        assert (table.mi.dropna() <= math.log(len(run.dataset().all)) + 0.5).all()
    if words[0] == "+exp=neuron_tanh":
        assert set(table.method) == {"quadrature", "coupled", "paper"}
        assert sorted(table.beta.unique()) == [0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
        assert run.table("parameter").query("epoch == 0")["value"].tolist() == [0.0, 0.0]
        # by hand, but for the noise: dw = −lr·mean(2(S − y)·x), db likewise, at w = b = 0
        first = run.table("parameter").query("epoch == 1").set_index("name")["value"]
        assert first["w_1"] == pytest.approx(0.03, abs=1e-3)
        assert first["b_1"] == pytest.approx(-0.01, abs=1e-3)
