"""Who reads a message, as things stand: declared, from what each vantage point holds, by the lab's own closure. Pure.

    Passed (both ends, the locks, whose minute was granted) -> judge -> {vantage: Verdict}

The page draws these and has no rule of its own. What an attack then finds replaces them (measuring.py).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from tiers.lab.attack.derive import closure
from tiers.lab.attack.derive.scene import AUDITOR_KEY, Case, Reader, bes_kid, escrow_of, hybrid_of, relations
from tiers.lab.matrix.policy import load_policy
from tiers.lab.world.arrangement import DEFAULT, load
from tiers.lab.world.cast import GLOBEX, HANDSETS, handset
from tiers.measure.matrix.policy import Row
from tiers.wire.errors import TiersError
from tiers.wire.message.envelope import (
    BesKid,
    CarrierKid,
    Channel,
    DeviceKid,
    Envelope,
    EscrowKid,
    GlobalKid,
    HandsetKid,
    message_epoch,
    parse_kid,
)

KEY = "m"
"""What the message is called in the facts about it."""
Lock = tuple[str, str]
"""What kind of key opens a recipient, and whose it is."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a vantage point has of a message: `shows` is all, size or none of its metadata; `why` is a word."""

    reads: bool
    shows: str
    why: str

    def __str__(self) -> str:
        return f"{'reads' if self.reads else 'sealed'} {self.shows} {self.why}"


@dataclass(frozen=True, slots=True)
class Passed:
    """A message: both ends by name, and its locks.

    `granted`: of which ends the auditor was given the keys of its minute; `copied`: on whom a warrant copied it;
    `in_force`: on whom a warrant stands.
    """

    sender: str
    receiver: str
    channel: Channel
    locks: tuple[Lock, ...]
    granted: frozenset[str] = frozenset()
    copied: frozenset[str] = frozenset()
    in_force: frozenset[str] = frozenset()


def locks_of(envelope: Envelope) -> tuple[Lock, ...]:
    """Say of each recipient what kind of key opens it and whose; "stranger" for nobody in the classroom."""
    epoch = message_epoch(envelope.header)
    return tuple(_lock(one.header.kid, epoch) for one in envelope.jwe.recipients)


def _lock(text: str, epoch: int) -> Lock:  # noqa: PLR0911 - a table
    try:
        kid = parse_kid(text)
    except TiersError:
        return "stranger", text
    names = {person.pin: person.name for person in HANDSETS}
    match kid:
        case GlobalKid():
            return "global", "everybody"
        case BesKid():
            return "bes", kid.org
        case CarrierKid() if kid.epoch == epoch and kid.pin in names:
            return "carrier", names[kid.pin]
        case EscrowKid() if kid.epoch == epoch and kid.pin in names:
            return "escrow", names[kid.pin]
        case DeviceKid() | HandsetKid() if kid.pin in names:
            return "device", names[kid.pin]
    return "stranger", text


@lru_cache(maxsize=4096)
def judge(passed: Passed) -> dict[str, Verdict]:
    """Return the declared verdict of every vantage point."""
    case, kinds = _case(passed), {kind for kind, _ in passed.locks}
    arranged = load(next((_KEPT[kind] for kind in _KEPT if kind in kinds), DEFAULT))
    world = relations([case], arranged, passed.granted)
    out = {}
    for name, row in load_policy().vantages.items():
        reads = ("plaintext", KEY) in closure.close(closure.expand(_holds(row, passed), case, [case], arranged), world)
        out[name] = Verdict(reads, _shows(row, passed), _why(row, passed, reads=reads))
    return out


_KEPT = {"escrow": "two-keys", "global": "canada-2010"}
"""An arrangement in which somebody keeps the keys of such locks, beside those that everybody keeps."""
REFERENCE = {Channel.CONSUMER: ("alice", "bob"), Channel.ENTERPRISE: ("priya", "quentin")}
"""Between whom the message passes by which an arrangement is shown."""


def judge_in(custody: str, channel: Channel, *, granted: bool, ghost: bool = False) -> dict[str, Verdict]:
    """Return what a custody declares of a message on this channel, with or without a granted warrant on its sender.

    `ghost`: the auditor's key stands among the recipients as well.
    """
    sender, receiver = REFERENCE[channel]
    tasked = frozenset({sender} if granted else ())
    locks = locks_in(custody, sender, receiver) + ((("auditor", AUDITOR_KEY),) if ghost else ())
    return judge(Passed(sender, receiver, channel, locks, tasked, tasked, tasked))


def locks_in(custody: str, sender: str, receiver: str) -> tuple[Lock, ...]:
    """Return the locks that an honest handset and an honest carrier hang on a message in a custody."""
    orgs = dict.fromkeys(("bes", handset(who).org) for who in (sender, receiver))
    of: dict[str, tuple[Lock, ...]] = {
        "carrier": (("carrier", sender), ("carrier", receiver)),
        "global": (("global", "everybody"),),
        "split": (("device", receiver), ("escrow", sender)),
        "customer": (("device", receiver), *orgs),
        "device": (("device", receiver),),
    }
    return tuple(dict.fromkeys(lock for part in custody.split("+") for lock in of[part]))


def _holds(row: Row, passed: Passed) -> Iterator[str]:
    """Say what a vantage point holds at this moment: of grants, those that were given."""
    yield from (held for held in row.holds if not held.startswith("grant:"))
    yield from (f"grant:{who}" for who in _grants(row, passed))


def _grants(row: Row, passed: Passed) -> frozenset[str]:
    """Return whose keys of this minute it has. Several grants stand for all that there are.

    Whoever reads them from fresh answers has them only while the warrant is in force.
    """
    named = {held.partition(":")[2] for held in row.holds if held.startswith("grant:")}
    have = passed.granted if len(named) > 1 else passed.granted & named
    return have & passed.in_force if "answers" in row.holds and "master" not in row.holds else have


def _case(passed: Passed) -> Case:
    """Return the message as the closure looks at it: the locks that are on it are its readers."""
    readers = tuple(_reader(kind, who) for kind, who in passed.locks)
    return Case(KEY, passed.sender, passed.receiver, passed.channel, "inside", readers)


def _reader(kind: str, who: str) -> Reader:
    keys = {"escrow": escrow_of, "bes": bes_kid, "device": hybrid_of}
    relation = "wrapped" if kind in {"carrier", "escrow", "global"} else "encrypted"
    return Reader(f"{kind}/{who}", relation, keys[kind](who) if kind in keys else who)


def _shows(row: Row, passed: Passed) -> str:
    groups = {"all", passed.channel.value} | {f"copied-of-{who}" for who in passed.copied}
    groups |= {"copied"} if passed.copied else set()
    groups |= {"bes-cross"} if ("bes", GLOBEX) in passed.locks else set()
    if groups & set(row.metadata):
        return "all"
    return "size" if groups & set(row.sizes) else "none"


def _why(row: Row, passed: Passed, *, reads: bool) -> str:
    """Return the word under which the page says why (text.en.js)."""
    words, kinds = {held.partition(":")[0] for held in row.holds}, {kind for kind, _ in passed.locks}
    return next(word for word, holds in (_opened if reads else _shut)(row, passed, words, kinds) if holds)


def _opened(row: Row, passed: Passed, words: set[str], kinds: set[str]) -> Iterable[tuple[str, bool]]:
    return (
        ("global", "global" in kinds and not ({"sender", "receiver"} & _whose(row))),
        ("own", "handset" in words),
        ("employer", "customer" in words),
        ("static-key", "emptied-handset" in words),
        ("master", "master" in words and "carrier" in kinds),
        ("halves", "master" in words),
        ("grant", bool(_grants(row, passed))),
        ("key", True),
    )


def _shut(row: Row, passed: Passed, words: set[str], kinds: set[str]) -> Iterable[tuple[str, bool]]:
    enterprise = passed.channel is Channel.ENTERPRISE
    return (
        ("tls", words == {"captures", "ciphertext"}),
        ("logs", "logs" in words),
        ("one-half", "master" in words and "escrow" in kinds),
        ("not-carriers", "master" in words),
        ("companys-other", "customer" in words and enterprise),
        ("not-companys", "customer" in words),
        ("erased", "emptied-handset" in words and "carrier" in kinds),
        ("not-named", "handset" in words or "emptied-handset" in words),
        ("no-warrant", "other-agency-key" in words),
        ("not-carriers", "auditor-key" in words and enterprise),
        ("expired", "auditor-key" in words and not any(held.startswith("grant") for held in row.holds)),
        ("other-warrant", len([held for held in row.holds if held.startswith("grant")]) == 1),
        ("no-grant", "auditor-key" in words),
        ("no-key", True),
    )


def _whose(row: Row) -> set[str]:
    return {held.partition(":")[2] for held in row.holds}
