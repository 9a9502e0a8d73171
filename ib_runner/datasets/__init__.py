"""Data sets, a file each."""

from ib_runner.datasets.dataset import Dataset, Split

__all__ = ["Dataset", "Split"]
