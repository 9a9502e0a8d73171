import json
import os

import pytest
import torch

from ib_runner.errors import DamagedFileError, IbRunError, UsageError
from ib_runner.runs import checkpoints as module
from ib_runner.runs.checkpoints import Checkpoints


def weights(epoch):
    return {
        "0.weight": torch.full((2, 3), float(epoch)),
        "norm.num_batches_tracked": torch.tensor(epoch),
        "mask": torch.tensor([epoch % 2 == 0, True]),
    }


def state(epoch):
    return {"network.0.weight": torch.full((2, 3), epoch + 0.5), "step": torch.tensor(float(epoch))}


def fill(folder, first, last, commits=(), shard_epochs=10):
    checkpoints = Checkpoints(folder, shard_epochs)
    for epoch in range(first, last + 1):
        checkpoints.append(epoch, weights(epoch))
        if epoch in commits or epoch == last:
            checkpoints.commit(epoch, state(epoch))
    return checkpoints


def contents(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_round_trip(tmp_path):
    fill(tmp_path, 0, 24)
    checkpoints = Checkpoints(tmp_path, 10)
    assert checkpoints.epochs == list(range(25))
    for epoch in (0, 9, 10, 24, 3):
        found = checkpoints.weights(epoch)
        assert found.keys() == weights(epoch).keys()
        for name, tensor in weights(epoch).items():
            assert torch.equal(found[name], tensor)
            assert found[name].dtype == tensor.dtype
    epoch, resumed = checkpoints.resume()
    assert epoch == 24
    assert torch.equal(resumed["network.0.weight"], state(24)["network.0.weight"])
    assert sorted(contents(tmp_path)) == [
        "checkpoints/epochs-000000-000009.safetensors",
        "checkpoints/epochs-000010-000019.safetensors",
        "checkpoints/epochs-000020-000024.safetensors",
        "checkpoints/index.json",
        "resume/epoch-000024.safetensors",
    ]


def test_what_a_caller_does_to_weights_stays_with_the_caller(tmp_path):
    checkpoints = fill(tmp_path, 0, 3)
    checkpoints.weights(2)["0.weight"].zero_()
    assert torch.equal(checkpoints.weights(2)["0.weight"], weights(2)["0.weight"])


def test_before_the_first_commit(tmp_path):
    checkpoints = Checkpoints(tmp_path / "not there yet")
    assert checkpoints.epochs == []
    assert checkpoints.resume() is None
    with pytest.raises(UsageError, match="none yet"):
        checkpoints.weights(0)


def test_an_epoch_that_was_not_kept(tmp_path):
    with pytest.raises(UsageError, match="no checkpoint of epoch 7; epochs there: 4 from 0 to 3"):
        fill(tmp_path, 0, 3).weights(7)


@pytest.mark.parametrize("commits", [(), (9, 19), (0, 1, 5, 12, 13, 22)])
def test_the_bytes_do_not_depend_on_the_commits(tmp_path, commits):
    fill(tmp_path / "once", 0, 24)
    fill(tmp_path / "often", 0, 24, commits)
    assert contents(tmp_path / "once") == contents(tmp_path / "often")


def test_continued_by_another_process(tmp_path):
    fill(tmp_path / "once", 0, 24)
    fill(tmp_path / "twice", 0, 13)
    fill(tmp_path / "twice", 14, 24)
    assert contents(tmp_path / "once") == contents(tmp_path / "twice")


def test_appended_but_not_whole_epochs_wait(tmp_path):
    checkpoints = Checkpoints(tmp_path, 10)
    for epoch in range(6):
        checkpoints.append(epoch, weights(epoch))
    checkpoints.commit(4, state(4))
    assert Checkpoints(tmp_path).epochs == [0, 1, 2, 3, 4]
    checkpoints.commit(5, state(5))
    assert Checkpoints(tmp_path).epochs == [0, 1, 2, 3, 4, 5]


def test_a_dropped_last_epoch(tmp_path):
    def run(folder, epochs, last, dropped=None):
        checkpoints = Checkpoints(folder, 10)
        if dropped is not None:
            checkpoints.drop(dropped)
        for epoch in epochs:
            checkpoints.append(epoch, weights(epoch))
        checkpoints.commit(last, state(last))

    run(tmp_path / "once", [0, 3, 6, 9, 12, 15], 15)
    run(tmp_path / "extended", [0, 3, 6, 9, 10], 10)
    run(tmp_path / "extended", [12, 15], 15, dropped=10)
    assert contents(tmp_path / "once") == contents(tmp_path / "extended")


@pytest.mark.parametrize("failing", range(1, 5))
def test_a_commit_that_fails_anywhere_leaves_the_last_one(tmp_path, monkeypatch, failing):
    """A commit writes two shards, the resume state and the index: each may be the last write."""
    fill(tmp_path / "once", 0, 12)
    fill(tmp_path / "run", 0, 5)
    checkpoints = Checkpoints(tmp_path / "run", 10)
    for epoch in range(6, 13):
        checkpoints.append(epoch, weights(epoch))
    left = failing

    def failing_write(write):
        def wrapped(*args):
            nonlocal left
            left -= 1
            if left == 0:
                raise IbRunError("no space")
            return write(*args)

        return wrapped

    with monkeypatch.context() as patch:
        for name in ("write_tensor_file", "write_index"):
            patch.setattr(module, name, failing_write(getattr(module, name)))
        with pytest.raises(IbRunError, match="no space"):
            checkpoints.commit(12, state(12))
    after = Checkpoints(tmp_path / "run", 10)
    assert after.epochs == [0, 1, 2, 3, 4, 5]
    assert torch.equal(after.weights(5)["0.weight"], weights(5)["0.weight"])
    assert after.resume()[0] == 5
    # tried again in the same process, or from the last commit in another
    fill(tmp_path / "other", 0, 5)
    checkpoints.commit(12, state(12))
    assert contents(tmp_path / "run") == contents(tmp_path / "once")


def test_what_a_killed_process_left_is_removed(tmp_path):
    fill(tmp_path, 0, 5)
    for name in ("epochs-000000-000008.safetensors", ".index.json.0123abcd.tmp"):
        (tmp_path / "checkpoints" / name).write_bytes(b"half")
    own = ["epochs-good-ones.safetensors", "notes.txt"]
    for name in own:
        (tmp_path / "checkpoints" / name).write_text("the user's own")
    fill(tmp_path, 6, 8)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["epochs-000000-000008.safetensors", own[0], "index.json", own[1]]
    assert torch.equal(Checkpoints(tmp_path).weights(8)["0.weight"], weights(8)["0.weight"])


def test_a_kill_behind_the_last_commit_leaves_nothing(tmp_path):
    fill(tmp_path, 0, 5)
    expected = contents(tmp_path)
    for name in (
        ".training.parquet.0123abcd.tmp",
        "checkpoints/epochs-000000-000003.safetensors",
        "resume/epoch-000003.safetensors",
        "resume/.epoch-000006.safetensors.0123abcd.tmp",
    ):
        (tmp_path / name).write_bytes(b"left")
    Checkpoints(tmp_path).tidy()
    assert contents(tmp_path) == expected


def test_a_reader_follows_a_shard_that_grows(tmp_path):
    fill(tmp_path, 0, 5)
    reader = Checkpoints(tmp_path)
    fill(tmp_path, 6, 8)
    assert torch.equal(reader.weights(5)["0.weight"], weights(5)["0.weight"])
    assert reader.epochs == list(range(9))


SHARD = "checkpoints/epochs-000000-000009.safetensors"
RESUME = "resume/epoch-000012.safetensors"


@pytest.mark.parametrize("name", [SHARD, RESUME])
@pytest.mark.parametrize("harm", ["missing", "truncated", "empty", "bit", "longer", "foreign"])
def test_damage_is_found_and_named(tmp_path, name, harm):
    fill(tmp_path, 0, 12)
    path = tmp_path / name
    data = bytearray(path.read_bytes())
    if harm == "missing":
        path.unlink()
    elif harm == "truncated":
        path.write_bytes(data[:-1])
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "longer":
        path.write_bytes(data + b"\0")
    elif harm == "foreign":
        path.write_bytes(bytes(len(data)))
    else:
        data[-5] ^= 4  # in the numbers: the format itself would not notice
        path.write_bytes(data)
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(DamagedFileError, match="Restore the file from a copy") as caught:
        checkpoints.weights(4) if name == SHARD else checkpoints.resume()
    assert str(path) in str(caught.value)
    assert str(caught.value).count("\n") <= 2


def test_every_flipped_bit_of_a_shard_is_found(tmp_path):
    fill(tmp_path, 0, 2)
    path = tmp_path / "checkpoints/epochs-000000-000002.safetensors"
    data = path.read_bytes()
    for at in range(0, len(data), 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(DamagedFileError):
            Checkpoints(tmp_path).weights(1)


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index["shards"][0].update(name="../../secret"),
        lambda index: index["shards"][0].update(epochs=[0, 1, 1]),
        lambda index: index["shards"][0].update(epochs=[0.5]),
        lambda index: index["shards"][0].update(epochs=5),
        lambda index: index["shards"][0].pop("size"),
        lambda index: index.update(format=99),
        lambda index: index.update(shards=None),
        lambda index: index.update(resume=[1]),
    ],
)
def test_an_index_that_cannot_be(tmp_path, change):
    fill(tmp_path, 0, 3)
    path = tmp_path / "checkpoints/index.json"
    index = json.loads(path.read_text())
    change(index)
    path.write_text(json.dumps(index))
    with pytest.raises(DamagedFileError) as caught:
        Checkpoints(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"index"', "\x00"])
def test_an_index_that_is_none(tmp_path, text):
    fill(tmp_path, 0, 3)
    (tmp_path / "checkpoints/index.json").write_text(text)
    with pytest.raises(DamagedFileError):
        Checkpoints(tmp_path)


def test_an_index_that_does_not_fit_the_shard(tmp_path):
    fill(tmp_path, 0, 3)
    path = tmp_path / "checkpoints/index.json"
    path.write_text(path.read_text().replace("[0, 1, 2, 3]", "[0, 1, 2, 4]"))
    with pytest.raises(DamagedFileError, match="other epochs"):
        Checkpoints(tmp_path).weights(1)


def test_thinning(tmp_path):
    checkpoints = fill(tmp_path, 0, 24)
    checkpoints.thin([0, 9, 24])
    assert sorted(contents(tmp_path)) == [
        "checkpoints/epochs-000000-000009-2.safetensors",
        "checkpoints/epochs-000020-000024-1.safetensors",
        "checkpoints/index.json",
        "resume/epoch-000024.safetensors",
    ]
    again = Checkpoints(tmp_path, 10)
    assert again.epochs == checkpoints.epochs == [0, 9, 24]
    assert torch.equal(again.weights(9)["0.weight"], weights(9)["0.weight"])
    again.thin([0, 24])
    # training goes on, into the shard that was thinned
    fill(tmp_path, 25, 31)
    assert Checkpoints(tmp_path, 10).epochs == [0, *range(24, 32)]
    assert Checkpoints(tmp_path, 10).resume()[0] == 31


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_thinning_that_is_interrupted_loses_nothing(fails_at, tmp_path, monkeypatch):
    fill(tmp_path, 0, 24)
    calls = []

    def once_too_often(path, *arguments):
        calls.append(path)
        if len(calls) == fails_at:
            raise KeyboardInterrupt
        return write(path, *arguments)

    name = ("write_tensor_file", "write_index")[fails_at == 3]
    if fails_at == 3:
        calls += [None, None]
    write = getattr(module, name)
    monkeypatch.setattr(module, name, once_too_often)
    with pytest.raises(KeyboardInterrupt):
        Checkpoints(tmp_path, 10).thin([0, 9, 24])
    monkeypatch.undo()
    again = Checkpoints(tmp_path, 10)
    assert again.epochs == list(range(25))
    for epoch in again.epochs:
        assert torch.equal(again.weights(epoch)["0.weight"], weights(epoch)["0.weight"])
    again.thin([0, 9, 24])
    assert len(contents(tmp_path)) == 4  # what was left behind is gone


def test_a_device_is_not_read(tmp_path):
    fill(tmp_path, 0, 1)
    (shard,) = tmp_path.glob("checkpoints/*.safetensors")
    shard.unlink()
    shard.symlink_to("/dev/zero")
    path = tmp_path / "checkpoints" / "index.json"
    index = json.loads(path.read_text())
    index["shards"][0]["size"] = 0
    path.write_text(json.dumps(index))
    with pytest.raises(DamagedFileError, match="not a regular file"):
        Checkpoints(tmp_path, 10).weights(0)


def test_a_pipe_is_not_waited_for(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    os.mkfifo(tmp_path / "checkpoints" / "index.json")
    with pytest.raises(DamagedFileError, match=r"index\.json: .*not a regular file"):
        Checkpoints(tmp_path)


def test_an_index_nested_too_deeply(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "index.json").write_text("[" * 200_000)
    with pytest.raises(DamagedFileError, match=r"index\.json"):
        Checkpoints(tmp_path)
