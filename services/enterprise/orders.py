"""What decides a production order: the customer's policy, and nothing else. Pure.

The policy is `policy.toml` in the state directory, one line for each reason that the customer gives in to:

    [orders]
    THIRD_PARTY_DATA_REQUEST = "disclose"

What is not in it is refused; without the file everything is.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from tiers.wire.api.enterprise import Decision, Order, Reason
from tiers.wire.errors import Yours
from tiers.wire.identity import Identity
from tiers.wire.log.leaf import Author, Leaf, Seal

MAX_MESSAGES = 200
MAX_BYTES = 2 * 1024 * 1024
"""The most of one page: messages, and octets of their envelopes, unless one alone is longer."""
_DETAIL = {Decision.DISCLOSE: "order.disclosed", Decision.REFUSE: "order.refused"}


class OrderPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The customer's answer for each reason that it names."""

    orders: dict[Reason, Decision] = {}


@dataclass(frozen=True, slots=True)
class Message:
    """An order reaches one message."""

    mid: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """An order reaches what one PIN sent and received in [start, until), ms since 1970, behind the mid `after`."""

    pin: str
    start: int
    until: int
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What one answer produces, and behind which mid the next one begins."""

    mids: tuple[str, ...]
    next: str | None = None


def parse_policy(raw: bytes | None) -> OrderPolicy:
    """Read a policy file, or its absence; raises `Yours("order.policy")`."""
    try:
        return msgspec.convert(tomllib.loads((raw or b"").decode()), OrderPolicy)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        raise Yours("order.policy", "Make policy.toml valid TOML.") from None
    except msgspec.ValidationError as error:
        raise Yours(
            "order.policy", f"Give policy.toml [orders] with <reason> = 'disclose' or 'refuse': {error}."
        ) from None


def decide(policy: OrderPolicy, order: Order) -> Decision:
    """Return the customer's answer: what the policy says to this reason, and no where it says nothing."""
    return policy.orders.get(order.reason, Decision.REFUSE)


def subject_of(order: Order) -> Message | Traffic:
    """Return what an order reaches: one message, or one PIN's traffic within a window; raises `Yours`."""
    match order.mid, order.pin, order.window:
        case str(mid), None, None if order.after is None:
            return Message(mid)
        case None, str(pin), window if window is not None:
            if not 0 <= window.start < window.until < 1 << 63:
                raise Yours("order.window", "Name a window of milliseconds since 1970 whose from is before its until.")
            return Traffic(pin, window.start, window.until, order.after)
    raise Yours("order.subject", "Order either one mid, or one pin with a window and the mid to go on after.")


def page_of(found: Sequence[tuple[str, int]]) -> Page:
    """Return the page of the copies that an order reaches: (mid, octets), oldest first."""
    size = 0
    mids: list[str] = []
    for mid, octets in found:
        if mids and (len(mids) == MAX_MESSAGES or size + octets > MAX_BYTES):
            return Page(tuple(mids), mids[-1])
        size += octets
        mids.append(mid)
    return Page(tuple(mids))


def seal_of(order: Order, served: bytes, salt: bytes) -> Seal:
    """Return what the log commits to: the bytes that the court served, by reference. `salt` is 32 random bytes."""
    return Seal(salt, order.reference, sha256(served).digest())


def leaf_of(seal: Seal, decision: Decision, court: Identity, author: Author, now: int) -> Leaf:
    """Return the leaf of an answer at `now` (ms): that an order was answered and how, not whom it was about."""
    agency = f"{court.role}-{court.name}".lower()[:32]
    return author.leaf("order.answered", now, agency, seal.commit(), detail=_DETAIL[decision])
