"""Every experiment's findings in ``conf/`` can be built, and say what the paper reports."""

import pytest
from omegaconf import OmegaConf

from ib_runner.config.builder import Builder
from ib_runner.config.compose import compose, open_hydra, settings
from ib_runner.config.explain import group_options
from ib_runner.findings.misclassification import Table1Errors

#: entries of the group that others share and complete
PARTS = {"none", "szt", "saturation", "binned_entropy", "truths", "against_szt_tanh"}
HYDRA = open_hydra()
#: findings that do not wait: what holds at any epoch, and what shows in the first epochs
AT_ANY_EPOCH = {"data_processing", "below_input_entropy", "smaller_bins"}
EARLY = {"reaches_input_entropy": 2500}
EARLY |= dict.fromkeys(("rise_layer_5", "rise_layer_4", "first_peak_layer_5"), 100)


@pytest.mark.parametrize("name", sorted({*group_options(HYDRA, "findings")} - PARTS))
@pytest.mark.slow
def test_an_experiments_findings(name):
    config = settings(compose(open_hydra(), "base", [f"findings={name}"]))
    findings = Builder(config).findings()
    assert len(findings) >= 2
    for one in findings.values():
        assert one.expected
        assert one.quantity


@pytest.mark.slow
def test_experiments_have_the_findings_of_their_name():
    for name in group_options(HYDRA, "exp"):
        if name in group_options(HYDRA, "findings"):
            of_experiment = compose(open_hydra(), "base", [f"+exp={name}"]).findings
            assert of_experiment == compose(open_hydra(), "base", [f"findings={name}"]).findings


@pytest.mark.parametrize("name", sorted(group_options(HYDRA, "exp")))
@pytest.mark.slow
def test_a_run_of_less_than_half_the_epochs_tells_nothing_about_training(name):
    config = settings(compose(open_hydra(), "base", [f"+exp={name}"]))
    for finding, one in Builder(config).findings().items():
        if finding not in AT_ANY_EPOCH:
            assert one.min_epoch >= EARLY.get(finding, config.trainer.epochs / 2), finding


def test_a_finding_saved_under_its_modules_earlier_name_is_found():
    entry = {"_target_": "ib_runner.findings.errors.Table1Errors", "expected": "e", "at_most": 3}
    (finding,) = Builder(OmegaConf.create({"findings": {"errors": entry}})).findings().values()
    assert type(finding) is Table1Errors
