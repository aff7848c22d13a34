"""What an auditor makes of the product: opens what its grant opens, and says of the rest why it stays shut. Pure.

    product PDUs + grant or refusal of each giver -> inspect -> Inspection

Everything that was delivered is reported: what should not have been (a stranger's message, a service that the warrant
does not name) shows up as a finding that is not opened. Whoever is in it and in no warrant is a third party.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, NamedTuple

from tiers.wire.api.auditor import Finding, Inspect, Inspection
from tiers.wire.custody.split import escrow_key
from tiers.wire.encoding import b64u
from tiers.wire.errors import Policy, TiersError, Yours
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.keytree import EPOCH_MS, WrapKey, epoch_of, leaf, wrap_key
from tiers.wire.lawful.evidence import verify_evidence
from tiers.wire.lawful.grant import Grant, open_grant
from tiers.wire.lawful.product import Stream, following, missing, read_x2, stream_of
from tiers.wire.lawful.release import check_since, terms
from tiers.wire.lawful.warrant import Claims, Delivery, Keys
from tiers.wire.lawful.x2x3 import X2, X3, decode
from tiers.wire.lawful.xiri import Metadata
from tiers.wire.log.checkpoint import PinnedLog
from tiers.wire.message.content import read_content
from tiers.wire.message.envelope import CarrierKid, Envelope, EscrowKid, message_epoch, parse_envelope, parse_kid
from tiers.wire.message.mail import readable
from tiers.wire.message.sealing import HpkePrivateKey, open_message, unwrap_from_carrier

MAX_PROOF_AGE_MS: Final = 600_000
"""How old the leaf of a fresh grant may be: the log takes a leaf within five minutes of its own clock."""

_CAME = {Role.CARRIER: "warrant.served", Role.COURT: "warrant.approved"}

NO_RECIPIENT: Final = "no recipient of this JWE is held by the carrier"
NO_COURT: Final = "the other half of its key is a court's, and this auditor has no court to ask"
NOT_THE_TARGET: Final = "no recipient of this JWE is the target of the warrant"
NOT_THE_SERVICE: Final = "the warrant does not name this service"
METADATA_ONLY: Final = "the warrant covers metadata only"
NO_CONTENT: Final = "the product holds no content of this message"
OUTSIDE: Final = "this minute lies outside the granted window"
ALTERED: Final = "the granted key does not open it: it was altered on the way"
ANOTHER_KEY: Final = "its lock holds another key than its header commits to: the sender kept it from you"
UNSIGNED: Final = "what it holds is not what a sender signs for these readers"


@dataclass(frozen=True, slots=True)
class Product:
    """The PDUs that were delivered under one warrant, in order, and how many the carrier says were lost."""

    pdus: tuple[bytes, ...]
    lost: int


@dataclass(frozen=True, slots=True)
class NoGrant:
    """Carrier or court refused the keys, or the auditor what it got instead of them."""

    code: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What a grant must be about: this warrant, these epochs [start, end), the request of this nonce, this giver."""

    claims: Claims
    start: int
    end: int
    nonce: str
    giver: Identity
    keys: Keys


@dataclass(frozen=True, slots=True)
class Halves:
    """What carrier and court answered; `court` is `None` where there is none to ask."""

    carrier: Grant | NoGrant
    court: Grant | NoGrant | None = None

    @property
    def refused(self) -> str | None:
        """The code with which one of them refused, the carrier's first."""
        for said in (self.carrier, self.court):
            if isinstance(said, NoGrant):
                return said.code
        return None


class _Copy(NamedTuple):
    """One message as it was copied: X2, X3 or both. `ts` in ms, `size` in octets of the JWE."""

    metadata: Metadata | None
    envelope: Envelope | None
    ts: int
    size: int


class _Key(NamedTuple):
    """What pairs an X2 with its X3. The `mid` is the sender's to choose, so it is not enough by itself."""

    correlation: int
    mid: str
    sender: str
    to: str


def window_to_ask(claims: Claims, ask: Inspect, since: int, now: int) -> tuple[int, int]:
    """Return [from, until) in ms: as asked, else the whole minutes that the warrant buys and that have elapsed.

    It buys those of its window from the minute on in which it was served, at `since` (ms).

    Raises `Policy("auditor.not_elapsed")` if that is no minute at all.
    """
    start = max(claims.window.start, since - since % EPOCH_MS) if ask.start is None else ask.start
    until = min(claims.window.until, now - now % EPOCH_MS) if ask.until is None else ask.until
    if start >= until:
        raise Policy("auditor.not_elapsed", "Wait a minute, or ask from before until: keys are for elapsed minutes.")
    return start, until


def check_grant(raw: bytes, key: HpkePrivateKey, want: Expected, pinned: PinnedLog, now: int) -> Grant:
    """Open a grant and check that it is the one asked for, and that its release was logged; raises `Yours` or `Policy`.

    1. Sealed to this key, signed by its giver, minimal (`open_grant`). 2. For this warrant, target and window.
    3. Its leaf stands in a witnessed checkpoint of the pinned log, and commits to this very warrant. 4. The leaf says
    that this giver released a grant to this agency, just now. 5. It was logged for this very request: window and nonce.
    6. No minute lies before the one in which, by the log, the carrier was served the warrant or the court approved it.
    """
    grant = open_grant(raw, key, want.keys)  # 1
    claims = want.claims
    if (grant.jti, grant.sub, grant.start, grant.end) != (claims.jti, claims.sub, want.start, want.end):  # 2
        raise Yours("grant.other", f"Ask the {want.giver.role} again: this grant is not the one that was asked for.")
    said = verify_evidence(grant.evidence, claims, pinned).leaf  # 3
    if (said.type, said.party, said.agency) != ("grant.released", want.giver.uri, claims.agency):  # 4
        raise Policy("grant.not_logged", f"Ask the {want.giver.role} to log this release: it shows another leaf.")
    if abs(now - said.ts) > MAX_PROOF_AGE_MS:
        raise Policy("grant.old_leaf", f"Ask the {want.giver.role} to log each release by itself: it shows an old one.")
    if said.terms != terms(claims, want.start, want.end, want.nonce):  # 5
        raise Policy("grant.other_leaf", f"Ask the {want.giver.role} to log each release by itself: this is another's.")
    came = verify_evidence(grant.since, claims, pinned).leaf  # 6
    if (came.type, came.party) != (_CAME[want.giver.role], want.giver.uri):
        raise Policy("grant.not_logged", f"Ask the {want.giver.role} to show when the warrant came, in the log.")
    check_since(grant.start, came.ts)
    return grant


def inspect(product: Product, claims: Claims, carrier: str, keys: Halves) -> Inspection:
    """Open what opens and report everything; raises nothing. `carrier` is the carrier's name, such as `in`."""
    copies, lost, unreadable = _read(product.pdus)
    findings = tuple(_finding(copy, claims, carrier, keys) for copy in copies)
    people = {person for found in findings for person in (found.sender, found.to)}
    return Inspection(
        jti=claims.jti,
        liid=claims.liid,
        findings=findings,
        lost=max(product.lost, lost),  # a carrier that hides a gap is caught by its own numbers
        third_parties=tuple(sorted(people - {claims.sub})),
        grant_refused=keys.refused,
        unreadable=unreadable,
    )


def _read(pdus: Sequence[bytes]) -> tuple[list[_Copy], int, int]:
    """Return the copied messages in order, how many PDUs the numbers say are missing, and how many do not parse."""
    x2s: dict[_Key, list[tuple[Metadata, int]]] = defaultdict(list)
    x3s: dict[_Key, list[tuple[Envelope, int]]] = defaultdict(list)
    order, expected, lost, unreadable = dict[_Key, None](), dict[Stream, int](), 0, 0
    for raw in pdus:
        try:
            pdu = decode(raw)
            if not isinstance(pdu, X2 | X3):
                raise Yours("product.keepalive", "Deliver product only.")
            stream = stream_of(pdu)
            lost += max(missing(expected.get(stream, 0), pdu.head.sequence), 0)
            expected[stream] = following(pdu.head.sequence)
            if isinstance(pdu, X2):
                metadata = read_x2(pdu)
                key = _Key(pdu.head.correlation, metadata.mid, metadata.from_pin, metadata.to_pin)
                x2s[key].append((metadata, (pdu.head.at_ns or 0) // 1_000_000))
            else:
                envelope = _envelope(pdu.payload)
                key = _Key(pdu.head.correlation, envelope.header.mid, envelope.header.sender, envelope.header.to)
                x3s[key].append((envelope, len(pdu.payload)))
            order[key] = None
        except TiersError:
            unreadable += 1
    pairs = (pair for key in order for pair in zip_longest(x2s[key], x3s[key]))
    return [_copy(x2, x3) for x2, x3 in pairs], lost, unreadable


def _envelope(payload: bytes) -> Envelope:
    envelope = parse_envelope(payload)
    for recipient in envelope.jwe.recipients:
        parse_kid(recipient.header.kid)
    return envelope


def _copy(x2: tuple[Metadata, int] | None, x3: tuple[Envelope, int] | None) -> _Copy:
    metadata, copied_at = x2 or (None, 0)
    if x3 is None:
        return _Copy(metadata, None, copied_at, metadata.size if metadata else 0)
    return _Copy(metadata, x3[0], x3[0].header.ts, x3[1])


def _finding(copy: _Copy, claims: Claims, carrier: str, keys: Halves) -> Finding:
    content = raw = sealed = None
    if copy.envelope is None:
        sealed = METADATA_ONLY if claims.delivery is Delivery.IRI else NO_CONTENT
    else:
        opened = _open(copy.envelope, claims, carrier, keys)
        if isinstance(opened, str):
            sealed = opened
        else:
            text, plaintext = opened
            content, raw = readable(copy.envelope.header.service, text), b64u(plaintext)
    mid, channel, service, sender, to = _who(copy)
    return Finding(mid, channel, service, sender, to, copy.ts, copy.size, content, sealed, raw)


def _who(copy: _Copy) -> tuple[str, str, str, str, str]:
    """Name the message: by the JWE's own header where it is there, for the sender vouches for that one."""
    if copy.envelope is not None:
        header = copy.envelope.header
        return header.mid, header.channel.value, header.service.value, header.sender, header.to
    assert copy.metadata is not None  # noqa: S101 - zip_longest never pairs nothing with nothing
    seen = copy.metadata
    return seen.mid, seen.channel.value, seen.service.value, seen.from_pin, seen.to_pin


def _open(envelope: Envelope, claims: Claims, carrier: str, keys: Halves) -> tuple[bytes, bytes] | str:
    """Return the content and the plaintext that it stood in, or why it stays shut.

    Of a signed one the auditor checks all but the signature: nobody gave it the sender's key.
    """
    epoch = message_epoch(envelope.header)
    kids = [parse_kid(recipient.header.kid) for recipient in envelope.jwe.recipients]
    carried, escrow = CarrierKid(carrier, claims.sub, epoch), EscrowKid(claims.iss, claims.sub, epoch)
    for closed, why in (
        (not any(isinstance(kid, CarrierKid | EscrowKid) for kid in kids), NO_RECIPIENT),
        (carried not in kids and escrow not in kids, NOT_THE_TARGET),
        (envelope.header.service not in claims.services, NOT_THE_SERVICE),
        (claims.delivery is Delivery.IRI, METADATA_ONLY),
    ):
        if closed:
            return why
    ours = carried if carried in kids else escrow
    key = _key(envelope, epoch, (keys.carrier,) if ours is carried else (keys.carrier, keys.court))
    if isinstance(key, str):
        return key
    try:
        cek = unwrap_from_carrier(envelope.jwe.recipients[kids.index(ours)], key)
        plaintext = open_message(envelope, cek)
        return read_content(plaintext, envelope, {})[0], plaintext
    except TiersError as error:
        if error.code == "sealing.commitment":
            return ANOTHER_KEY
        return UNSIGNED if error.code.startswith("content.") else ALTERED


def _key(envelope: Envelope, epoch: int, given: Sequence[Grant | NoGrant | None]) -> WrapKey | str:
    """Return the key of a recipient for which these must all have given theirs, or why there is none."""
    parts = []
    for grant in given:
        if grant is None:
            return NO_COURT
        if isinstance(grant, NoGrant):
            return f"no grant: {grant.code}"
        if not grant.start <= epoch < grant.end:
            return OUTSIDE
        parts.append(wrap_key(leaf(grant.nodes, epoch), envelope.jwe.protected))
    return parts[0] if len(parts) == 1 else escrow_key(*parts)


def epochs_of(start: int, until: int) -> tuple[int, int]:
    """Return the epochs [start, end) of a window of whole minutes in ms; raises `Yours`."""
    if start % EPOCH_MS or until % EPOCH_MS:
        raise Yours("auditor.minutes", "Ask for whole minutes.")
    return epoch_of(start), epoch_of(until)
