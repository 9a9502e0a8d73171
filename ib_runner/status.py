"""How far an estimate can be trusted: what estimators answer, tables hold and figures read."""

from enum import Enum

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
