"""Selections of table rows: shared by figures and findings, so that both show the same data."""
