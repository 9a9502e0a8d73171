import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from small_training import (
    NETWORKS,
    contents,
    small_data,
    small_network,
    small_user_network,
    train_into,
)
from torch.nn import functional

from ib_runner.errors import DamagedFileError, Interrupted, TrainingFailedError, UsageError
from ib_runner.networks import GaussianNoise, NoNoise
from ib_runner.runs.checkpoints import Checkpoints
from ib_runner.tables.files import read_table
from ib_runner.training.parseval import Parseval
from ib_runner.training.schedule import geometric

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"
OURS = tuple(str(ROOT / "ib_runner" / room) for room in ("training", "runs"))


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]


def test_every_epoch_is_kept(tmp_path, network):
    rows = train_into(tmp_path, network(), 20)
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.epochs == list(range(21))
    for name, tensor in network().state_dict().items():
        assert torch.equal(checkpoints.weights(0)[name], tensor)
    assert rows["epoch"].tolist() == [epoch for epoch in range(21) for _ in range(2)]
    assert rows["split"].tolist() == ["train", "test"] * 21
    saved = read_table(tmp_path / "training.parquet")
    assert (saved.sort_values(["epoch", "split"])["loss"].to_numpy() > 0).all()


def test_losses_are_those_of_the_kept_weights_without_noise(tmp_path, network):
    data = small_data()
    rows = train_into(tmp_path, network(), 5).set_index(["epoch", "split"])
    for epoch in (0, 5):
        copy = network().eval()
        copy.load_state_dict(Checkpoints(tmp_path).weights(epoch))
        for name in ("train", "test"):
            split = getattr(data, name)
            outputs = copy(split.x).detach()
            row = rows.loc[(epoch, name)]
            loss = functional.cross_entropy(outputs, split.y).item()
            assert row["loss"] == pytest.approx(loss, abs=1e-6)
            errors = int((outputs.argmax(1) != split.y).sum())
            assert row["errors"] == errors
            assert row["accuracy"] == pytest.approx(1 - errors / len(split))


def test_it_learns(tmp_path, network):
    rows = train_into(tmp_path, network(), 60).query("split == 'train'")
    assert rows["loss"].iloc[-1] < 0.7 * rows["loss"].iloc[0]


def test_the_network_ends_with_the_last_weights(tmp_path, network):
    trained = network()
    train_into(tmp_path, trained, 4)
    for name, tensor in Checkpoints(tmp_path).weights(4).items():
        assert torch.equal(trained.state_dict()[name], tensor)


def test_the_same_again(tmp_path, network):
    for name in ("a", "b"):
        torch.manual_seed(hash(name) % 1000)  # what the caller's generator is at is no matter
        train_into(tmp_path / name, network(), 10)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    train_into(tmp_path / "c", network(), 10, seed=4)
    assert contents(tmp_path / "a") != contents(tmp_path / "c")


def test_the_callers_settings_are_left(tmp_path, network):
    torch.manual_seed(0)

    def settings():
        return (
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,
        )

    before = settings()
    state = torch.get_rng_state()
    train_into(tmp_path, network(), 3)
    assert settings() == before
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.long
@pytest.mark.parametrize("kind", NETWORKS)
def test_killed_at_random_moments(tmp_path, kind):
    paths = os.pathsep.join([str(SUPPORT), str(ROOT)])
    subprocess.run(
        [sys.executable, str(SUPPORT / "killed_training.py"), str(tmp_path), kind, "6"],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        timeout=300,
    )
    assert contents(tmp_path / "killed") == contents(tmp_path / "peace")
    assert Checkpoints(tmp_path / "killed").epochs == list(range(61))


def interrupting(exception, after, files=OURS):
    """A tracer that raises ``exception`` once, at the ``after``-th line run in ``files``."""
    left = after

    def trace(frame, event, argument):
        nonlocal left
        if not frame.f_code.co_filename.startswith(files):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise exception
        return trace

    return trace


# a training of 16 epochs runs some 5000 to 7000 lines; an interruption between the last line of a
# with block and its end leaves an open file to the garbage collector
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("step", [1200, pytest.param(397, marks=pytest.mark.long)])
@pytest.mark.parametrize("exception", [KeyboardInterrupt, Interrupted])
def test_interrupted_between_any_two_lines(tmp_path, network, exception, step):
    train_into(tmp_path / "peace", network(), 16)
    folder = tmp_path / "interrupted"
    interruptions = 0
    for after in range(200, 4000, step):
        tracer = sys.gettrace()
        sys.settrace(interrupting(exception, after))
        try:
            train_into(folder, network(), 16)
        except exception:
            interruptions += 1
        finally:
            sys.settrace(tracer)
    assert interruptions > (3 if step < 1000 else 1)
    train_into(folder, network(), 16)
    assert contents(folder) == contents(tmp_path / "peace")


@pytest.mark.long
def test_interrupted_at_the_lines_that_keep_an_epoch(tmp_path):
    """Steps of 3 through record.py meet every one of its lines in one epoch or another."""
    files = str(ROOT / "ib_runner" / "training" / "record.py")
    train_into(tmp_path / "peace", small_network(), 10)
    expected = contents(tmp_path / "peace")
    interruptions = 0
    for after in range(1, 150, 3):
        folder = tmp_path / str(after)
        tracer = sys.gettrace()
        sys.settrace(interrupting(KeyboardInterrupt, after, files))
        try:
            train_into(folder, small_network(), 10)
        except KeyboardInterrupt:
            interruptions += 1
        finally:
            sys.settrace(tracer)
        train_into(folder, small_network(), 10)
        assert contents(folder) == expected
    assert interruptions > 30


def test_an_interruption_keeps_the_last_whole_epoch(tmp_path, network):
    factors = []

    def interrupting_schedule(epoch):
        factors.append(epoch)
        if epoch == 6:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        train_into(tmp_path, network(), 20, schedule=interrupting_schedule)
    assert Checkpoints(tmp_path).epochs == [0, 1, 2, 3, 4, 5]
    assert read_table(tmp_path / "training.parquet")["epoch"].max() == 5
    factors.clear()
    train_into(tmp_path, network(), 8, schedule=lambda epoch: factors.append(epoch) or 1.0)
    assert factors == [6, 7, 8]


@pytest.mark.parametrize("settings", [{}, {"checkpoint_every": 3}, {"checkpoint_every": 10}])
def test_extended(tmp_path, network, settings):
    train_into(tmp_path / "once", network(), 29, **settings)
    for epochs in (4, 10, 20, 29):
        train_into(tmp_path / "extended", network(), epochs, **settings)
    assert contents(tmp_path / "once") == contents(tmp_path / "extended")


def test_every_kth_epoch_and_the_last(tmp_path, network):
    train_into(tmp_path, network(), 14, checkpoint_every=4)
    assert Checkpoints(tmp_path).epochs == [0, 4, 8, 12, 14]
    assert len(read_table(tmp_path / "training.parquet")) == 30


def test_a_finished_training_is_left_as_it_is(tmp_path, network):
    train_into(tmp_path, network(), 9)
    before = contents(tmp_path)
    rows = train_into(tmp_path, network(), 9)
    assert contents(tmp_path) == before
    assert len(rows) == 20


@pytest.mark.parametrize("noise", [NoNoise, partial(GaussianNoise, 0.1)])
def test_a_loss_that_is_no_number(tmp_path, noise):
    settings = {
        "optimizer": partial(torch.optim.SGD, lr=30.0),
        "loss": "mse",
        "data": small_data(None),
    }
    network = partial(small_network, "identity", noise, outputs=1)
    with pytest.raises(
        TrainingFailedError, match=r"Epoch \d+: .*\nTry a smaller optimizer.lr"
    ) as error:
        train_into(tmp_path, network(), 200, **settings)
    failed = int(str(error.value).split(":")[0].split()[1])
    assert Checkpoints(tmp_path).epochs == list(range(failed))
    rows = read_table(tmp_path / "training.parquet")
    assert rows["epoch"].max() == failed - 1
    assert torch.isfinite(torch.tensor(rows["loss"].to_numpy())).all()


def test_regression_has_no_errors(tmp_path):
    network = small_network(outputs=1)
    rows = train_into(tmp_path, network, 3, loss="mse", data=small_data(None))
    assert rows["accuracy"].isna().all()
    assert rows["errors"].isna().all()
    train_into(tmp_path, small_network(outputs=1), 5, loss="mse", data=small_data(None))
    assert read_table(tmp_path / "training.parquet")["errors"].isna().all()


def test_buffers_are_kept_as_they_are(tmp_path):
    train_into(tmp_path, small_user_network(), 4)
    weights = Checkpoints(tmp_path).weights(4)
    assert weights["norm.num_batches_tracked"].dtype == torch.int64
    assert weights["norm.num_batches_tracked"].item() == 4 * 3  # 70 inputs in batches of 32
    assert weights["norm.running_mean"].abs().sum() > 0


def test_the_whole_training_set_in_one_batch(tmp_path, network):
    train_into(tmp_path / "none", network(), 3, batch_size=None)
    train_into(tmp_path / "many", network(), 3, batch_size=1000)
    train_into(tmp_path / "all", network(), 3, batch_size=70)
    assert contents(tmp_path / "none") == contents(tmp_path / "all") == contents(tmp_path / "many")


def test_regularizer_and_schedule_act(tmp_path, network):
    usual = train_into(tmp_path / "usual", network(), 3)["loss"]
    for name, settings in (
        ("regularizer", {"regularizer": Parseval(0.05)}),
        ("schedule", {"schedule": geometric(0.1, 3)}),
    ):
        changed = train_into(tmp_path / name, network(), 3, **settings)["loss"]
        assert (changed[:2] == usual[:2]).all()
        assert (changed[2:] != usual[2:]).any()


def test_resuming_without_the_table(tmp_path, network):
    train_into(tmp_path, network(), 3)
    (tmp_path / "training.parquet").unlink()
    with pytest.raises(DamagedFileError, match=r"training\.parquet"):
        train_into(tmp_path, network(), 5)


def test_resuming_another_network(tmp_path):
    train_into(tmp_path, small_network(), 3)
    with pytest.raises(DamagedFileError, match="another network or optimizer"):
        train_into(tmp_path, small_user_network(), 5)


def test_a_loss_that_does_not_fit(tmp_path):
    with pytest.raises(UsageError, match=r"trainer\.loss=cross_entropy"):
        train_into(tmp_path, small_network(outputs=1), 3, data=small_data(None))
    with pytest.raises(UsageError, match=r"trainer\.loss=hinge: one of cross_entropy, mse"):
        train_into(tmp_path, small_network(), 3, loss="hinge")


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_network_whose_outputs_do_not_fit(tmp_path, outputs):
    with pytest.raises(UsageError, match="network: its output has"):
        train_into(tmp_path, small_network(outputs=outputs), 3)
    assert contents(tmp_path) == {}
