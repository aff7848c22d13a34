"""A grant: the keys for one window, from whoever holds a key tree to one auditor (docs/spec/grant.md). Pure.

A JWS by the holder, a carrier or a court, inside a JWE to the auditor. It holds the minimal cover of the
window, the warrant's `jti` and the evidence that its release stands in the log; whoever opens it checks all three.
"""

from dataclasses import dataclass

import msgspec

from tiers.wire.api.carrier import AskGrant, NodeJson
from tiers.wire.encoding import b64u, parse_json
from tiers.wire.errors import Policy, Yours
from tiers.wire.keys.jose import SigningKey, VerifyKey, verify_compact
from tiers.wire.keys.keytree import EPOCH_MS, EPOCHS, Node, cover, epoch_of
from tiers.wire.lawful.evidence import Evidence
from tiers.wire.lawful.warrant import Claims, Delivery, Keys
from tiers.wire.message.envelope import Jwe, Pin, format_jwe, parse_jwe
from tiers.wire.message.sealing import (
    ContentKey,
    HpkePrivateKey,
    HpkePublicKey,
    decrypt_with,
    encrypt_for,
    open_content,
    seal_content,
)

JWE_TYP = "grant+jwe"
JWS_TYP = "grant+jws"
MAX_GRANT = 40_000


class Protected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The grant's JWE protected header."""

    typ: str
    enc: str
    cty: str


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What its giver signs: epochs [start, end) of one subscriber under one warrant.

    `evidence` is for the leaf `grant.released`, under the seal of this warrant.
    """

    jti: str
    sub: Pin
    start: int
    end: int
    nodes: tuple[NodeJson, ...]
    evidence: Evidence

    def __repr__(self) -> str:
        return f"<grant.Payload {self.jti}>"


@dataclass(frozen=True, slots=True)
class Grant:
    """An opened and verified grant: made by `open_grant` only. The caller still checks `evidence` (verify_evidence)."""

    jti: str
    sub: str
    start: int
    end: int
    nodes: tuple[Node, ...]
    evidence: Evidence


_PROTECTED = b64u(msgspec.json.encode(Protected(JWE_TYP, "A256GCM", "JOSE")))


def granted_epochs(ask: AskGrant, claims: Claims, now: int) -> tuple[int, int]:
    """Return the epochs [start, end) that a warrant buys of those asked for at `now` (ms); raises `Yours` or `Policy`.

    1. They lie in the warrant's window. 2. Whole minutes. 3. Elapsed minutes. 4. The warrant is for content.
    """
    window = claims.window
    if not window.start <= ask.start < ask.until <= window.until:  # 1
        raise Policy("grant.window", "Ask for minutes that lie in the window of the warrant.")
    if ask.start % EPOCH_MS or ask.until % EPOCH_MS:  # 2
        raise Yours("grant.minutes", "Ask for whole minutes.")
    start, end = epoch_of(ask.start), epoch_of(ask.until)
    if end > epoch_of(now):  # 3
        raise Policy("grant.future", "Ask for minutes that have passed, or wait until they have.")
    if claims.delivery is Delivery.IRI:  # 4
        raise Policy("grant.metadata_only", "Apply for a warrant that delivers content: this one is for metadata.")
    return start, end


def seal_grant(payload: Payload, giver: SigningKey, giver_kid: str, kid: str, to: HpkePublicKey) -> bytes:
    """Sign and seal a grant to the auditor's key `kid`; returns the JWE."""
    token = giver.sign_compact({"typ": JWS_TYP, "kid": giver_kid}, msgspec.json.encode(payload))
    cek = ContentKey.draw()
    return format_jwe(seal_content(cek, _PROTECTED, [encrypt_for(kid, cek, to)], token.encode("ascii")))


def open_grant(raw: bytes, key: HpkePrivateKey, givers: Keys) -> Grant:
    """Open and check a grant; raises `Yours`.

    1. A JWE of this type, to one recipient, that `key` opens. 2. Signed by one of `givers`, by `kid`. 3. The nodes are
    the minimal cover of the window that it names, no node more.
    """
    jwe: Jwe = parse_jwe(raw, MAX_GRANT)
    if jwe.protected != _PROTECTED or len(jwe.recipients) != 1:  # 1
        raise Yours("grant.malformed", "Send a grant as docs/spec/grant.md describes it.")
    token = open_content(jwe, decrypt_with(jwe.recipients[0], key))

    def find(kid: str) -> VerifyKey:
        if kid not in givers:
            raise Yours("grant.carrier", f"Ask {', '.join(givers)} for the grant.")
        return givers[kid]

    done = verify_compact(token.decode("ascii", "replace"), JWS_TYP, find, "grant.signature")  # 2
    payload = parse_json(Payload, done.payload, "grant.malformed")
    nodes = tuple(node.node() for node in payload.nodes)
    window = 0 <= payload.start < payload.end <= EPOCHS
    if not window or [node.at for node in nodes] != cover(payload.start, payload.end):  # 3
        raise Yours("grant.cover", "A grant holds the minimal cover of its window and nothing more.")
    return Grant(payload.jti, payload.sub, payload.start, payload.end, nodes, payload.evidence)
