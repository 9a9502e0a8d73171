"""A user's own entry that declares rules gets the same messages as entries of the package."""

import pytest

MODULE = """
from typing import Annotated, Literal

from ib_runner.rules import choice, each, optional, whole
from ib_runner.networks import FCN


class Mine(FCN):
    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        noise,
        depth: Annotated[int, whole(1, 3)],
        activation: str = "tanh",
        shape: Annotated[str, choice("cone", "tube")] = "tube",
        cut: Annotated[list[int] | None, optional(each(whole(1), "layers"), "none")] = None,
        rate: float = 0.1,
        form: Literal["round", "square"] = "round",
        skip: int = None,
    ):
        super().__init__(n_inputs, n_outputs, [4] * depth, activation, noise)
"""


@pytest.fixture
def own(ib_run, tmp_path, monkeypatch):
    """A command line with a network of the user's own, whose keys are given."""
    (tmp_path / "declared_networks.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(keys):
        network = f"network={{_target_: declared_networks.Mine, {keys}}}"
        return ib_run("train", "~network", f"+{network}", "trainer.epochs=1", "--dry-run")

    return run


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("depth: 0", "network.depth=0: needs a whole number ≥ 1 and ≤ 3."),
        ("depth: true", "network.depth=true: needs a whole number ≥ 1 and ≤ 3."),
        ("depth: 2, shape: tub", "network.shape=tub: needs cone or tube. Did you mean tube?"),
        ("depth: 2, rate: fast", "network.rate=fast: needs a number."),
        (
            "depth: 2, form: squar",
            "network.form=squar: needs round or square. Did you mean square?",
        ),
        ("depth: 2, skip: 1.5", "network.skip=1.5: needs a whole number, or null."),
        ("depth: 2, cut: [0]", "network.cut=[0]: needs layers, or null for none."),
    ],
)
def test_mistakes(keys, message, own, tmp_path):
    status, out, err = own(keys)
    assert (status, out) == (2, [])
    assert err.strip() == f"ib-run: {message}"
    assert not (tmp_path / "outputs").exists()


def test_what_the_rules_accept(own):
    status, out, err = own("depth: 2, shape: cone, cut: null, rate: 1, skip: null")
    assert status == 0, err
    assert "train: 1 epoch;" in out[1]
