"""One error root, three branches: whose fault it is decides the branch.

`Yours` (the caller must change something), `Ours` (try again, nothing was lost) and `Policy` (a rule says no).
Every error carries a stable `code` for programs and a `detail` for people that says what to do next.
Only the edge (`tiers.chassis.web`, the gateway's session) turns one into HTTP or a frame.
"""

from typing import ClassVar


class TiersError(Exception):
    """The root. `code` is stable (`envelope.too_large`); `detail` is one sentence in plain English."""

    status: ClassVar[int]

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Yours(TiersError):
    """The caller's fault: what was sent is malformed or not allowed as sent."""

    status = 400


class Unauthenticated(Yours):
    """Nobody proved who is asking."""

    status = 401


class Forbidden(Yours):
    """Somebody proved who is asking, and it is not for them."""

    status = 403


class Missing(Yours):
    """The thing asked for does not exist here."""

    status = 404


class Conflict(Yours):
    """What was sent contradicts what stands, or a state does not allow the step."""

    status = 409


class TooLarge(Yours):
    """Over a named maximum."""

    status = 413


class TooMany(Yours):
    """A quota or a rate is used up; later is better."""

    status = 429


class Ours(TiersError):
    """Our fault, or a party's behind us: nothing was stored, try again after `retry_after` seconds."""

    status = 503
    retry_after: ClassVar[int] = 1


class Policy(TiersError):
    """A rule, a warrant or an order says no: asking again changes nothing."""

    status = 403


class Suspended(Policy):
    """A service is suspended by an order (RFC 7725)."""

    status = 451
