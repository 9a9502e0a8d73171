"""What an estimator answers: a value with its error, its certified interval and a status."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

#: a lower bound this close to H, in nats and as a share of H (the smaller distance counts), proves
#: that the layer tells all inputs (or labels) apart
SATURATED = 0.01
#: nats by which an estimate may lie outside [0, H] before its status is ``impossible``
_ROOM = 0.01


class Status(Enum):
    """How far an estimate can be trusted; ``sentence`` says it in words."""

    OK = "ok", "The certified interval is at most as wide as was asked for."
    WIDTH_NOT_REACHED = (
        "width_not_reached",
        "The interval is certified, but wider than was asked for: raise the budget or the sizes.",
    )
    SATURATED = (
        "saturated",
        "The lower bound reaches H within 0.01 nats and 1 % of H: the layer tells all inputs (or "
        "labels) apart.",
    )
    NOT_CERTIFIED = (
        "not_certified",
        "No interval that means anything: the method gives none, or none but [lower, H] was found.",
    )
    IMPOSSIBLE = (
        "impossible",
        "The value lies outside [0, H] by more than 0.01 nats, where no mutual information can be: "
        "the estimator's error is at least that large.",
    )
    VACUOUS = (
        "vacuous",
        "The layer has no Gaussian noise (beta = 0, or dropout): for almost all weights the mutual "
        "information is H(X) or infinite and says nothing about the network.",
    )
    FAILED = (
        "failed",
        "Nothing could be estimated: the weights are not finite numbers, or the estimator stopped "
        "with an error, which the log names.",
    )

    sentence: str

    def __new__(cls, value: str, sentence: str):
        member = object.__new__(cls)
        member._value_ = value
        member.sentence = sentence
        return member

    @classmethod
    def of(cls, lower: float, upper: float, highest: float, target_width: float) -> "Status":
        """The status of a certified interval, ``highest`` being H(X) or H(Y); all in nats."""
        if not lower <= upper:  # NaN, too
            return cls.FAILED
        if cls.tells_apart(lower, highest):
            return cls.SATURATED
        return cls.WIDTH_NOT_REACHED if upper - lower > target_width else cls.OK

    @classmethod
    def of_value(cls, mi: float, highest: float) -> "Status":
        """The status of a value ``mi`` without an interval; ``highest`` is H(X) or H(Y); nats."""
        return cls.NOT_CERTIFIED if -_ROOM <= mi <= highest + _ROOM else cls.IMPOSSIBLE

    @staticmethod
    def tells_apart(lower: float, highest: float) -> bool:
        """Whether the ``lower`` bound has reached H = ``highest`` > 0, nats."""
        return highest > 0 and lower >= highest - min(SATURATED, SATURATED * highest)


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
        """The estimate of ``layer`` from ``values``; ``failed`` and empty if one is not finite."""
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
