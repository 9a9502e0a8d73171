"""Findings of the paper, held against tables: a kind of finding a file.

What a user's own finding needs comes from here.
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
