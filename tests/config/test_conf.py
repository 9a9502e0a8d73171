"""Every entry of conf/ declares its keys; a wrong value for any of them is refused at once."""

import ast
from pathlib import Path

import pytest
import torch
import yaml
from hydra.utils import get_object
from omegaconf import OmegaConf

import ib_runner
from ib_runner.config.compose import compose, open_hydra, settings
from ib_runner.config.declared import keys_of
from ib_runner.config.outline import is_defined, outline
from ib_runner.config.trust import NAMED, ONE
from ib_runner.config.validate import HANDED, validate
from ib_runner.errors import UsageError
from ib_runner.networks.cnn import CNN
from ib_runner.networks.fcn import FCN
from ib_runner.networks.hidden import channels
from ib_runner.networks.neurons import Neurons
from ib_runner.networks.noise import NoNoise

CONF = Path(__file__).resolve().parents[2] / "conf"
#: what no key accepts
WRONG = [{"nothing": None}]


def entries():
    """Every entry of conf/ with a target: its node in the configuration, its target, its keys."""
    for path in sorted(CONF.rglob("*.yaml")):
        tree = yaml.safe_load(path.read_text("utf-8"))
        group = path.parent.name
        if group in ONE and tree.get("_target_"):
            yield group, tree
        for part, nodes in [(group, tree)] if group in NAMED else tree.items():
            for name, node in nodes.items() if part in NAMED else ():
                if isinstance(node, dict) and "_target_" in node:
                    yield f"{part}.{name}", node


#: by target, one entry for each
ENTRIES = {node["_target_"]: (key, node) for key, node in entries()}
OURS = sorted(target for target in ENTRIES if not target.startswith("torch."))


def test_all_targets_are_here():
    text = "\n".join(path.read_text("utf-8") for path in CONF.rglob("*.yaml"))
    assert text.count("_target_: ib_runner") >= len(OURS) > 70
    assert all(target in ENTRIES for target in text.split() if target.startswith("ib_runner."))


@pytest.mark.parametrize("target", OURS)
def test_source_and_imported_target_declare_the_same(target):
    (read, complete), (imported, _) = keys_of(outline(target)), keys_of(get_object(target))
    assert complete
    assert list(read) == list(imported)
    handed = HANDED.get(ENTRIES[target][0], ())
    for name in read.keys() - {*handed}:
        assert read[name].rule.needs == imported[name].rule.needs
        assert read[name].required == imported[name].required


@pytest.fixture(scope="module")
def composed():
    """A right configuration, and what its measurements, figures and findings have by name."""
    whole = OmegaConf.to_container(settings(compose(open_hydra(), "all", ["+exp=szt_tanh"])))
    named = {group: whole[group] for group in NAMED}
    whole |= {group: {} for group in NAMED}
    whole["measure"]["measurements"] = whole["plot"]["figures"] = []
    validate(OmegaConf.create(whole))
    return whole, named


@pytest.mark.parametrize("target", sorted(ENTRIES))
def test_wrong_values_of_all_keys(target, composed):
    key, node = ENTRIES[target]
    whole, named = composed
    group, _, name = key.partition(".")
    keys = ["lr"] if target.startswith("torch.") else keys_of(outline(target))[0]
    for word in [one for one in keys if one not in HANDED.get(group, ())]:
        wrong = {**node, word: WRONG}
        if name:
            entry = {**named[group].get(name, {}), **wrong}
            config = OmegaConf.create({**whole, group: {name: entry}})
        else:
            config = OmegaConf.create({**whole, group: wrong})
        with pytest.raises(UsageError, match=rf"^{key}\.{word}=.*: needs "):
            validate(config)


@pytest.mark.parametrize(
    "key",
    [
        "dataset.train_fraction",
        "network.widths",
        "noise.beta",
        "optimizer.lr",
        "measurement.representation.layers",
        "figure.seeds.panels",
        "figure.fig5.layer",
        "findings.compression_layer_5.since",
        "findings.test_accuracy.expected",
        "findings.parseval_compresses_less.of.layer",
    ],
)
def test_nothing_is_left_behind(key, ib_run, tmp_path):
    status, out, err = ib_run("all", f"++{key}=[{{a:1}}]")
    assert (status, out) == (2, [])
    assert err.startswith(f"ib-run: {key}=[")
    assert len(err.splitlines()) <= 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("network", "keys", "shape"),
    [
        (FCN(2, 2, [4, 3, 2], "tanh", NoNoise), {"widths": [4, 3, 2]}, [2]),
        (Neurons(1, 1, [1, 2], [0, 0], "relu", NoNoise), {"weights": [1, 2]}, [1]),
        (CNN(1, 10, NoNoise), {}, [1, 28, 28]),
    ],
    ids=["FCN", "Neurons", "CNN"],
)
def test_depth_is_that_of_the_network(network, keys, shape):
    depth, x = network.depth, torch.zeros(2, *shape)
    n_channels, n_layers = (len(keys[depth]),) * 2 if isinstance(depth, str) else depth
    network.eval()
    assert len(channels(network, x)) == n_channels
    if isinstance(network, CNN):
        assert len(network.representations(x)) == n_layers


def test_constructors_of_figures_refuse_nothing_that_their_rules_accept():
    """A stage that does not draw leaves them uncalled (``Builder.tried``)."""
    folder = Path(ib_runner.__file__).parent / "figures"
    made = [
        one
        for path in folder.glob("*.py")
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(one, ast.FunctionDef) and one.name == "__init__"
    ]
    assert len(made) > 5
    for one in made:
        inside = [node for line in one.body for node in ast.walk(line)]
        assert not [node for node in inside if isinstance(node, ast.Raise)]
        calls = {ast.unparse(node.func) for node in inside if isinstance(node, ast.Call)}
        assert calls <= {"tuple", "dict.fromkeys"}


@pytest.mark.parametrize(
    ("target", "is_figure"),
    [
        ("ib_runner.figures.fig5.Fig5", True),
        ("ib_runner.figures.fig5.Fig6", False),
        ("ib_runner.figures.fig5.new_figure", False),
        ("ib_runner.figures.nothing.Fig5", False),
        ("ib_runner.findings.finding.Finding", False),
        ("mine.figures.fig5.Fig5", False),
    ],
)
def test_classes_are_found_where_they_are_defined(target, is_figure):
    assert is_defined(target, "figures") == is_figure
