"""Configurations read by libyaml equal those that OmegaConf reads."""

from pathlib import Path

import pytest
import yaml
from hydra._internal.sources_registry import SourcesRegistry
from omegaconf import OmegaConf

from ib_runner.config import compose, yaml_source
from ib_runner.errors import UsageError

CONF = Path(__file__).resolve().parents[2] / "conf"


@pytest.fixture
def file(tmp_path):
    """Write ``mine.yaml`` of group network in a folder: what the source makes of it."""
    (tmp_path / "network").mkdir()

    def read(text):
        path = tmp_path / "network" / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        source = yaml_source._InFolder("command-line", f"file://{tmp_path}")
        return source.load_config("network/mine"), path

    return read


def test_every_file_of_ours():
    source = yaml_source._Packaged("main", "pkg://ib_runner.conf")
    for path in CONF.rglob("*.yaml"):
        name = path.relative_to(CONF).with_suffix("").as_posix()
        assert source.load_config(name).config == OmegaConf.load(path), name


@pytest.mark.parametrize(
    "text",
    [
        "a: 1e-3\nb: 1_000\nc: .5\nd: 1.\ne: .inf\nf: 1e3",  # OmegaConf's numbers, not YAML 1.1's
        "day: 2020-01-02\ntime: 12:30",  # no time stamps
        "on: off\nyes: no\nnone: ~",
        "text: 'β ≥ 0'\nlist: [1, [two, 3.0]]\nreference: ${a.b}",
        "",
        "# only a comment\n",
    ],
)
def test_values(file, text):
    found, path = file(text)
    assert found.config == OmegaConf.load(path)
    types = [type(value) for value in OmegaConf.to_container(found.config).values()]
    assert types == [type(v) for v in OmegaConf.to_container(OmegaConf.load(path)).values()]


def test_the_package_of_a_file_is_read_from_its_head(file):
    assert file("# @package _global_\nseed: 1\n")[0].header["package"] == "_global_"


def test_what_was_read_before_can_be_changed(file):
    file("a: [1, 2]")[0].config.a.append(3)
    assert file("a: [1, 2]")[0].config == {"a": [1, 2]}


@pytest.mark.parametrize("text", ["a: [1, 2", "a: 1\na: 2", "a:\n\t- 1"])
def test_a_mistake_is_named_with_its_file(file, text):
    with pytest.raises(yaml.YAMLError, match=r"mine\.yaml"):
        file(text)


def test_another_application_of_hydra_keeps_its_own_sources():
    hydra = compose.open_hydra()
    own = {type(one).__name__ for one in hydra.config_loader.get_sources()}
    assert "_Packaged" in own
    assert SourcesRegistry.instance().resolve("pkg") is not yaml_source._Packaged


def test_a_file_that_changes_is_read_again(tmp_path):
    (tmp_path / "network").mkdir()
    path = tmp_path / "network" / "mine.yaml"
    for depth in (2, 3):
        path.write_text(f"_target_: mine.network\ndepth: {depth}\n")
        hydra = compose.open_hydra(str(tmp_path))
        assert compose.compose(hydra, "train", ["network=mine"]).network.depth == depth


@pytest.mark.parametrize("key", ["trainer.epochs", "measurement.density.epochs", "experiment"])
def test_a_reference_that_leads_nowhere_is_named(key):
    config = compose.compose(compose.open_hydra(), "base", [f"++{key}='${{no.such.key}}'"])
    with pytest.raises(UsageError, match=r"no\.such\.key|'no'"):
        compose.settings(config)
