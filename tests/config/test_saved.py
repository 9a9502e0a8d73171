"""A stage on a run that exists: what it may change, and what a stranger's configuration may not."""

import pytest
from omegaconf import OmegaConf

from ib_runner.config.compose import compose, open_hydra, parse, settings
from ib_runner.config.saved import check_saved, compose_saved, gives_scheduler
from ib_runner.errors import DamagedFileError, UsageError


@pytest.fixture(scope="module")
def hydra():
    return open_hydra()


@pytest.fixture
def saved(hydra):
    """A configuration as a run of the default experiment keeps it."""
    return settings(compose(hydra, "train", ["+exp=szt_tanh", "trainer.epochs=5", "seed=2"]))


def composed(hydra, saved, *overrides, stage="measure", may_change=("measure", "measurement")):
    return compose_saved(hydra, stage, may_change, saved, overrides, "outputs/x")


def test_what_was_saved_is_what_is_used(hydra, saved):
    config = composed(hydra, saved)
    assert (config.seed, config.trainer.epochs) == (2, 5)
    assert config.network == saved.network
    assert "hydra" not in config


def test_without_overrides_it_is_what_hydra_composes(hydra, saved):
    """Hydra is asked only where there is an override; one that changes nothing gives the same."""
    assert composed(hydra, saved) == composed(hydra, saved, "seed=2")


def test_what_the_stage_may_change_is_changed(hydra, saved):
    config = composed(hydra, saved, "measure.epochs=[1,2]", "device=cuda")
    assert config.measure.epochs == [1, 2]
    assert config.device == "cuda"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seed=3", r"seed=3: run=outputs/x was made with seed=2"),
        ("noise.beta=0.1", r"noise\.beta=0\.1: run=outputs/x was made with noise\.beta=0\.005"),
        ("+exp=szt_relu", "has its experiment saved with it; leave \\+exp out"),
        ("network=cnn", "was made with a network of its own"),
        ("measure.epochz=[1]", "there is no key measure.epochz"),
    ],
)
def test_anything_else_is_refused_by_name(hydra, saved, override, said):
    with pytest.raises(UsageError, match=said):
        composed(hydra, saved, override)


def test_epochs_are_added_and_never_taken_away(hydra, saved):
    may_change = ("trainer.epochs",)
    more = composed(hydra, saved, "trainer.epochs=6", stage="train", may_change=may_change)
    assert more.trainer.epochs == 6
    with pytest.raises(UsageError, match="only more epochs can be added"):
        composed(hydra, saved, "trainer.epochs=4", stage="train", may_change=may_change)


def test_a_saved_configuration_vouches_neither_for_targets_nor_for_a_scheduler(hydra, saved):
    saved.allow_targets = ["strange"]
    saved.measure.scheduler = "tcp://elsewhere:1"
    config = composed(hydra, saved)
    assert config.allow_targets == []
    assert config.measure.scheduler is None
    config = composed(hydra, saved, "allow_targets=[mine]", "measure.scheduler=tcp://here:1")
    assert config.allow_targets == ["mine"]
    assert config.measure.scheduler == "tcp://here:1"


def test_keys_that_came_later_have_todays_values(hydra, saved):
    del saved.trainer["together"], saved["findings"], saved.measure["n_jobs"]
    config = composed(hydra, saved)
    today = settings(compose(hydra, "base", ["+exp=szt_tanh"]))
    assert config.trainer.together == 1
    assert config.findings == today.findings
    assert config.measure.n_jobs == today.measure.n_jobs


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", "${oc.env:HOME}"),
        ("figure.fig5.unit", "${oc.env:HOME}"),
        ("figure.fig5.unit", "${plot.unit}.${oc.env:HOME}"),
        ("trainer.loss", "${seed}"),
    ],
)
def test_a_strangers_references_only_refer(saved, key, value):
    OmegaConf.update(saved, key, value, force_add=True)
    with pytest.raises(DamagedFileError, match="is not a plain value"):
        check_saved(saved, "outputs/x")


def test_a_strangers_nodes_are_ours(saved):
    check_saved(saved, "outputs/x")
    saved.other = 1
    with pytest.raises(DamagedFileError, match="other is no key"):
        check_saved(saved, "outputs/x")


@pytest.mark.parametrize(
    ("override", "given"),
    [("measure.scheduler=x", True), ("measure=quick", True), ("measure.n_jobs=1", False)],
)
def test_who_chooses_where_to_measure(hydra, override, given):
    assert gives_scheduler(parse(hydra, [override])) is given
