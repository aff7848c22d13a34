"""Enrolment: a voucher lets one key have a PIN, and a key tree's part for it, sealed to its handset. Pure.

    shop -> carrier, judge -> court   POST /v1/vouchers {pin}: the SIM card of the story, good once
    device -> carrier, court   POST /v1/subscribers {pin, sign, hpke, voucher}, signed by the key `sign` for that party
    device <- carrier, court   {keys}: a JWE to `hpke`, which nobody on the way opens

Carrier and court check the same things here, so neither takes an enrolment that was made for the other. Whoever asks
for a PIN without its voucher hears one refusal, whatever that PIN is.
"""

import hashlib
import os
from collections.abc import Iterable
from hmac import compare_digest

import msgspec

from tiers.wire.api.carrier import Enrol, Enrolled
from tiers.wire.encoding import b64u, parse_json
from tiers.wire.errors import Conflict, Forbidden, Missing, Yours
from tiers.wire.identity import Identity
from tiers.wire.keys.jose import VerifyKey
from tiers.wire.keys.keytree import Node, NodeJson
from tiers.wire.message.envelope import format_jwe, parse_jwe
from tiers.wire.message.proof import Proofs, Request, claimed_pin
from tiers.wire.message.sealing import HpkePrivateKey, HpkePublicKey, open_alone, seal_alone

MAX_ANSWER = 16_384
_PROTECTED = b64u(b'{"typ":"enrolment+jwe","enc":"A256GCM"}')


_KEY, _VOUCHER = b"key:", b"voucher:"
_VOUCHER_BYTES = 16


def new_voucher() -> str:
    """Draw a voucher: 16 random bytes, base64url."""
    return b64u(os.urandom(_VOUCHER_BYTES))


def voucher_record(voucher: str) -> bytes:
    """Return what is kept of a PIN with an open voucher: enough to know it by, and not enough to use it."""
    return _VOUCHER + hashlib.sha256(voucher.encode()).digest()


def is_enrolled(record: bytes) -> bool:
    """Whether what is kept of a PIN is a subscriber's key."""
    return record.startswith(_KEY)


def admit_key(known: bytes, voucher: str, key: VerifyKey) -> bytes:
    """Return the record of a PIN that `key` may have; `known` is the one before. Raises `Forbidden`, always alike.

    1. It is this key's already. 2. Or the voucher is the PIN's, and not spent.
    """
    mine = _KEY + key.raw
    again, first = compare_digest(known, mine), compare_digest(known, voucher_record(voucher))  # 1, 2
    if not (again or first):
        raise Forbidden("subscriber.voucher", "Bring the voucher that was made for this PIN: it is good once.")
    return mine


def taken() -> Conflict:
    """Return the refusal of a voucher for a PIN that a subscriber has."""
    return Conflict("subscriber.taken", "Revoke the subscriber first, then make a voucher.")


def unknown() -> Missing:
    """Return the refusal to revoke a PIN that nobody has."""
    return Missing("subscriber.unknown", "Name a subscriber, or a PIN with an open voucher.")


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sealed: nodes of whose tree (`carrier/in`), for which PIN."""

    giver: str
    pin: str
    nodes: tuple[NodeJson, ...]


def verify_enrolment(authorization: str | None, enrol: Enrol, request: Request, proofs: Proofs, now: int) -> VerifyKey:
    """Check that whoever enrols a PIN holds the key that it will be known by; raises `Yours`.

    1. The request claims the PIN of the body. 2. It is signed by the key of the body, for this party, now, and once
    (tiers.wire.message.proof). 3. There is a key to seal the answer to.
    """
    key = VerifyKey.from_jwk(enrol.sign)
    if claimed_pin(authorization) != enrol.pin:  # 1
        raise Conflict("subscriber.pin", "Sign as the PIN that enrols.")
    proofs.verify(authorization or "", enrol.pin, key, request, now)  # 2
    HpkePublicKey.from_jwk(enrol.hpke)  # 3
    return key


def seal_keys(giver: Identity, enrol: Enrol, nodes: Iterable[Node]) -> Enrolled:
    """Seal a subscriber's nodes to the key that it enrolled with."""
    said = Keys(str(giver), enrol.pin, tuple(NodeJson.of(node) for node in nodes))
    to = HpkePublicKey.from_jwk(enrol.hpke)
    jwe = seal_alone(f"device/{enrol.pin}/1", to, _PROTECTED, msgspec.json.encode(said))
    return Enrolled(msgspec.Raw(format_jwe(jwe)))


def open_keys(done: Enrolled, giver: Identity, pin: str, key: HpkePrivateKey) -> tuple[Node, ...]:
    """Open the answer of `giver` to the enrolment of `pin`; raises `Yours`."""
    malformed = Yours("enrolment.malformed", f"Ask {giver} again: this is no answer to an enrolment.")
    opened = open_alone(parse_jwe(bytes(done.keys), MAX_ANSWER), _PROTECTED, key, malformed)
    said = parse_json(Keys, opened, "enrolment.malformed")
    if (said.giver, said.pin) != (str(giver), pin):
        raise Yours("enrolment.other", f"Ask {giver} again: these keys are of {said.giver}, for {said.pin}.")
    return tuple(node.node() for node in said.nodes)
