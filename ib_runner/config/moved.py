"""The present module of a ``_target_`` in a configuration that an earlier version saved."""

from collections.abc import Mapping
from typing import Any

#: earlier module name to present module name
MOVED = {
    "ib_runner.findings.binning": "ib_runner.findings.binned_trend",
    "ib_runner.findings.errors": "ib_runner.findings.misclassification",
}


def as_named_now(node: Any) -> Any:
    """``node`` with each ``_target_`` in a module of ``MOVED`` rewritten to the present name."""
    if isinstance(node, Mapping):
        return {
            word: _target_now(child) if word == "_target_" else as_named_now(child)
            for word, child in node.items()
        }
    return [as_named_now(child) for child in node] if isinstance(node, list) else node


def _target_now(target: object) -> str:
    module, dot, name = str(target).rpartition(".")
    return f"{MOVED.get(module, module)}{dot}{name}"
