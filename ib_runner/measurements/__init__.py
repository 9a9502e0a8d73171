"""Measurements, each file with the class that makes the rows of one table.

The names below are those that a user's own measurement needs.
"""

from ib_runner.measurements.measurement import EveryEpoch, rows
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.tables.schema import EPOCH, LAYER, Column

__all__ = ["EPOCH", "LAYER", "Column", "EveryEpoch", "Snapshot", "rows"]
