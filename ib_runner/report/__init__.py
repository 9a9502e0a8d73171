"""A run or a sweep as one HTML file to explore, or as CSV files: made from its tables alone."""

from ib_runner.report.export import export_tables
from ib_runner.report.write import write_report

__all__ = ["export_tables", "write_report"]
