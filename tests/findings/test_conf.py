"""Every experiment's findings in ``conf/`` can be built, and say what the paper reports."""

import pytest

from ib_runner.build import build_findings
from ib_runner.config.compose import compose, open_hydra, settings
from ib_runner.config.explain import group_options

#: entries of the group that others share and complete
PARTS = {"none", "szt", "saturation", "binned_entropy", "truths", "against_szt_tanh"}
HYDRA = open_hydra()


@pytest.mark.parametrize("name", sorted({*group_options(HYDRA, "findings")} - PARTS))
def test_an_experiments_findings(name):
    config = settings(compose(open_hydra(), "base", [f"findings={name}"]))
    findings = build_findings(config)
    assert len(findings) >= 2
    for one in findings.values():
        assert one.expected
        assert one.quantity


def test_experiments_have_the_findings_of_their_name():
    for name in group_options(HYDRA, "exp"):
        if name in group_options(HYDRA, "findings"):
            of_experiment = compose(open_hydra(), "base", [f"+exp={name}"]).findings
            assert of_experiment == compose(open_hydra(), "base", [f"findings={name}"]).findings
