"""The figures that are drawn of a run; the log names only figures that the run could have."""

import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest
from fake_tables import BETA, fake_tables
from omegaconf import OmegaConf

from ib_runner.config.compose import compose, open_hydra, settings
from ib_runner.errors import RunInUseError, UsageError
from ib_runner.runs.folder import Run
from ib_runner.stages import helper
from ib_runner.stages import plot as plot_stage
from ib_runner.stages.helper import helpers
from ib_runner.stages.plot_run import plot
from ib_runner.tables.files import write_table

SETTINGS = ["+exp=szt_tanh", "plot.formats=[png]", "trainer.epochs=20"]


@pytest.fixture(scope="module")
def base():
    return settings(compose(open_hydra(), "plot", SETTINGS))


@pytest.fixture
def run(tmp_path, base):
    """Losses and binned entropies of a run with noise BETA."""
    assert base.noise.beta == BETA
    run = Run.create(base, tmp_path / "run")
    (run.path / "measurements").mkdir()
    tables = fake_tables(last=20)
    for name in ("training", "binned_entropy"):
        write_table(run.table_path(name), tables[name], name)
    write_table(run.table_path("layers"), tables("layers"), "layers", {"inputs": "all"})
    return run


def drawn(base, run, caplog, *figures, measurements=("mutual_information", "binned_entropy")):
    """The names of the figures, and the warnings."""
    config = OmegaConf.merge(
        base,
        {"plot": {"figures": list(figures)}, "measure": {"measurements": list(measurements)}},
    )
    with caplog.at_level("WARNING", logger="ib_runner"):
        plot(config, run)
    return {path.stem for path in run.path.glob("figures/*")}, caplog.messages


def test_figures_that_wait_for_a_measurement_are_named_at_once(base, run, caplog):
    figures = ("losses", "mutual_information", "information_plane")
    names, messages = drawn(base, run, caplog, *figures)
    assert names == {"losses"}
    (message,) = messages
    assert "mutual_information (mutual_information), information_plane (mut" in message
    assert f"`ib-run measure run={run.path}`" in message


def test_no_word_about_what_the_run_does_not_measure(base, run, caplog):
    figures = ("losses", "mutual_information", "representation", "seeds")
    names, messages = drawn(base, run, caplog, *figures, measurements=["binned_entropy"])
    assert names == {"losses"}
    assert messages == []


def test_figures_say_which_runs_they_apply_to(base, run, caplog):
    assert drawn(base, run, caplog, "losses", "bin_widths")[0] == {"losses", "bin_widths"}
    table = run.table("binned_entropy")
    table = table[table["bin_width"] == table["bin_width"].min()]
    write_table(run.table_path("binned_entropy"), table, "binned_entropy")
    with pytest.raises(UsageError, match="nothing to show of this run"):
        drawn(base, run, caplog, "bin_widths")


def test_a_sweeps_figures_leave_its_runs_alone(base, run, caplog):
    assert drawn(base, run, caplog, "seeds") == (set(), [])


def test_a_run_in_use_keeps_its_figures(base, run, caplog):
    drawn(base, run, caplog, "losses")
    before = (run.path / "figures" / "losses.png").stat()
    with run.held(), pytest.raises(RunInUseError, match="in use by process"):
        drawn(base, run, caplog, "losses")
    assert (run.path / "figures" / "losses.png").stat() == before


def test_other_processes_start_once_for_all_runs_of_a_sweep(base, run, monkeypatch):
    started = []

    @contextmanager
    def counted(workers, module):
        started.append(workers)
        yield []

    monkeypatch.setattr(helper, "helpers", counted)
    monkeypatch.setattr(plot_stage, "processors", lambda: 2)
    monkeypatch.setattr(plot_stage, "WORTH_A_PROCESS", 0.6)  # three runs, not one
    names = ["losses", "binned_entropy"]
    config = OmegaConf.merge(base, {"plot": {"figures": names, "each_run": True}})
    other = Run(shutil.copytree(run.path, run.path.with_name("other")))
    absent = Run(shutil.copytree(run.path, run.path.with_name("absent")))
    for one in (absent.path / "measurements").glob("*"):
        one.unlink()
    less = OmegaConf.merge(config, {"plot": {"figures": ["binned_entropy"]}})
    many = {run: config, absent: less, other: config}
    failed = plot_stage.Plot().work_on_all(many)
    assert started == [1]
    assert list(failed) == [absent]
    for one in (run, other):
        assert {path.stem for path in one.path.glob("figures/*")} == set(names)


@pytest.mark.slow
def test_two_processes_write_the_files_of_one(base, run, monkeypatch):
    config = OmegaConf.merge(
        base, {"plot": {"figures": ["losses", "binned_entropy"], "formats": ["png", "pdf"]}}
    )
    found = []
    for workers in (0, 1, 1):
        with helpers(workers, "ib_runner.stages.plot_run") as others:
            for one in others:
                assert one.call("ib_runner.stages.plot_run:seconds_of", "losses")  # has started
            plot(config, run, others)
        found.append({path.name: path.read_bytes() for path in run.path.glob("figures/*")})
    assert len(found[0]) == 4
    assert found[0] == found[1] == found[2]


@pytest.mark.slow
def test_the_collector_rests_to_the_end_of_a_process_that_only_draws(run):
    words = ["plot", f"run={run.path}", "plot.figures=[losses]", "plot.formats=[png]"]
    program = (
        "import gc, sys\n"
        "from ib_runner.cli import main\n"
        f"assert main({words}) == 0\n"
        "assert gc.isenabled()\n"
        f"sys.argv[1:] = {words}\n"
        "assert main() == 0\n"
        "assert not gc.isenabled()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_figure_whose_time_is_known_is_one_of_ours(base):
    assert set(plot_stage.SECONDS) <= set(base.figure)


def test_a_second_process_helps_with_the_figures_of_szt_tanh_and_not_with_one(base, monkeypatch):
    monkeypatch.setattr(plot_stage, "processors", lambda: 2)
    config = OmegaConf.merge(base, {"plot": {"formats": ["png", "pdf"]}})
    assert plot_stage._other_processes(config.plot.figures, config) == 1
    assert plot_stage._other_processes(["fig5"], config) == 0
    assert plot_stage._other_processes(["fig5"], config, n_runs=3) == 1
    alone = OmegaConf.merge(config, {"measure": {"n_jobs": 1}})
    assert plot_stage._other_processes(alone.plot.figures, alone) == 0


@pytest.mark.slow
def test_a_mistake_that_both_processes_find_is_told_once(base, run, capfd):
    config = OmegaConf.merge(
        base, {"plot": {"figures": ["losses", "binned_entropy"], "style": "nonsense"}}
    )
    with helpers(1, "ib_runner.stages.plot_run") as others:
        assert others[0].call("ib_runner.stages.plot_run:seconds_of", "losses")  # has started
        with pytest.raises(UsageError, match="nonsense: neither a file nor a style"):
            plot(config, run, others)
    assert "Traceback" not in capfd.readouterr().err
