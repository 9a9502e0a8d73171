"""The command line in this process, with stages that only record their calls."""

import os
import signal
import socket
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ib_runner import cli
from ib_runner.config.validate import validate
from ib_runner.errors import IbRunError, UsageError
from ib_runner.runs.folder import Run
from ib_runner.runs.lock import hold
from ib_runner.stages.stage import stages


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Stages that note (verb, configuration, run's folder); `train` leaves a complete run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    notes = []

    def note(verb):
        def stage(config, run, pool=None):
            notes.append((verb, config, run.path))
            if verb == "train":
                run.update(state="complete")

        return stage

    for verb in ("train", "plot", "check"):
        monkeypatch.setattr(f"ib_runner.stages.{verb}_run.{verb}", note(verb))

    def measure_runs(configs):
        notes.extend(("measure", config, run.path) for run, config in configs.items())
        return {}

    monkeypatch.setattr("ib_runner.stages.measure_runs.measure_runs", measure_runs)
    monkeypatch.setattr("ib_runner.commands.execute.announce", lambda plan: None)
    return notes


def run_cli(capsys, *words):
    """Status, lines of standard output, standard error."""
    capsys.readouterr()
    status = cli.main(list(words))
    out, err = capsys.readouterr()
    return status, out.splitlines(), err


def test_no_argument_prints_the_help(capsys):
    for words in ([], ["--help"]):
        status, out, _ = run_cli(capsys, *words)
        assert status == 0
        assert any("measure" in line for line in out)


@pytest.mark.parametrize(
    "stage",
    ["train", "measure", "plot", "check", "report", "export", "table", "all", "list", "thin"],
)
@pytest.mark.slow
def test_help_and_configuration_of_every_stage(stage, capsys):
    status, out, _ = run_cli(capsys, stage, "--help=all")
    assert status == 0
    assert "Configuration (key=value)" in out
    status, out, _ = run_cli(capsys, stage, "--cfg", "job")
    assert status == 0
    assert ("keep: null" if stage == "thin" else "output_root: outputs") in out


def test_train_alone_is_szt_tanh(asked, capsys):
    status, out, _ = run_cli(capsys, "train")
    assert status == 0
    [(verb, config, path)] = asked
    assert (verb, config.experiment, config.noise.beta) == ("train", "szt_tanh", 0.005)
    assert out[-1] == str(path)
    assert path.parent == Path("outputs/szt_tanh")
    assert Run(path).config.network.widths == [10, 7, 5, 4, 3]


def test_a_network_or_data_set_by_name_starts_from_nothing_of_the_default_experiment(asked, capsys):
    words = ["network=neurons", "dataset=points4", "trainer.loss=mse", "noise.beta=0.1"]
    assert run_cli(capsys, "train", *words)[0] == 0
    [(_, config, path)] = asked
    assert config.experiment == "neurons"
    assert path.parent == Path("outputs/neurons")
    assert not config.findings
    assert run_cli(capsys, "train", *words, "experiment=mine")[0] == 0
    assert asked[-1][1].experiment == "mine"
    # one key of it is a variation of the default experiment
    assert run_cli(capsys, "train", "network.activation=relu")[0] == 0
    assert asked[-1][1].experiment == "szt_tanh"
    assert asked[-1][1].findings


@pytest.mark.parametrize(
    ("experiment", "activation", "beta", "alpha"),
    [
        ("szt_tanh", "tanh", 0.005, None),
        ("szt_tanh_parseval", "tanh", 0.005, 5e-5),
        ("szt_linear", "identity", 0.01, None),
        ("szt_tanh_wide_noise", "tanh", 0.01, None),
        ("szt_relu", "relu", 0.01, None),
        ("szt_relu_parseval", "relu", 0.01, 5e-5),
        ("szt_deterministic", "tanh", None, None),
    ],
)
def test_experiments(experiment, activation, beta, alpha, asked, capsys):
    assert run_cli(capsys, "train", f"+exp={experiment}")[0] == 0
    config = asked[0][1]
    assert config.experiment == experiment
    assert config.network.activation == activation
    assert config.noise.get("beta") == beta
    assert (config.regularizer.alpha if config.regularizer else None) == alpha
    assert (config.optimizer.lr, config.trainer.batch_size) == (4e-4, 256)
    assert (config.trainer.epochs, config.trainer.loss) == (10_000, "cross_entropy")


def test_all_goes_through_the_stages(asked, capsys):
    status, out, _ = run_cli(capsys, "all", "trainer.epochs=2")
    assert status == 0
    assert [verb for verb, *_ in asked] == ["train", "measure", "plot", "check"]
    assert len({path for *_, path in asked}) == 1
    assert out[-1] == str(asked[0][2])


def test_a_stage_starts_from_the_saved_configuration(asked, capsys):
    run_cli(capsys, "train", "noise.beta=0.02", "seed=3")
    path = asked[-1][2]
    status, out, err = run_cli(capsys, "measure", "measure.n_x=7", "noise.beta=0.5")
    assert status == 0
    assert out[-1] == str(path)
    assert str(path) in err  # it says which run it took
    verb, config, _ = asked[-1]
    assert (verb, config.seed, config.noise.beta, config.measure.n_x) == ("measure", 3, 0.5, 7)
    assert OmegaConf.load(path / "config.yaml").noise.beta == 0.02


def test_a_run_gets_the_findings_that_its_experiment_has_gained(asked, capsys):
    run_cli(capsys, "train", "+exp=szt_linear")
    run = Run(asked[-1][2])
    known = {**run.config.findings.test_accuracy, "at_least": 0.5}
    run.save_config(OmegaConf.merge(run.config, {"findings": None}))
    run.save_config(OmegaConf.merge(run.config, {"findings": {"test_accuracy": known}}))
    assert run_cli(capsys, "check")[0] == 0
    findings = asked[-1][1].findings
    assert findings.compression.at_least == 0.25
    assert findings.test_accuracy.at_least == 0.5
    assert run_cli(capsys, "check", "findings=szt_relu")[0] == 0
    assert asked[-1][1].findings.growth_layer_5.at_least == 1.5


def test_overrides_of_measure_reach_the_measurements(asked, capsys):
    run_cli(capsys, "train")
    run_cli(capsys, "measure", "measure.bin_widths=[0.25]")
    assert asked[-1][1].measurement.binned_entropy.bin_widths == [0.25]


def test_overrides_of_other_groups_are_refused(asked, capsys):
    run_cli(capsys, "train")
    for stage, override in [
        ("measure", "seed=4"),
        ("measure", "plot.unit=bits"),
        ("plot", "measure.n_x=4"),
        ("check", "network.activation=relu"),
        ("measure", "+exp=szt_relu"),
        ("measure", "noise=none"),
        ("measure", "noise={beta:0.1}"),
        ("plot", "network=cnn"),
    ]:
        status, _, err = run_cli(capsys, stage, override)
        assert status == 2
        assert "defaults list" not in err  # Hydra's own words help nobody here
        assert override.partition("=")[0] in err
        assert len(err.strip().splitlines()) <= 4  # one of them says which run
    assert [verb for verb, *_ in asked] == ["train"]


def test_a_path_that_hydra_could_not_read(asked, capsys):
    run_cli(capsys, "train", "output_root='a b,c={d}'")
    path = asked[-1][2]
    assert run_cli(capsys, "plot", f"run={path}", "plot.unit=bits")[0] == 0
    assert asked[-1][1].plot.unit == "bits"


def test_runs_that_exist_need_no_place_for_new_ones(asked, capsys):
    run_cli(capsys, "train")
    path = asked[-1][2]
    saved = (path / "config.yaml").read_text()
    assert "output_root: outputs" in saved
    (path / "config.yaml").write_text(
        saved.replace("output_root: outputs", "output_root: /dev/null/x")
    )
    assert run_cli(capsys, "measure", f"run={path}")[0] == 0
    config = Run(path).config
    validate(config)
    train = stages()["train"]
    train.validate(config, new=False)
    with pytest.raises(UsageError, match="output_root=/dev/null/x"):
        train.validate(config, new=True)


def test_some_of_the_epochs_to_be_measured_will_do(asked, capsys):
    words = ["trainer.epochs=2", "measurement.distance_histogram.epochs=[0,1,32,128]"]
    assert run_cli(capsys, "train", *words)[0] == 0


def test_a_network_of_ones_own_has_activations_and_layers_of_its_own(asked, capsys):
    run_cli(capsys, "train")
    config = Run(asked[-1][2]).config
    config.network = {"_target_": "my_networks.Mine", "activation": "softsign"}
    config.measurement.binned_entropy.layers = [9]
    validate(config)
    stages()["measure"].validate(config, new=False)
    config.measurement.binned_entropy.activation = "softsine"
    with pytest.raises(UsageError, match="activation=softsine"):
        validate(config)


def test_resuming(asked, capsys):
    run_cli(capsys, "train", "trainer.epochs=5")
    path = asked[-1][2]
    assert run_cli(capsys, "train", f"run={path}", "trainer.epochs=8", "device=cpu")[0] == 0
    assert asked[-1][1].trainer.epochs == 8
    assert Run(path).config.trainer.epochs == 8
    status, _, err = run_cli(capsys, "train", f"run={path}", "noise.beta=0.1")
    assert status == 2
    assert "noise.beta=0.1" in err
    assert "noise.beta=0.005" in err
    status, _, err = run_cli(capsys, "train", f"run={path}", "trainer.epochs=6")
    assert status == 2
    assert "trainer.epochs=6" in err


def test_a_run_in_use_is_left_alone(asked, capsys):
    run_cli(capsys, "train", "trainer.epochs=5")
    path = asked[-1][2]
    with hold(path):
        status, _, err = run_cli(capsys, "train", f"run={path}", "trainer.epochs=8")
    assert status == 1
    assert f"in use by process {os.getpid()} on {socket.gethostname()}" in err
    assert Run(path).config.trainer.epochs == 5


@pytest.mark.slow
def test_a_sweep_and_its_continuation(asked, capsys):
    status, out, _ = run_cli(capsys, "train", "-m", "seed=range(2)", "noise.beta=0.1,0.2")
    assert status == 0
    sweep = Path(out[-1])
    assert {path.name for *_, path in asked} == {
        f"noise.beta-{beta}_seed-{seed}" for beta in ("0.1", "0.2") for seed in (0, 1)
    }
    assert sorted((config.seed, config.noise.beta) for _, config, _ in asked) == [
        (0, 0.1),
        (0, 0.2),
        (1, 0.1),
        (1, 0.2),
    ]
    asked.clear()
    status, out, _ = run_cli(capsys, "train", "-m", f"run={sweep}", "seed=1,2")
    assert status == 0
    assert Path(out[-1]) == sweep
    assert {path.name for *_, path in asked} == {"noise.beta-0.1_seed-2", "noise.beta-0.2_seed-2"}
    asked.clear()
    assert run_cli(capsys, "measure")[0] == 0
    assert len(asked) == 6


def test_a_sweep_refuses_to_go_on_with_something_else(asked, capsys):
    sweep = run_cli(capsys, "train", "-m", "seed=0,1")[1][-1]
    asked.clear()
    status, _, err = run_cli(capsys, "train", "-m", f"run={sweep}", "network.activation=relu")
    assert status == 2
    assert "network.activation=relu" in err
    assert asked == []


@pytest.mark.parametrize("words", [["trainer.epochs=5,6"], ["noise.beta=0.1,0.2"]])
def test_a_sweep_varies_what_it_began_with(words, asked, capsys):
    """Old jobs have one value of another key, which nobody wrote down with them."""
    sweep = Path(run_cli(capsys, "train", "-m", "trainer.epochs=4", "seed=0,1")[1][-1])
    before = (sweep / "sweep.json").read_text()
    asked.clear()
    status, _, err = run_cli(capsys, "train", "-m", f"run={sweep}", *words)
    assert status == 2
    assert "varies seed" in err
    assert asked == []
    assert (sweep / "sweep.json").read_text() == before


def test_a_sweep_goes_on_when_findings_have_changed(asked, capsys):
    """What judges and draws a run is the program's of today; what trains it is its own."""
    sweep = Path(run_cli(capsys, "train", "-m", "seed=0,1")[1][-1])
    run = Run(sweep / "seed-0")
    older = {"findings": {"test_accuracy": {"at_least": 0.5}}, "measure": {"target_width": 0.2}}
    run.save_config(OmegaConf.merge(run.config, older))
    asked.clear()
    status, _, err = run_cli(capsys, "train", "-m", f"run={sweep}", "seed=2")
    assert status == 0, err
    assert [path.name for *_, path in asked] == ["seed-2"]


@pytest.mark.slow
def test_all_on_a_sweep_does_what_is_left(asked, capsys):
    words = ["all", "-m", "seed=0,1", "trainer.epochs=4"]
    sweep = run_cli(capsys, *words)[1][-1]
    asked.clear()
    assert run_cli(capsys, "all", "-m", f"run={sweep}")[0] == 0
    assert asked == []
    assert run_cli(capsys, "all", "-m", f"run={sweep}", "measure.n_jobs=1")[0] == 0
    assert asked == []  # the same values
    assert run_cli(capsys, "train", "-m", f"run={sweep}", "trainer.epochs=6")[0] == 0
    asked.clear()
    assert run_cli(capsys, "all", "-m", f"run={sweep}")[0] == 0
    assert {(verb, path.name) for verb, _, path in asked} == {
        (verb, name)
        for verb in ("train", "measure", "check")  # its figures are of all runs together
        for name in ("seed-0", "seed-1")
    }
    asked.clear()
    assert run_cli(capsys, "all", "-m", f"run={sweep}", "measure.bin_widths=[0.25]")[0] == 0
    assert {config.measure.bin_widths[0] for _, config, _ in asked} == {0.25}


def test_all_does_not_train_at_another_noise_level(asked, capsys):
    path = Path(run_cli(capsys, "train", "noise.beta=0.1", "trainer.epochs=4")[1][-1])
    status, _, err = run_cli(capsys, "all", f"run={path}", "noise.beta=0.5", "trainer.epochs=6")
    assert status == 2
    assert "was made with noise.beta=0.1" in err
    assert Run(path).config.trainer.epochs == 4


@pytest.mark.slow
def test_a_saved_scheduler_is_nobodys_choice(asked, capsys):
    address = "measure.scheduler=tcp://127.0.0.1:8786"
    path = Path(run_cli(capsys, "train", address)[1][-1])
    assert Run(path).config.measure.scheduler is not None
    run_cli(capsys, "measure", f"run={path}")
    assert asked[-1][1].measure.scheduler is None
    run_cli(capsys, "measure", f"run={path}", address)
    assert asked[-1][1].measure.scheduler == "tcp://127.0.0.1:8786"
    sweep = run_cli(capsys, "all", "-m", "seed=0,1", address)[1][-1]
    asked.clear()
    run_cli(capsys, "all", "-m", f"run={sweep}", "seed=2")
    assert {config.measure.scheduler for _, config, _ in asked} == {None}


@pytest.mark.parametrize(
    "words",
    [
        ["hydra/launcher=jobli"],
        ["hydra.launcher.n_jbs=2"],
        ["hydra/sweeper=optuna"],
        ["seed=range(0)"],
        ["seed=glob(*)"],
    ],
)
def test_a_wrong_launcher_or_list_leaves_nothing(words, asked, capsys, tmp_path):
    status, _, err = run_cli(capsys, "train", "-m", "noise.beta=0.1,0.2", *words)
    assert status == 2
    assert words[0] in err
    assert len(err.strip().splitlines()) <= 3
    assert asked == []
    assert list(tmp_path.iterdir()) == []


def test_one_failure_does_not_stop_the_sweep(asked, capsys, monkeypatch):
    def train(config, run):
        if config.seed == 1:
            raise IbRunError("the loss is no number")
        run.update(state="complete")

    monkeypatch.setattr("ib_runner.stages.train_run.train", train)
    status, out, err = run_cli(capsys, "train", "-m", "seed=0,1,2")
    assert status == 1
    assert "1 of 3 failed" in err
    assert "seed-1: the loss is no number" in err
    states = {path.name: Run(path).state for path in Path(out[-1]).glob("seed-*")}
    assert states == {"seed-0": "complete", "seed-1": "interrupted", "seed-2": "complete"}


def test_a_sweep_over_experiments(asked, capsys):
    status, out, _ = run_cli(capsys, "train", "-m", "+exp=szt_tanh,szt_relu")
    assert status == 0
    assert {path.name for *_, path in asked} == {"exp-szt_tanh", "exp-szt_relu"}
    assert Path(out[-1]).parent.name == "several"


@pytest.mark.parametrize("words", [["train"], ["all"], ["train", "-m", "seed=0,1"]])
def test_dry_run_makes_nothing(words, asked, capsys, tmp_path):
    small = ["network.widths=[2]", "dataset=points8", "dataset.y=[0,0,0,0,1,1,1,1]"]
    words = [*words, "trainer.loss=mse", *small, "noise.beta=0.1"]
    status, out, _ = run_cli(capsys, *words, "--dry-run", "trainer.epochs=100")
    assert status == 0
    assert sum("train: 100 epochs; about" in line for line in out) == 1  # once for a sweep
    assert asked == []
    assert list(tmp_path.iterdir()) == []


def test_dry_run_times_configurations_that_differ_in_their_seed_once(asked, capsys, monkeypatch):
    timed = []
    monkeypatch.setattr(
        "ib_runner.stages.timing._of_epochs", lambda *a: timed.append(a) or (0.5, {})
    )
    words = ["train", "-m", "seed=0,1", "trainer.epochs=2", "--dry-run"]
    status, out, _ = run_cli(capsys, *words, "network.widths=[7],[6]")
    assert status == 0
    assert len(timed) == 2  # of two networks
    assert sum("train: 2 epochs; about 2 s, by compiled kernels (0.5 s" in one for one in out) == 2
    assert sum(": as network.widths-" in line for line in out) == 2


def test_dry_run_of_many_jobs_times_some(asked, capsys, monkeypatch):
    timed = []
    monkeypatch.setattr("ib_runner.commands.dry_run.TIMED_SECONDS", 0.0)
    monkeypatch.setattr(
        "ib_runner.stages.timing._of_epochs", lambda *a: timed.append(a) or (0.5, {})
    )
    words = ["train", "-m", "noise.beta=0.101,0.102,0.103", "seed=0,1", "trainer.epochs=2"]
    status, out, _ = run_cli(capsys, *words, "--dry-run")
    assert status == 0
    assert len(timed) == 1
    assert sum("not timed, taken as the mean of those that are" in one for one in out) == 4
    assert out[-1].startswith("6 jobs, 0 done; in all about 12 s")


def test_dry_run_of_a_sweep_counts_the_figures_it_will_draw(asked, capsys):
    words = ["+exp=szt_tanh", "trainer.epochs=2", "measure.measurements=[mutual_information]"]
    status, out, _ = run_cli(capsys, "all", "-m", *words, "seed=0,1", "--dry-run")
    assert status == 0
    assert sum("plot: no figures of this run alone" in line for line in out) == 1
    of_all = " ".join(out[out.index("of all runs together:") + 1 :])
    assert "seeds_mutual_information" in of_all
    assert "by_noise" not in of_all
    assert "binned_entropy" not in of_all  # a table that is not measured
    assert "seeds," not in of_all  # which needs it, too
    assert all(len(line) <= 100 for line in out)


def test_a_failure_while_running_is_status_1(asked, capsys, monkeypatch):
    def broken(config, run):
        raise RuntimeError("no more of this")

    monkeypatch.setattr("ib_runner.stages.train_run.train", broken)
    status, _, err = run_cli(capsys, "train")
    assert status == 1
    assert "no more of this" in err
    assert "Traceback" not in err
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    assert "Traceback" in run_cli(capsys, "train")[2]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interruptions(number, status, asked, capsys, monkeypatch):
    def interrupted(config, run):
        os.kill(os.getpid(), number)

    monkeypatch.setattr("ib_runner.stages.train_run.train", interrupted)
    # a shell starts background jobs with SIGINT ignored, and we inherit that
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        stopped, _, err = run_cli(capsys, "train")
    finally:
        signal.signal(signal.SIGINT, before)
    assert stopped == status
    (path,) = Path("outputs").glob("szt_tanh/*")
    word = {130: "interrupted", 143: "terminated"}[status]
    assert err.splitlines()[-1] == f"ib-run: {word}; run={path} goes on."


def test_an_interruption_before_there_is_a_run_names_none(asked, capsys, monkeypatch):
    def interrupted(plan):
        raise KeyboardInterrupt

    monkeypatch.setattr("ib_runner.commands.execute.announce", interrupted)
    status, _, err = run_cli(capsys, "train")
    assert (status, err) == (130, "ib-run: interrupted.\n")


def test_an_interruption_that_a_library_hides(asked, capsys, monkeypatch):
    def hiding(config, run):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            raise ValueError("half of it is gone")

    monkeypatch.setattr("ib_runner.stages.train_run.train", hiding)
    status, _, err = run_cli(capsys, "train")
    assert status == 143
    assert "terminated" in err


def test_a_saved_target_is_used_only_when_allowed(asked, capsys, tmp_path, monkeypatch):
    (tmp_path / "my_networks.py").write_text(
        "from ib_runner.networks import FCN\n\n\nclass Mine(FCN):\n    pass\n"
    )
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    target = "network._target_=my_networks.Mine"
    assert run_cli(capsys, "train", target)[0] == 0
    assert Run(asked[-1][2]).config.allow_targets == ["my_networks"]
    run_cli(capsys, "measure")
    assert asked[-1][1].allow_targets == []
    run_cli(capsys, "measure", "allow_targets=[my_networks]")
    assert asked[-1][1].allow_targets == ["my_networks"]


def test_a_saved_configuration_from_a_stranger(asked, capsys):
    run_cli(capsys, "train")
    path = asked[-1][2]
    config = (path / "config.yaml").read_text()
    for addition in (
        "hydra:\n  searchpath: [file:///away]\n",
        "experiment: ${oc.env:HOME}\n",
        "defaults: [exp: szt_relu]\n",
    ):
        key = addition.partition(":")[0]
        kept = [line for line in config.splitlines() if not line.startswith(f"{key}:")]
        (path / "config.yaml").write_text("\n".join(kept) + "\n" + addition)
        status, _, err = run_cli(capsys, "measure", f"run={path}")
        assert status == 1
        assert "config.yaml" in err
        assert key in err


def test_listing(asked, capsys):
    run_cli(capsys, "train", "experiment=one")
    run_cli(capsys, "train", "-m", "experiment=two", "seed=0,1")
    _, out, _ = run_cli(capsys, "list")
    assert len(out) == 3
    assert out[0].split()[:5] == ["path", "experiment", "state", "epochs", "accuracy"]
    assert "two" in run_cli(capsys, "list", "experiment=two")[1][1]
    assert len(run_cli(capsys, "list", "experiment=two")[1]) == 2
    assert len(run_cli(capsys, "list", "state=failed")[1]) == 1
    assert len(run_cli(capsys, "list", "experiment=one", "state=complete")[1]) == 2
    assert len(run_cli(capsys, "list", "experiment=one", "state=running")[1]) == 1
    assert len(run_cli(capsys, "list", "experiment=on")[1]) == 1  # the whole name


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ib-run ", "train measure plot check report export table all list thin"),
        ("ib-run t", "train"),
        ("ib-run train --dr", "--dry-run"),
        ("ib-run train --dry-run network=", "network=fcn"),
        ("ib-run train network=", "network=fcn"),
        ("ib-run train +exp=szt_li", "+exp=szt_linear"),
        ("ib-run measure measure.n_", "measure.n_jobs"),
        ("ib-run plot plot.figures=[losses,repr", "plot.figures=[losses,representation"),
        ("ib-run plot plot.figures", "plot.figures=["),
        ("ib-run measure measure.methods=[coupled,pap", "measure.methods=[coupled,paper"),
        ("ib-run train +exp=mnist plot.figures=[tab", "plot.figures=[table1"),
    ],
)
def test_completion(line, expected, capsys, monkeypatch):
    monkeypatch.setenv("COMP_LINE", line)
    status, out, _ = run_cli(capsys, "-sc", "query=bash")
    assert status == 0
    assert expected in out[0]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "--info"], "Installed Hydra Plugins"),
        (["train", "--info", "searchpath"], "pkg://ib_runner.conf"),
        (["plot", "--hydra-help"], "--hydra-help"),
        (["train", "-m", "--cfg", "job", "seed=3"], "seed: 3"),
    ],
)
@pytest.mark.slow
def test_what_hydra_shows(words, expected, capsys):
    status, out, err = run_cli(capsys, *words)
    assert status == 0, err
    assert any(expected in line for line in out)
