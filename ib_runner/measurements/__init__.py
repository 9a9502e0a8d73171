"""Measurements, one table's rows a file; what a user's own measurement needs."""

from ib_runner.measurements.measurement import EveryEpoch, rows
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.tables.schema import EPOCH, LAYER, Column

__all__ = ["EPOCH", "LAYER", "Column", "EveryEpoch", "Snapshot", "rows"]
