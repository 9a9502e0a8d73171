"""By the command line: facts about layers are in one table, and rows keep their settings."""

import math

import pandas as pd
import pytest
from tiny_run import train_tiny

from ib_runner import cli
from ib_runner.runs.folder import Run
from ib_runner.stages.run_context import tables_of
from ib_runner.tables.files import write_table
from ib_runner.tables.settings import settings_of

OWN_NETWORK = """
from torch import nn
from ib_runner.networks import GaussianNoise

def build(n_inputs, n_outputs, noise, **_):
    return nn.Sequential(
        nn.Linear(n_inputs, 2), nn.Tanh(), GaussianNoise(0.05),
        nn.Linear(2, 2), nn.ReLU(), GaussianNoise(0.2),
        nn.Linear(2, n_outputs),
    )
"""


@pytest.fixture
def run_of_its_own_noise(tmp_path, monkeypatch):
    """A network that takes no noise from the configuration, whose noise.beta is 0.1."""
    (tmp_path / "facts_network.py").write_text(OWN_NETWORK)
    group = tmp_path / "conf" / "network"
    group.mkdir(parents=True)
    (group / "facts.yaml").write_text("_target_: facts_network.build\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    words = [one for one in TINY_OWN if not one.startswith("network.")]
    out = f"output_root={tmp_path / 'out'}"
    assert (
        cli.main(["all", "--config-dir", str(tmp_path / "conf"), "network=facts", out, *words]) == 0
    )
    (path,) = (tmp_path / "out").rglob("run.json")
    return Run(path.parent, ["facts_network"])


TINY_OWN = [
    "dataset=points8",
    "dataset.y=[0,0,0,0,1,1,1,1]",
    "trainer.epochs=2",
    "trainer.loss=mse",
    "trainer.batch_size=null",
    "noise.beta=0.1",
    "plot.formats=[png]",
    "plot.figures=[mutual_information,binned_entropy,noise_levels]",
    "measure.measurements=[mutual_information,binned_entropy,guarantee]",
    "measure.methods=[coupled]",
    "measure.n_x=32",
    "measure.n_o=16",
    "measure.n_mc=2",
    "measure.n_jobs=1",
    "+findings.rise._target_=ib_runner.findings.compression.LargestCompression",
    "+findings.rise.expected=anything",
    "+findings.rise.at_least=-100",
]


def test_noise_of_its_own_in_every_layer_reaches_figures_and_findings(run_of_its_own_noise):
    run = run_of_its_own_noise
    layers = run.table("layers").set_index("layer")
    assert layers.beta[1:].tolist() == [0.05, 0.2]
    assert layers.high[1:].tolist() == pytest.approx([1.0, math.nan], nan_ok=True)
    widths = run.table("binned_entropy").groupby("layer").bin_width.unique()
    assert [one.tolist() for one in widths] == [[0.5], [2.0]]  # ten of each layer's own
    findings = run.table("findings").set_index("finding")
    assert findings.holds["rise"] == "yes"  # undecided without rows at the network's own noise
    assert set(run.table("guarantee").layer) == {1, 2}
    drawn = {path.stem for path in run.path.glob("figures/*.png")}
    assert drawn == {"mutual_information", "binned_entropy", "noise_levels"}


def test_noise_of_its_own_is_not_another_noise_level(run_of_its_own_noise):
    run = run_of_its_own_noise
    before = run.table("binned_entropy")
    words = ["measure.epochs=[1]", "noise.beta=0.3", "measure.bin_widths=[0.25]"]
    assert cli.main(["measure", f"run={run.path}", "allow_targets=[facts_network]", *words]) == 0
    table = run.table("binned_entropy")
    assert set(table.bin_width) == {*before.bin_width, 0.25}
    assert set(table[table.bin_width == 0.25].epoch) == {1}
    betas = run.table("mutual_information").groupby("layer").beta.unique()
    assert [one.tolist() for one in betas] == [[0.05], [0.2]]


def test_another_noise_level_is_measured_by_what_names_it(tmp_path, capsys):
    run = train_tiny(tmp_path)
    words = ["measure.epochs=[1]", "noise.beta=0.3", "measure.bin_widths=[0.25]"]
    assert cli.main(["measure", f"run={run.path}", *words]) == 0
    assert set(run.table("mutual_information").beta) == {0.3}
    assert not run.table_path("binned_entropy").is_file()
    logged = "beta = 0.3, trained with 0.1: measuring mutual_information only"
    assert logged in capsys.readouterr().err


def test_bins_of_ten_beta_are_refused_without_gaussian_noise(tmp_path, capsys):
    words = [one for one in TINY_OWN if not one.startswith("noise.")]
    noiseless = ["noise=none", "measure.measurements=[binned_entropy]", f"output_root={tmp_path}"]
    assert cli.main(["train", *words, *noiseless]) == 0
    (path,) = tmp_path.rglob("run.json")
    run = Run(path.parent)
    assert cli.main(["measure", f"run={run.path}", "measure.bin_widths=null"]) == 2
    error = capsys.readouterr().err
    assert "measure.bin_widths=null: stands for 10 times noise.beta, and there is no beta" in error
    assert not run.table_path("binned_entropy").is_file()
    assert cli.main(["measure", f"run={run.path}", "measure.bin_widths=[0.1]"]) == 0


def test_measuring_with_other_settings_relabels_no_row(tmp_path):
    run = train_tiny(tmp_path)
    assert cli.main(["measure", f"run={run.path}", "measure.epochs=[0,1]"]) == 0
    first = run.table("mutual_information")
    again = ["measure.epochs=[1,2]", "measure.n_x=64"]
    assert cli.main(["measure", f"run={run.path}", *again]) == 0
    other_noise = ["measure.epochs=[0]", "noise.beta=0.3"]
    assert cli.main(["measure", f"run={run.path}", *other_noise]) == 0
    table = run.table("mutual_information")
    known = settings_of(table)
    settings = table.settings.map(known)
    n_x = settings.map(lambda one: one["measure"]["n_x"])
    beta = settings.map(lambda one: one["noise"]["beta"])
    assert (n_x[table.epoch == 0] == 32).all()
    assert (n_x[table.epoch >= 1] == 64).all()
    assert (beta == table.beta).all()
    assert set(table.beta) == {0.1, 0.3}
    kept = table[(table.epoch == 0) & (table.beta == 0.1)].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, first[first.epoch == 0].reset_index(drop=True))
    assert run.table("layers").beta[1:].tolist() == [0.1, 0.1]  # as it was trained


def test_repeated_inputs_are_one_in_tables_findings_and_figures(tmp_path):
    repeated = ["dataset.x=[0,0,1,2]", "dataset.y=[0,0,1,1]", "findings=truths"]
    run = train_tiny(tmp_path, "trainer.batch_size=null", *repeated)
    assert cli.main(["measure", f"run={run.path}"]) == 0
    layers = run.table("layers").set_index("layer")
    h_x = 1.5 * math.log(2)
    assert layers.h_x[0] == pytest.approx(h_x)  # 1.0397; ln 4 = 1.386 counts one input twice
    assert layers.h_y[0] == pytest.approx(math.log(2))
    assert layers.n_inputs[0] == 4
    assert run.table("mutual_information").upper.max() <= h_x + 1e-12
    assert cli.main(["check", f"run={run.path}"]) == 0
    row = run.table("findings").set_index("finding").loc["below_input_entropy"]
    assert "H(X) = 1.040" in row.measured


def test_figures_and_findings_see_the_inputs_that_were_measured_last(tmp_path):
    run = train_tiny(tmp_path)
    assert cli.main(["measure", f"run={run.path}", "measure.epochs=[0,1]"]) == 0
    others = ["measure.epochs=[1]", "measure.inputs=test"]
    assert cli.main(["measure", f"run={run.path}", *others]) == 0
    assert set(run.table("mutual_information").epoch) == {0, 1}  # nothing is lost
    assert set(run.table("layers").inputs) == {"all", "test"}
    tables = tables_of(run.config, run)
    assert set(tables("mutual_information").epoch) == {1}
    assert set(tables("layers").inputs) == {"test"}


TRUTHS = ["findings=truths"]


def test_a_run_folder_of_an_earlier_version_is_plotted_and_measured_again(tmp_path):
    run = train_tiny(tmp_path)
    assert cli.main(["measure", f"run={run.path}", "measure.epochs=[0,1]"]) == 0
    run.table_path("layers").unlink()
    for name in ("mutual_information", "binned_entropy"):
        write_table(run.table_path(name), run.table(name).drop(columns="settings"), name)
    figures = "plot.figures=[mutual_information,binned_entropy]"
    assert cli.main(["plot", f"run={run.path}", figures]) == 0
    assert {path.stem for path in run.path.glob("figures/*")} == {
        "mutual_information",
        "binned_entropy",
    }
    assert run.table("layers").beta[1:].tolist() == [0.1, 0.1]
    assert cli.main(["measure", f"run={run.path}", "measure.epochs=[1]"]) == 0
    table = run.table("mutual_information")
    assert table[table.epoch == 0].settings.isna().all()
    assert table[table.epoch == 1].settings.notna().all()


def test_plotting_and_checking_load_no_data(tmp_path, monkeypatch):
    run = train_tiny(tmp_path)
    assert cli.main(["measure", f"run={run.path}", "measure.epochs=[0,1]"]) == 0

    def loaded(self):
        raise AssertionError("the data set was loaded")

    monkeypatch.setattr(Run, "dataset", loaded)
    figures = "plot.figures=[mutual_information,binned_entropy,losses]"
    assert cli.main(["plot", f"run={run.path}", figures]) == 0
    assert cli.main(["check", f"run={run.path}", *TRUTHS]) == 0
