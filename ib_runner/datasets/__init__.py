"""Data sets, one in each file."""

from ib_runner.datasets.dataset import Dataset, Split, random_split

__all__ = ["Dataset", "Split", "random_split"]
