"""A recorder makes a user's own training a run like any other."""

import numpy as np
import pytest
import torch
from killed_program import killed
from own_network import BETA, inputs, small, train_once
from torch import nn

import ib_runner
from ib_runner.errors import IbRunError, UsageError


@pytest.fixture
def network():
    torch.manual_seed(1)
    return small()


def recorded(network, tmp_path, epochs=3, **keywords):
    kept = []
    with ib_runner.Recorder(
        network, *inputs(), experiment="mine", output_root=tmp_path, **keywords
    ) as recorder:
        kept.append({k: v.clone() for k, v in network.state_dict().items()})
        for _ in range(epochs):
            loss = train_once(network)
            recorder.epoch(
                train_loss=loss,
                test_accuracy=0.5,
                temperature=torch.tensor(2.0, requires_grad=True),
            )
            kept.append({k: v.clone() for k, v in network.state_dict().items()})
    return recorder.run, kept


def test_a_run_folder_like_any_other(network, tmp_path):
    run, kept = recorded(network, tmp_path)
    assert run.path.parent == tmp_path / "mine"
    opened = ib_runner.open_run(run.path)
    assert opened.state == "complete"
    assert opened.epochs == [0, 1, 2, 3]
    for epoch, weights in enumerate(kept):
        found = opened.weights(epoch)
        assert found.keys() == weights.keys()
        assert all(torch.equal(found[name], weights[name]) for name in weights)
    x, y = inputs()
    np.testing.assert_array_equal(opened.dataset().all.x, x.astype(np.float32))
    assert opened.dataset().all.y.tolist() == y.tolist()
    assert opened.dataset().n_classes == 2
    assert opened.config.noise.beta == BETA


def test_losses_and_whatever_else_is_logged(network, tmp_path):
    run, _ = recorded(network, tmp_path)
    table = run.table("training")
    assert table[table["split"] == "train"]["epoch"].tolist() == [1, 2, 3]
    assert table[table["split"] == "train"]["accuracy"].isna().all()
    assert (table[table["split"] == "test"]["accuracy"] == 0.5).all()
    assert table[table["split"] == "test"]["loss"].isna().all()
    log = run.table("log")
    assert log.to_dict("list") == {
        "epoch": [1, 2, 3],
        "name": ["temperature"] * 3,
        "value": [2.0] * 3,
    }


def test_the_network_at_hand_has_the_weights_and_the_users_stays_as_it_is(network, tmp_path):
    run, kept = recorded(network, tmp_path)
    before = network.state_dict()["0.weight"].clone()
    first = run.network(0)
    assert torch.equal(first.state_dict()["0.weight"], kept[0]["0.weight"])
    assert not first.training
    assert torch.equal(network.state_dict()["0.weight"], before)
    assert network.training


@pytest.mark.slow
def test_measure_plot_check_report_in_python(network, tmp_path):
    run, _ = recorded(network, tmp_path)
    names = ["binned_entropy", "activation_histogram"]
    run.measure(epochs=[0, 3], measurements=names, bin_widths=np.array([0.1, 1.0]))
    table = run.table("binned_entropy")
    assert set(table["epoch"]) == {0, 3}
    assert set(table["layer"]) == {1, 2}
    assert set(table["bin_width"]) == {0.1, 1.0}
    run.plot(figures=["losses", "binned_entropy"], formats=["png"])
    assert (run.path / "figures" / "binned_entropy.png").is_file()
    run.check()
    assert run.report() == run.path / "report.html"
    assert run.report().is_file()
    with pytest.raises(UsageError, match="epohcs"):
        run.measure(epohcs=[0])
    with pytest.raises(UsageError, match="epoch 7"):
        run.measure(epochs=[7])


@pytest.mark.slow
def test_without_a_factory_the_command_line_says_what_it_needs(network, tmp_path, ib_run):
    run, _ = recorded(network, tmp_path)
    del network
    path, run = run.path, None
    status, _, err = ib_run("measure", f"run={path}", "measure.measurements=[binned_entropy]")
    assert status == 2
    assert "open_run(PATH, network=…).measure()" in err
    assert "factory=" in err
    assert ib_run("report", f"run={path}")[0] == 0, "tables need no network"
    status, _, err = ib_run("train", f"run={path}")
    assert status == 0, err
    assert "left as it is" in err


@pytest.mark.slow
def test_a_run_that_is_opened_has_the_stages_too(network, tmp_path):
    run, _ = recorded(network, tmp_path, factory="own_network.small", arguments={"beta": BETA})
    path = run.path
    del run
    quick = {"measurements": ["binned_entropy"], "bin_widths": [0.1], "n_jobs": 1}
    threads = torch.get_num_threads()
    at_hand = ib_runner.open_run(path, network=network).measure(epochs=[3], **quick)
    here = at_hand.table("binned_entropy")
    assert set(here["epoch"]) == {3}
    assert at_hand.plot(figures=["binned_entropy"], formats=["png"]).report().is_file()
    del network, at_hand
    built = ib_runner.open_run(path, allow_targets=["own_network"])
    built.measure(epochs=[0, 3], **quick)
    table = built.table("binned_entropy")
    assert set(table["epoch"]) == {0, 3}
    again = table[table["epoch"] == 3]["entropy"].to_list()
    assert again == here["entropy"].to_list(), "a network that is given and one that is built"
    assert torch.get_num_threads() == threads
    with pytest.raises(UsageError, match="another network"):
        ib_runner.open_run(path, network=small(width=4))


def test_with_a_factory_the_command_line_measures(tmp_path, ib_run):
    torch.manual_seed(1)
    network = small(width=5)
    run, _ = recorded(
        network, tmp_path, factory="own_network.small", arguments={"width": 5, "beta": BETA}
    )
    path = run.path
    del network, run
    words = ("measure", f"run={path}", "measure.measurements=[binned_entropy]", "measure.n_jobs=1")
    status, _, err = ib_run(*words)
    assert status == 2
    assert "allow_targets=[own_network]" in err
    status, out, err = ib_run(*words, "allow_targets=[own_network]")
    assert (status, out) == (0, [str(path)]), err
    assert set(ib_runner.open_run(path).table("binned_entropy")["epoch"]) == {0, 1, 2, 3}
    status, _, err = ib_run(*words, "allow_targets=[own_network]", "noise.beta=0.2")
    assert status != 0
    assert "own noise level" in err


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"factory": "own_network.nothing"}, "cannot build"),
        ({"factory": "own_network.small", "arguments": {"width": 7}}, "0.weight has shape .7, 4"),
        ({"factory": "own_network.inputs"}, "makes a tuple"),
        ({"factory": "own_network.with_relu"}, "another network: with the same weights, layer 2 "),
        ({"factory": "own_network.small", "arguments": {"beta": 0.2}}, "layer 1 is not"),
        ({"factory": "__main__.main"}, "a file of its own"),
        ({"p": np.full(16, 1 / 15)[:15]}, "16 probabilities"),
        ({"p": np.full(16, 0.1)}, "1 in all"),
        ({"loss": "hinge"}, "trainer.loss"),
    ],
)
def test_what_cannot_be_is_refused_before_a_folder_exists(network, tmp_path, keywords, words):
    with pytest.raises(UsageError, match=words):
        ib_runner.Recorder(network, *inputs(), output_root=tmp_path, **keywords)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([["a"]], [0], "no array of numbers"),
        (np.full((4, 4), np.nan), np.zeros(4, int), "NaN"),
        (np.zeros((4, 4)), np.zeros(3, int), "3 labels for 4 inputs"),
        (np.zeros((4, 4)), np.array([0, 1, -1, 1]), "-1"),
        (np.zeros((4, 5)), np.zeros(4, int), "shape"),
        (torch.utils.data.TensorDataset(torch.zeros(4, 4)), np.zeros(4, int), "y"),
    ],
)
def test_inputs_that_cannot_be_meant(network, tmp_path, x, y, words):
    with pytest.raises(UsageError, match=words):
        ib_runner.Recorder(network, x, y, output_root=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_network_without_noise_is_told_how_to_get_it(tmp_path):
    with pytest.raises(UsageError, match="with_noise"):
        ib_runner.Recorder(nn.Linear(4, 2), *inputs(), output_root=tmp_path)


def test_unequal_probabilities(network, tmp_path):
    p = np.full(16, 0.01)
    p[0] = 0.85
    run, _ = recorded(network, tmp_path, epochs=1, p=p)
    assert len(run.dataset().all) == 100
    run.measure(epochs=[1], measurements=["binned_entropy"], bin_widths=[1e-9])
    whole = run.table("binned_entropy").query("unit.isna() and layer == 1")
    # every draw in a bin of its own, repeated inputs too: noise is on
    assert whole["entropy"].item() == pytest.approx(np.log(100))


def test_a_torch_data_set(network, tmp_path):
    x, y = (torch.as_tensor(one) for one in inputs())
    data = torch.utils.data.TensorDataset(x.float(), y.long())
    with ib_runner.Recorder(network, data, inputs=8, output_root=tmp_path) as recorder:
        recorder.epoch()
    assert len(recorder.run.dataset().all) == 8
    assert recorder.run.dataset().all.y.sum() == 4, "every class by its share"


def test_steps_have_numbers_of_their_own_and_go_up(network, tmp_path):
    with ib_runner.Recorder(network, *inputs(), output_root=tmp_path) as recorder:
        recorder.epoch(500, train_loss=1.0)
        recorder.epoch(train_loss=1.0)
        for number in (501, 3, 0, -1, 2.5, True):
            with pytest.raises(UsageError, match="epoch"):
                recorder.epoch(number)
        with pytest.raises(UsageError, match="train_loss"):
            recorder.epoch(train_loss="low")
    assert recorder.run.epochs == [0, 500, 501]
    assert recorder.run.table("training")["epoch"].tolist() == [500, 501]


def test_weights_loaded_by_the_user(network, tmp_path):
    others = {epoch: small().state_dict() for epoch in (0, 10, 20)}
    mine = network.state_dict()["0.weight"].clone()
    with ib_runner.Recorder(
        network, *inputs(), output_root=tmp_path, keep_initial=False
    ) as recorder:
        for epoch, weights in others.items():
            recorder.add(epoch, weights, test_loss=0.1 * epoch)
        with pytest.raises(UsageError, match="another network"):
            recorder.add(30, small(width=4).state_dict())
        with pytest.raises(UsageError, match="another network"):
            recorder.add(30, {"other": torch.zeros(1)})
    assert recorder.run.epochs == [0, 10, 20]
    assert torch.equal(recorder.run.weights(10)["0.weight"], others[10]["0.weight"])
    assert torch.equal(network.state_dict()["0.weight"], mine)


def test_an_exception_makes_it_failed_and_keeps_what_there_is(network, tmp_path):
    recorder = ib_runner.Recorder(network, *inputs(), output_root=tmp_path)
    recorder.epoch(train_loss=1.0)
    with pytest.raises(ZeroDivisionError, match="zero"), recorder:
        _ = 1 // 0
    run = ib_runner.open_run(recorder.run.path)
    assert run.state == "failed"
    assert "zero" in run.info["error"]
    assert run.epochs == [0, 1]


def test_after_the_end_nothing_is_recorded(network, tmp_path):
    run, _ = recorded(network, tmp_path, epochs=1)
    recorder = ib_runner.Recorder(network, *inputs(), resume=run.path)
    recorder.finish()
    with pytest.raises(UsageError, match="resume"):
        recorder.epoch()


KILLED = """
import os, sys
import ib_runner
from own_network import inputs, small, train_once
recorder = ib_runner.Recorder(small(), *inputs(), experiment="mine", output_root=sys.argv[1])
for epoch in range(3):
    recorder.epoch(train_loss=train_once(recorder.network), other=epoch)
os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_a_killed_process_leaves_what_was_recorded_and_recording_goes_on(tmp_path):
    killed(KILLED, tmp_path)
    (folder,) = (tmp_path / "mine").iterdir()
    run = ib_runner.open_run(folder)
    assert run.state == "interrupted"
    assert run.epochs == [0, 1, 2, 3]
    assert run.table("training")["epoch"].tolist() == [1, 2, 3]

    network = small()
    network.load_state_dict(run.weights(3))
    with ib_runner.Recorder(network, *inputs(), resume=folder) as recorder:
        assert recorder.last == 3
        recorder.epoch(train_loss=train_once(network), other=3)
    run = ib_runner.open_run(folder)
    assert run.state == "complete"
    assert run.epochs == [0, 1, 2, 3, 4]
    assert run.table("training")["epoch"].tolist() == [1, 2, 3, 4]
    assert run.table("log")["value"].tolist() == [0, 1, 2, 3]


def test_resuming_with_something_else_is_refused(network, tmp_path):
    run, _ = recorded(network, tmp_path, epochs=1)
    x, y = inputs()
    with pytest.raises(IbRunError, match="data set"):
        ib_runner.Recorder(network, -x, y, resume=run.path)
    with pytest.raises(UsageError, match="another network"):
        ib_runner.Recorder(small(width=4), x, y, resume=run.path)
    with pytest.raises(UsageError, match="no run folder"):
        ib_runner.Recorder(network, x, y, resume=tmp_path / "nowhere")
    assert ib_runner.open_run(run.path).state == "complete"


def test_a_hydra_application_around_it_stays_as_it_was(network, tmp_path):
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()  # other tests' command lines leave theirs
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "theirs.yaml").write_text("answer: 42\n")
    with initialize_config_dir(str(tmp_path / "conf"), version_base="1.3"):
        recorded(network, tmp_path / "out", epochs=1)
        assert compose("theirs").answer == 42
