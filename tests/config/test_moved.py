"""Saved configurations name modules as they were called when the run was made."""

from importlib import import_module
from importlib.util import find_spec

import pytest

from ib_runner.config.moved import MOVED, as_named_now


@pytest.mark.parametrize(("before", "now"), MOVED.items())
def test_modules_that_moved_are_found_where_they_are(before, now):
    assert find_spec(before) is None
    assert import_module(now)


def test_targets_are_renamed_wherever_they_stand():
    saved = {
        "findings": {
            "order": {"_target_": "ib_runner.findings.errors.ErrorsOfCondition", "n": 3},
            "mine": {"_target_": "mine.findings.errors.Mine"},
        },
        "words": ["ib_runner.findings.errors.ErrorsOfCondition"],
    }
    now = as_named_now(saved)
    order = now["findings"].pop("order")
    assert order == {"_target_": "ib_runner.findings.misclassification.ErrorsOfCondition", "n": 3}
    assert now["findings"] == {"mine": saved["findings"]["mine"]}
    assert now["words"] == saved["words"]  # no targets
