"""MNIST from small files made here; from mirrors, good and bad; and the real one where it is."""

import errno
import gzip
import hashlib
import http.server
import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from ib_runner.datasets.mnist import MIRRORS, SHA256, Files, mnist, published
from ib_runner.errors import DamagedFileError, IbRunError, UnreadableError


def contents(n_train: int = 5, n_test: int = 3) -> dict[str, bytes]:
    """The four files' uncompressed bytes, for a few random images."""
    random = np.random.default_rng(0)
    made = {}
    for part, n in (("train", n_train), ("t10k", n_test)):
        images = random.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = random.integers(0, 10, n, dtype=np.uint8)
        made[f"{part}-images-idx3-ubyte"] = (
            struct.pack(">4B3I", 0, 0, 8, 3, *images.shape) + images.tobytes()
        )
        made[f"{part}-labels-idx1-ubyte"] = struct.pack(">4BI", 0, 0, 8, 1, n) + labels.tobytes()
    return made


def put(folder: Path, compressed: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents().items():
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


def files(folder: Path, *mirrors: str):
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in contents().items()}
    assert sha256.keys() == SHA256.keys()
    return lambda: Files(folder, sha256, mirrors)


@pytest.fixture
def server(tmp_path):
    """A mirror that serves ``tmp_path``/served; yields its address and the requested paths."""
    served = tmp_path / "served"
    served.mkdir()
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(served))

        def do_GET(self):
            requests.append(self.path)
            super().do_GET()

        def log_message(self, *arguments):
            pass

        def send_header(self, key, value):
            # a mirror that breaks off: it promises more than it sends
            if key == "Content-Length" and self.path.startswith("/short/"):
                value = str(int(value) + 10)
            super().send_header(key, value)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http_server.server_port}/", requests
        http_server.shutdown()
        thread.join()


@pytest.mark.parametrize("compressed", [True, False])
def test_the_files_of_ib_data(tmp_path, compressed):
    put(tmp_path, compressed)
    data = mnist(seed=0, files=files(tmp_path))
    assert data.train.x.shape == (5, 1, 28, 28)
    assert data.test.x.shape == (3, 1, 28, 28)
    assert data.n_classes == 10
    raw = contents()
    pixels = np.frombuffer(raw["t10k-images-idx3-ubyte"], np.uint8, offset=16)
    np.testing.assert_allclose(data.test.x.numpy().ravel(), pixels / 255, rtol=1e-6)
    assert data.train.y.tolist() == list(raw["train-labels-idx1-ubyte"][8:])
    assert data.train.y.dtype == torch.int64
    assert torch.equal(data.all.x, torch.cat([data.train.x, data.test.x]))
    assert mnist(seed=1, files=files(tmp_path)).fingerprint == data.fingerprint


def test_training_images_are_augmented(tmp_path):
    put(tmp_path)
    data = mnist(seed=0, files=files(tmp_path))
    distorted = data.augment(data.train.x, torch.Generator().manual_seed(0))
    assert distorted.shape == data.train.x.shape
    assert not torch.equal(distorted, data.train.x)


@pytest.mark.parametrize("name", SHA256)
def test_a_damaged_file_is_named_with_the_remedy(tmp_path, name):
    put(tmp_path)
    path = tmp_path / f"{name}.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DamagedFileError, match="Delete it") as caught:
        mnist(seed=0, files=files(tmp_path))
    assert str(path) in str(caught.value)
    assert "IB_DATA" in str(caught.value)


def test_another_file_of_the_right_form_is_refused(tmp_path):
    put(tmp_path)
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content[:-1] + bytes([(content[-1] + 1) % 10])))
    with pytest.raises(DamagedFileError, match="altered") as caught:
        mnist(seed=0, files=files(tmp_path))
    assert len(str(caught.value).splitlines()) == 3


def test_a_good_file_beside_a_damaged_one_will_do(tmp_path):
    put(tmp_path)
    put(tmp_path, compressed=False)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(b"no gzip")
    assert len(mnist(seed=0, files=files(tmp_path)).train) == 5


def closed(path, number):
    raise OSError(number, os.strerror(number), str(path))


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.EACCES, "permission to read it"), (errno.EIO, "try again")]
)
def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch, number, remedy):
    put(tmp_path)
    monkeypatch.setattr(gzip, "open", lambda path, mode: closed(path, number))
    with pytest.raises(UnreadableError, match=remedy) as caught:
        mnist(seed=0, files=files(tmp_path))
    assert "Delete it" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    put(tmp_path, compressed=False)
    assert len(mnist(seed=0, files=files(tmp_path)).train) == 5


def test_a_folder_that_is_closed_to_us_is_passed_over(tmp_path, monkeypatch):
    put(tmp_path / "MNIST" / "raw")
    monkeypatch.setenv("IB_DATA", str(tmp_path))
    is_file = Path.is_file
    monkeypatch.setattr(
        Path,
        "is_file",
        lambda path: (
            closed(path, errno.EACCES) if path.parent == tmp_path / "mnist" else is_file(path)
        ),
    )
    assert published().folder == tmp_path / "MNIST" / "raw"


def test_a_link_that_leads_nowhere_is_a_missing_file(tmp_path, server):
    address, _ = server
    put(tmp_path / "served")
    folder = tmp_path / "data" / "mnist"
    put(folder)
    path = folder / "train-labels-idx1-ubyte.gz"
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(IbRunError, match=r"train-labels-idx1-ubyte\.gz: not there"):
        mnist(seed=0, files=files(folder, "http://127.0.0.1:9/"))
    assert len(mnist(seed=0, files=files(folder, address)).train) == 5


def test_missing_files_are_downloaded_once(tmp_path, server):
    address, requests = server
    put(tmp_path / "served")
    folder = tmp_path / "data" / "mnist"
    data = mnist(seed=0, files=files(folder, address))
    assert len(data.train) == 5
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{n}.gz" for n in SHA256)
    assert len(requests) == 4
    mnist(seed=0, files=files(folder, address))
    assert len(requests) == 4


@pytest.mark.parametrize("bad", ["absent", "wrong", "short", "page"])
def test_a_mirror_that_fails_is_passed_over(tmp_path, server, bad):
    address, requests = server
    put(tmp_path / "served" / "good")
    put(tmp_path / "served" / "short")
    for kind in ("wrong", "page"):
        put(tmp_path / "served" / kind)
        for path in (tmp_path / "served" / kind).iterdir():
            changed = gzip.decompress(path.read_bytes())[:-1] + b"\x01"
            page = b"<html>moved</html>"
            path.write_bytes(gzip.compress(changed) if kind == "wrong" else page)
    folder = tmp_path / "data" / "mnist"
    dead = "http://127.0.0.1:9/"  # nobody listens there
    data = mnist(seed=0, files=files(folder, dead, f"{address}{bad}/", f"{address}good/"))
    assert len(data.test) == 3
    assert len(requests) == 8
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{n}.gz" for n in SHA256)


def test_without_any_mirror_the_error_says_what_to_do(tmp_path, server):
    address, _ = server
    folder = tmp_path / "data" / "mnist"
    mirrors = ("http://127.0.0.1:9/", f"{address}absent/")
    with pytest.raises(IbRunError) as caught:
        mnist(seed=0, files=files(folder, *mirrors))
    message = str(caught.value)
    assert str(folder / "train-images-idx3-ubyte.gz") in message
    assert "404" in message
    assert "IB_DATA" in message
    assert message.count("\n") == 2
    assert not folder.parent.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(IbRunError, match="cannot be written to"):
        mnist(seed=0, files=files(tmp_path / "file" / "mnist", "http://127.0.0.1:9/"))


@pytest.mark.parametrize("layout", ["mnist", "MNIST/raw", "mnist/MNIST/raw", "MNIST", "."])
@pytest.mark.parametrize("compressed", [True, False])
def test_layouts_of_others_are_found(tmp_path, monkeypatch, layout, compressed):
    monkeypatch.setenv("IB_DATA", str(tmp_path))
    put(tmp_path / layout, compressed)
    assert published() == (tmp_path / layout, SHA256, MIRRORS)
    found = files(published().folder)
    assert len(mnist(seed=0, files=found).train) == 5


def test_what_is_not_whole_is_left_and_fetched_into_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("IB_DATA", str(tmp_path))
    put(tmp_path / "MNIST" / "raw")
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").unlink()
    assert published().folder == tmp_path / "mnist"
    put(tmp_path)
    assert published().folder == tmp_path
    put(tmp_path / "mnist")
    assert published().folder == tmp_path / "mnist"
    monkeypatch.delenv("IB_DATA")
    assert published().folder == Path("data/mnist")


@pytest.mark.mnist
def test_the_real_files():
    if not published().folder.is_dir():
        pytest.skip("IB_DATA has no mnist folder")
    data = mnist(seed=0)
    assert data.train.x.shape == (60_000, 1, 28, 28)
    assert data.test.x.shape == (10_000, 1, 28, 28)
    assert data.test.y.bincount().tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
    # the published mean and standard deviation of the training pixels
    assert abs(data.train.x.mean() - 0.1307) < 1e-4
    assert abs(data.train.x.std() - 0.3081) < 1e-4
