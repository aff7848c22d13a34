"""What can go wrong with a measurement. Each message says what to do next."""

from unittest import SkipTest


class MeasureError(Exception):
    """The root."""


class NotWhole(MeasureError):
    """A capture is empty or partial, so that finding nothing in it would prove nothing."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Start again: {what}, so the capture would be partial.")


class Misused(MeasureError):
    """Something was named or declared that is not there."""


class Unmeasured(MeasureError, SkipTest):
    """What cannot be measured on this machine: to pytest and unittest a test that was skipped, and none that passed."""
