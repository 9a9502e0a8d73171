"""Reports of a run or sweep from its tables alone: an interactive HTML file, or CSV files."""

from ib_runner.report.export import export_tables
from ib_runner.report.write import write_report

__all__ = ["export_tables", "write_report"]
