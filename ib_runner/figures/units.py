"""Conversion of information from nats to the unit of figures, nats or bits."""

import math
from typing import TypeVar

Value = TypeVar("Value")

_NATS_PER_UNIT = {"nats": 1.0, "bits": math.log(2)}


def convert(nats: Value, unit: str) -> Value:
    """``nats`` (a number, an array or a column) in ``unit``; raises ``KeyError`` for another."""
    return nats / _NATS_PER_UNIT[unit]
