"""A grant: the keys for one window, from whoever holds a key tree to one auditor (docs/spec/grant.md). Pure.

A JWS by the holder, a carrier or a court, inside a JWE to the auditor. It holds the minimal cover of the
window, the warrant's `jti` and the proof that its release stands in the log; whoever opens it checks all three.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from tiers.wire.encoding import Discreet, b64u, parse_json
from tiers.wire.errors import Yours
from tiers.wire.keys.jose import SigningKey, verify_compact
from tiers.wire.keys.keytree import EPOCHS, Node, NodeJson, cover
from tiers.wire.lawful.release import Release, terms
from tiers.wire.lawful.warrant import Keys, seal_of
from tiers.wire.log.checkpoint import LoggedLeaf, ProofOfLogging
from tiers.wire.message.envelope import Pin, format_jwe, parse_jwe
from tiers.wire.message.sealing import HpkePrivateKey, HpkePublicKey, open_alone, seal_alone

JWE_TYP = "grant+jwe"
JWS_TYP = "grant+jws"
MAX_GRANT = 40_000


class Payload(Discreet, frozen=True, forbid_unknown_fields=True):
    """What its giver signs: epochs [start, end) of one subscriber under one warrant.

    `evidence` shows the leaf `grant.released` of this very release, `since` the leaf from whose minute on the warrant
    reaches: `warrant.served` of a carrier, `warrant.approved` of a court. Both are under the seal of the warrant.
    """

    jti: str
    sub: Pin
    start: int
    end: int
    nodes: tuple[NodeJson, ...]
    evidence: ProofOfLogging
    since: ProofOfLogging


@dataclass(frozen=True, slots=True)
class Grant:
    """An opened and verified grant: made by `open_grant` only. The caller checks both proofs (verify_evidence)."""

    jti: str
    sub: str
    start: int
    end: int
    nodes: tuple[Node, ...]
    evidence: ProofOfLogging
    since: ProofOfLogging


_PROTECTED = b64u(f'{{"typ":"{JWE_TYP}","enc":"A256GCM","cty":"JOSE"}}'.encode())


def seal_release(order: Release, logged: LoggedLeaf, nodes: Iterable[Node], kid: str, giver: SigningKey) -> bytes:
    """Seal the grant of an order whose release stands in the log, by the giver `kid`; raises `Yours`."""
    said, claims = logged.leaf, order.claims
    asked = (seal_of(claims).commit(), terms(claims, order.start, order.end, order.nonce))
    if said.type != "grant.released" or (said.commitment, said.terms) != asked:
        raise Yours("grant.unlogged", "Log the release of this very grant first.")
    given = tuple(NodeJson.of(node) for node in nodes)
    payload = Payload(claims.jti, claims.sub, order.start, order.end, given, logged.proof, order.since)
    return seal_grant(payload, giver, kid, order.kid, HpkePublicKey.from_jwk(order.to))


def seal_grant(payload: Payload, giver: SigningKey, giver_kid: str, kid: str, to: HpkePublicKey) -> bytes:
    """Sign and seal a grant to the auditor's key `kid`; returns the JWE."""
    token = giver.sign_compact({"typ": JWS_TYP, "kid": giver_kid}, msgspec.json.encode(payload))
    return format_jwe(seal_alone(kid, to, _PROTECTED, token.encode("ascii")))


def open_grant(raw: bytes, key: HpkePrivateKey, givers: Keys) -> Grant:
    """Open and check a grant; raises `Yours`.

    1. A JWE of this type, to one recipient, that `key` opens. 2. Signed by one of `givers`, by `kid`. 3. The nodes are
    the minimal cover of the window that it names, no node more.
    """
    malformed = Yours("grant.malformed", "Send a grant as docs/spec/grant.md describes it.")
    token = open_alone(parse_jwe(raw, MAX_GRANT), _PROTECTED, key, malformed)  # 1
    stranger = Yours("grant.carrier", f"Ask {', '.join(givers)} for the grant.")
    done = verify_compact(token.decode("ascii", "replace"), JWS_TYP, givers, "grant.signature", stranger)  # 2
    payload = parse_json(Payload, done.payload, "grant.malformed")
    nodes = tuple(node.node() for node in payload.nodes)
    window = 0 <= payload.start < payload.end <= EPOCHS
    if not window or [node.at for node in nodes] != cover(payload.start, payload.end):  # 3
        raise Yours("grant.cover", "A grant holds the minimal cover of its window and nothing more.")
    return Grant(payload.jti, payload.sub, payload.start, payload.end, nodes, payload.evidence, payload.since)
