"""Findings of the paper, checked against tables; each file has one kind of finding.

The names below are those that a user's own finding needs.
"""

from ib_runner.findings.finding import Finding, FindingOverRuns, Quantity, Undecidable
from ib_runner.selections.context import Context, Runs, Tables, facts

__all__ = [
    "Context",
    "Finding",
    "FindingOverRuns",
    "Quantity",
    "Runs",
    "Tables",
    "Undecidable",
    "facts",
]
