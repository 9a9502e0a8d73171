"""Quick composing gives Hydra's results, and leaves earlier results unchanged."""

import pytest
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import OmegaConf

from ib_runner.config import quick_compose
from ib_runner.config.compose import open_hydra
from ib_runner.config.quick_compose import compose_config

LINES = [
    ("train", ["+exp=szt_tanh"]),
    ("train", ["+exp=szt_tanh", "seed=3", "trainer.epochs=${seed}"]),
    ("train", ["trainer.epochs=5", "+exp=szt_tanh", "noise=none", "seed=1"]),
    ("train", ["network=fcn", "dataset=szt", "+extra={a: 1}", "noise={beta: 3}"]),
    ("measure", []),
    ("all", ["+exp=szt_tanh", "hydra.job.name=other", "~optimizer.lr"]),
]


@pytest.fixture
def counted(monkeypatch):
    """Hydra, and how often it has composed itself."""
    monkeypatch.setattr(quick_compose, "_KEPT", {})
    hydra, calls = open_hydra(), []
    whole = hydra.compose_config
    monkeypatch.setattr(hydra, "compose_config", lambda *of: calls.append(of) or whole(*of))
    return hydra, calls


@pytest.mark.parametrize(("name", "overrides"), LINES)
@pytest.mark.slow
def test_it_is_what_hydra_composes_the_second_time_too(counted, name, overrides):
    hydra, _ = counted
    expected = open_hydra().compose_config(name, list(overrides), RunMode.RUN)
    for _ in range(2):
        found = compose_config(hydra, name, overrides)
        assert found == expected
        assert OmegaConf.to_yaml(found) == OmegaConf.to_yaml(expected)
        assert OmegaConf.is_struct(found)
        OmegaConf.set_struct(found, False)
        found.trainer.epochs, found.other = 77, 1  # the caller's own


def test_values_need_no_composing_and_entries_do(counted):
    hydra, calls = counted
    for seed in range(5):
        assert compose_config(hydra, "train", ["+exp=szt_tanh", f"seed={seed}"]).seed == seed
    assert len(calls) == 1
    compose_config(hydra, "train", ["+exp=szt_relu", "seed=1"])
    assert len(calls) == 2


def test_a_folder_of_the_users_is_read_again(counted, tmp_path):
    _, calls = counted
    (tmp_path / "exp").mkdir()
    for seed in (4, 5):
        (tmp_path / "exp" / "mine.yaml").write_text(f"# @package _global_\nseed: {seed}\n")
        assert compose_config(open_hydra(str(tmp_path)), "train", ["+exp=mine"]).seed == seed
    assert calls == []


@pytest.mark.parametrize("override", ["trainer.epoch=3", "exp=szt_tanh", "~nothing", "seed=1,2"])
def test_mistakes_are_hydras(counted, override):
    hydra, _ = counted
    with pytest.raises(ConfigCompositionException) as expected:
        open_hydra().compose_config("train", [override], RunMode.RUN)
    for _ in range(2):
        with pytest.raises(ConfigCompositionException) as found:
            compose_config(hydra, "train", [override])
        assert str(found.value) == str(expected.value)
