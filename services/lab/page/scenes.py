"""What happens around the classroom, as facts on the same list (events.py): exercises and scenarios. Pure."""

from tiers.lab.page.events import Event
from tiers.lab.page.shapes import Arranged

# ---- exercises ----


class Started(Event, frozen=True):
    """Somebody began an exercise, or began it again; `given` is what was handed out."""

    exercise: str
    given: str


class Answered(Event, frozen=True):
    """Somebody answered."""

    exercise: str
    text: str


class Solved(Event, frozen=True):
    """An exercise is solved."""

    exercise: str
    points: int


# ---- a scenario, beside the classroom ----


class Scene(Event, frozen=True):
    """A scenario begins, beside the classroom, in so many acts."""

    name: str
    title: str
    acts: int


class Back(Event, frozen=True):
    """The scenario has left the page: the classroom is there again, as it was."""


class Boots(Event, frozen=True):
    """The world of an act is about to boot, in this arrangement; its own `World` follows.

    `faults` are parties that misbehave in it, and how.
    """

    act: int
    arrangement: Arranged
    faults: dict[str, str]


class Checked(Event, frozen=True):
    """The scenario compared what happened with what it tells, and found the same."""

    what: str
    found: str


class Cells(Event, frozen=True):
    """How an act ended: (vantage, message, reads or sealed), as told and as measured; which message is which `mid`."""

    act: int
    cells: tuple[tuple[str, str, str], ...]
    mids: dict[str, str]


class Ended(Event, frozen=True):
    """The scenario is over: who wins and why. Where it did not go as told, `failed` says what went wrong."""

    verdict: str
    caught: str
    unknown: str
    sources: tuple[str, ...]
    failed: str = ""
