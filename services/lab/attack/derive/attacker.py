"""The attacker: from what a vantage point holds, everything that follows, by really doing it. Pure.

    Found (scan.py) -> start -> close -> Knowledge -> derivation

Each rule of rules.py has its operation here. It runs on the bytes that were found; what it cannot open does not follow.
A key is tried on everything of its kind, whatever a `kid` says, because an attacker does not believe labels.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import msgspec

from tiers.lab.attack.derive.rules import BY_NAME, FORGING, RULES
from tiers.lab.attack.derive.scene import Case, court_of, escrow_of
from tiers.lab.attack.search.secrets import pin_names, place_of
from tiers.lab.world.cast import HANDSETS, handset
from tiers.measure.derive import knowledge as knowing
from tiers.measure.derive.knowledge import Engine, Knowledge, Made, Step, learn
from tiers.measure.derive.rules import Fact
from tiers.measure.search.scan import Found
from tiers.measure.search.spelling import Known
from tiers.wire.custody import GlobalKey
from tiers.wire.custody.global_ import global_wrap
from tiers.wire.custody.split import escrow_key
from tiers.wire.encoding import unb64u
from tiers.wire.errors import TiersError
from tiers.wire.identity import Role
from tiers.wire.keys.jose import peek_header, read_compact
from tiers.wire.keys.keytree import (
    DEPTH,
    Master,
    Node,
    NodeJson,
    NodeKey,
    Position,
    WrapKey,
    descend,
    subscriber_root,
    wrap_key,
)
from tiers.wire.lawful.grant import JWE_TYP
from tiers.wire.message.commitment import check_commitment
from tiers.wire.message.content import TYP as CONTENT_TYP
from tiers.wire.message.envelope import SIGNED_CTY, Channel, Envelope, Jwe, Recipient, message_epoch, parse_protected
from tiers.wire.message.sealing import (
    ContentKey,
    HpkePrivateKey,
    decrypt_with,
    open_content,
    open_message,
    unwrap_from_carrier,
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What the attacker may know of the world: which minutes matter, and which message is which.

    A message is known by its protected header as sent, which commits to the content key: it has no second text.
    """

    messages: Mapping[str, Case]
    epochs: tuple[int, ...]
    engines: list[Engine] = field(default_factory=list)

    def engine(self) -> Engine:
        """Return the engine of this scene, always the same: 24 vantage points share most of what it makes."""
        if not self.engines:
            self.engines.append(Engine(RULES, {name: partial(_try, name, self) for name in OPERATIONS}))
        return self.engines[0]


def start(found: Found, known: Mapping[Fact, Known], scene: Scene) -> Knowledge:
    """Take up what a scan found: secrets by value, and what is shut."""
    out: Knowledge = {}
    for fact, places in found.facts.items():
        learn(out, Step(fact, value_of(fact, known), places[0]))
    for jwe, evidence in found.shut.items():
        for fact, value in shut(cast("Jwe", jwe), scene):
            learn(out, Step(fact, value, evidence))
    return out


def value_of(fact: Fact, known: Mapping[Fact, Known]) -> object:
    """Return a secret as what it is: a key of its type, else its bytes; `None` for a trace.

    The library takes a hybrid key as its seed only, so a half of one that was found stands for the key with that half.
    """
    of = ("seed", fact[1]) if fact[0] in {"mlkem", "x25519"} else fact
    return _typed(of, known[of].raw) if of in known else None


def _typed(fact: Fact, raw: bytes) -> object:  # noqa: PLR0911 - a table
    match fact:
        case ("master",) | ("escrowmaster",):
            return Master(raw)
        case ("globalkey",):
            return GlobalKey(raw)
        case ("node", _, place):
            depth, _, index = place.partition("/")
            return Node(Position(int(depth), int(index)), NodeKey(raw))
        case ("wrapkey", _, _):
            return WrapKey(raw)
        case ("cek", _):
            return ContentKey(raw)
        case ("seed", _):
            return HpkePrivateKey(raw)
        case _:
            return raw


def shut(jwe: Jwe, scene: Scene) -> Iterator[Made]:
    """Read a JWE: one of the messages, with its recipients, or a grant."""
    if f'"typ":"{JWE_TYP}"'.encode() in unb64u(jwe.protected, "attacker.jwe"):
        yield ("grant", hashlib.sha256(jwe.ciphertext.encode()).hexdigest()[:8]), jwe
    elif (case := scene.messages.get(jwe.protected)) is not None:
        yield ("sealed", case.key), jwe
        for recipient in jwe.recipients:
            yield ("recipient", case.key, recipient.header.kid), recipient


def close(knowledge: Knowledge, scene: Scene) -> Knowledge:
    """Add everything that follows, until nothing new does."""
    return scene.engine().close(knowledge)


def _try(name: str, scene: Scene, facts: Sequence[Fact], values: Sequence[object]) -> tuple[Made, ...]:
    try:
        return tuple(OPERATIONS[name](scene, facts, *values))
    except TiersError:
        return ()


# ---- the operations, one for each rule ----


def _subscriber_root(_scene: Scene, _facts: Sequence[Fact], master: Master) -> Iterator[Made]:
    for person in HANDSETS:
        if person.subscriber:
            root = subscriber_root(master, person.pin)
            yield ("node", person.name, place_of(root.at)), root


def _descend(scene: Scene, facts: Sequence[Fact], node: Node) -> Iterator[Made]:
    for epoch in scene.epochs:
        if node.at.covers(epoch):
            yield ("leaf", facts[0][1], str(epoch)), descend(node, Position(DEPTH, epoch))


def _escrow_root(_scene: Scene, _facts: Sequence[Fact], master: Master) -> Iterator[Made]:
    for person in HANDSETS:
        if person.subscriber:
            root = subscriber_root(master, person.pin)
            yield ("node", court_of(person.name), place_of(root.at)), root


def _join_escrow(_scene: Scene, facts: Sequence[Fact], carrier: WrapKey, court: WrapKey) -> Iterator[Made]:
    if facts[1][1] == court_of(facts[0][1]):
        yield ("wrapkey", escrow_of(facts[0][1]), facts[0][2]), escrow_key(carrier, court)


def _global_wrap(_scene: Scene, facts: Sequence[Fact], key: GlobalKey, _jwe: Jwe) -> Iterator[Made]:
    yield ("wrapkey", "everybody", facts[1][1]), global_wrap(key)


def _wrap_key(_scene: Scene, facts: Sequence[Fact], leaf: Node, jwe: Jwe) -> Iterator[Made]:
    header = parse_protected(jwe.protected)
    if header.channel is Channel.CONSUMER and message_epoch(header) == leaf.at.index:
        yield ("wrapkey", facts[0][1], facts[1][1]), wrap_key(leaf, jwe.protected)


def _unwrap(_scene: Scene, facts: Sequence[Fact], key: WrapKey, recipient: Recipient, jwe: Jwe) -> Iterator[Made]:
    yield ("cek", facts[1][1]), _committed(unwrap_from_carrier(recipient, key), jwe)


def _committed(cek: ContentKey, jwe: Jwe) -> ContentKey:
    """Return a content key that the header commits to; raises `Yours`."""
    check_commitment(cek.reveal(), parse_protected(jwe.protected).cmt, "sealing.commitment")
    return cek


def _hpke_seed(_scene: Scene, facts: Sequence[Fact], key: HpkePrivateKey) -> Iterator[Made]:
    yield ("hpke", facts[0][1]), key


def _hpke_halves(
    _scene: Scene, facts: Sequence[Fact], mlkem: HpkePrivateKey, _x25519: HpkePrivateKey
) -> Iterator[Made]:
    yield ("hpke", facts[0][1]), mlkem


def _hpke_decrypt(
    _scene: Scene, facts: Sequence[Fact], key: HpkePrivateKey, recipient: Recipient, jwe: Jwe
) -> Iterator[Made]:
    yield ("cek", facts[1][1]), _committed(decrypt_with(recipient, key), jwe)


def _open_content(_scene: Scene, facts: Sequence[Fact], key: ContentKey, jwe: Jwe) -> Iterator[Made]:
    """Open with the key that the header commits to. Who signed and who else reads is no attacker's question.

    Where a signed content is due, another plaintext is nobody's text.
    """
    header = parse_protected(jwe.protected)
    plaintext = open_message(Envelope(header, jwe), key)
    if header.cty == SIGNED_CTY:
        read_compact(plaintext.decode("ascii", "replace"), CONTENT_TYP, "content.signature")
    yield ("plaintext", facts[0][1]), plaintext


class _Payload(msgspec.Struct, frozen=True):
    """Of a grant's payload, what an attacker wants. He checks no signature and no cover."""

    sub: str
    nodes: tuple[NodeJson, ...]


def _open_grant(_scene: Scene, _facts: Sequence[Fact], key: HpkePrivateKey, jwe: Jwe) -> Iterator[Made]:
    names = pin_names()
    for recipient in jwe.recipients:
        token = open_content(jwe, decrypt_with(recipient, key)).decode("ascii", "replace")
        header, body, _ = token.split(".")
        payload = msgspec.json.decode(unb64u(body, "attacker.grant"), type=_Payload)
        whose = names.get(payload.sub, payload.sub)
        if peek_header(header, "attacker.grant").kid.startswith(f"{Role.JUDGE}/"):
            whose = court_of(whose)
        for one in payload.nodes:
            node = one.node()
            yield ("node", whose, place_of(node.at)), node


def _relay_delivers(scene: Scene, _facts: Sequence[Fact], _relay: object) -> Iterator[Made]:
    yield from ((("delivers", case.key), None) for case in scene.messages.values())


def _session_delivers(scene: Scene, facts: Sequence[Fact], _key: object) -> Iterator[Made]:
    ends = (case.key for case in scene.messages.values() if facts[0][1] in {case.sender, case.receiver})
    yield from ((("delivers", key), None) for key in ends)


def _registration_delivers(scene: Scene, facts: Sequence[Fact], _root: object) -> Iterator[Made]:
    """Name what a customer can send as its employee. Of a carrier's subscriber the relay keeps the key it has."""
    for case in scene.messages.values():
        sender = handset(case.sender)
        if case.channel is Channel.ENTERPRISE and sender.org == facts[0][1] and not sender.subscriber:
            yield ("delivers", case.key), None


OPERATIONS: Mapping[str, Callable[..., Iterable[Made]]] = {
    "subscriber-root": _subscriber_root,
    "descend": _descend,
    "escrow-root": _escrow_root,
    "join-escrow": _join_escrow,
    "global-wrap": _global_wrap,
    "wrap-key": _wrap_key,
    "unwrap": _unwrap,
    "hpke-seed": _hpke_seed,
    "hpke-halves": _hpke_halves,
    "hpke-decrypt": _hpke_decrypt,
    "open-content": _open_content,
    "open-grant": _open_grant,
    "relay-delivers": _relay_delivers,
    "session-delivers": _session_delivers,
    "registration-delivers": _registration_delivers,
}


WORDS = {
    "master": "the carrier's master key",
    "node": "node {1} of {0}'s key tree",
    "leaf": "{0}'s key for minute {1}",
    "wrapkey": "the key that wraps {1} for {0}",
    "cek": "the content key of {0}",
    "plaintext": "the text of {0}",
    "sealed": "{0}, shut",
    "recipient": "the recipient {1} of {0}",
    "seed": "the seed of the private key {0}",
    "mlkem": "the ML-KEM half of the private key {0}",
    "x25519": "the X25519 half of the private key {0}",
    "grant": "the grant {0}, shut",
    "sign": "the signing key of {0}'s handset",
    "orgroot": "the root key of {0}",
    "relay": "the relay itself",
    "escrowmaster": "the court's master key",
    "globalkey": "the global key",
    "header": "the header of {0}",
    "mid": "the mid of {0}",
    "mark": "{0}",
}


def derivation(knowledge: Mapping[Fact, Sequence[Step]], goal: Fact) -> tuple[str, ...]:
    """Tell how `goal` is known, in the words of this system."""
    return knowing.derivation(knowledge, goal, WORDS)


assert set(OPERATIONS) | FORGING == set(BY_NAME)  # noqa: S101 - a rule without an operation would never be measured
