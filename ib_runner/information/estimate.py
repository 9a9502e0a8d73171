"""Estimates: a value with its standard error, its certified interval and a status."""

import math
from dataclasses import dataclass
from typing import Protocol

from ib_runner.status import Status


@dataclass(frozen=True, kw_only=True)
class Values:
    """A method's results for one layer and one target; the fields are explained in ``Estimate``."""

    mi: float | None = None
    stderr: float | None = None
    lower: float | None = None
    upper: float | None = None
    h_t: float | None = None
    h_t_given_x: float | None = None
    n_x: int | None = None
    n_o: int | None = None
    n_mc: int | None = None
    status: Status

    @property
    def finite(self) -> bool:
        """Whether no value is NaN or infinite."""
        numbers = [value for value in vars(self).values() if isinstance(value, float | int)]
        return all(map(math.isfinite, numbers))


class Described(Protocol):
    """The properties of a layer that are copied into its estimates."""

    number: int
    dim: int
    beta: float


@dataclass(frozen=True, kw_only=True)
class Estimate(Values):
    """I(X;T_layer) (``target`` "x") or I(Y;T_layer) ("y") by ``method``; all in nats.

    ``lower`` and ``upper``: a certified 95 % interval, sampling error included, within [0, H].
    ``mi``: the best single value, in that interval; ``stderr`` its sampling error. ``h_t`` and
    ``h_t_given_x``: h(T) and h(T|X). ``n_x``, ``n_o``: draws per input in its cloud A (evaluation
    points) and cloud B (densities); ``n_mc``: evaluation points per input. A field is None where
    the method has no such quantity.
    """

    layer: int
    dim: int
    target: str
    method: str
    beta: float
    seconds: float = 0.0

    def __post_init__(self):
        values = (self.mi, self.stderr, self.lower, self.upper, self.h_t, self.h_t_given_x)
        if not all(value is None or math.isfinite(value) for value in values):
            raise ValueError(f"layer {self.layer}, {self.method}: a value is not finite: {values}")

    @classmethod
    def of(
        cls, layer: Described, target: str, method: str, values: Values, seconds: float = 0.0
    ) -> "Estimate":
        """The estimate of ``layer`` from ``values``; status ``failed`` where one is not finite."""
        if not values.finite:
            values = Values(status=Status.FAILED)
        return cls(
            layer=layer.number,
            dim=layer.dim,
            beta=layer.beta,
            target=target,
            method=method,
            seconds=seconds,
            **vars(values),
        )
