"""Every secret of a world by value, and every spelling in which the system or a debugger would write it down.

The lab may know everything: it reads the parties' own key files. What it makes is a list of needles for `scan.py`; a
needle carries the fact that finding it proves (rules.py), and never shows its bytes.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from tiers.device.keyring import Keyring
from tiers.lab.world.cast import HANDSETS, PARTIES
from tiers.measure.derive.rules import Fact
from tiers.measure.search.spelling import Known, Needle, trace
from tiers.wire.identity import Role
from tiers.wire.keys.keytree import DEPTH, Master, Node, Position, descend, subscriber_root
from tiers.wire.keys.secret import Secret
from tiers.wire.message.envelope import BesKid, DeviceKid, Envelope, format_kid

OTHER_CUSTODIES = {"escrowmaster": "court/escrow.key", "globalkey": "carrier/global.key"}
"""Keys that only other arrangements than India's have."""
PARTY_KEYS = {
    "carrier": ("signing.key", "register.key"),
    "court": ("judge.key",),
    "ledger": ("log.key",),
    "witness": ("witness.key",),
    "witness-2": ("witness.key",),
    "witness-3": ("witness.key",),
}
"""Keys that open nothing. They are looked for to prove that a capture is one (the controls)."""


def place_of(at: Position) -> str:
    """Write a node's place as facts do: `depth/index`."""
    return f"{at.depth}/{at.index}"


def pin_names() -> dict[str, str]:
    """Return who a PIN is."""
    return {person.pin: person.name for person in HANDSETS}


def party_secrets(state: Path) -> Iterator[Known]:
    """Read the keys that parties made for themselves, from the folder of their state directories."""
    yield Known(("master",), _read(state / "carrier" / "master.key"))
    yield from hybrid_secrets(f"{Role.AUDITOR}/cbi/1", _read(state / "auditor" / "hpke.key"))
    for kind, name in OTHER_CUSTODIES.items():
        if (state / name).exists():
            yield Known((kind,), _read(state / name))
    for party in PARTIES:
        if party.identity.role is Role.CUSTOMER:
            org = party.identity.name
            yield Known(("orgroot", org), _read(state / party.name / "root.key"))
            for path in sorted((state / party.name).glob("bes-*.key")):
                generation = int(path.stem.removeprefix("bes-"))
                yield from hybrid_secrets(format_kid(BesKid(org, generation)), _read(path))
        for name in PARTY_KEYS.get(party.name, ()):
            yield Known(("mark", f"{party.name}/{name}"), _read(state / party.name / name))


def handset_secrets(name: str, ring: Keyring) -> Iterator[Known]:
    """Return what a handset holds beside nodes of its tree. `ring` is its keyring as it stands."""
    yield Known(("sign", name), ring.sign.reveal())
    yield from hybrid_secrets(device_key(name, ring), ring.hpke.reveal())
    if ring.factory is not None:
        yield Known(("globalkey",), ring.factory.reveal())


def device_key(name: str, ring: Keyring) -> str:
    """Name a handset's hybrid key: by its kid, or by the handset that was never activated."""
    if ring.enterprise is None:
        return f"device/{name}"
    return format_kid(DeviceKid(ring.enterprise.org, ring.pin, ring.enterprise.generation))


def known_key(fact: Fact, secret: object) -> Known:
    """Take a key that was derived."""
    if not isinstance(secret, Secret):
        raise TypeError(f"{fact[0]} is no key")
    return Known(fact, secret.reveal())


def node_secret(name: str, node: Node) -> Known:
    """Return a node as a secret."""
    return Known(("node", name, place_of(node.at)), node.key.reveal())


def tree_secrets(master: Master, name: str, pin: str, epochs: Iterable[int]) -> Iterator[Known]:
    """Derive every node of a subscriber's tree that opens one of the minutes `epochs`: no other opens a message."""
    root = subscriber_root(master, pin)
    for at in sorted({Position(depth, epoch >> (DEPTH - depth)) for epoch in epochs for depth in range(DEPTH + 1)}):
        yield node_secret(name, descend(root, at))


def hybrid_secrets(kid: str, seed: bytes) -> Iterator[Known]:
    """Return a hybrid key by its seed and by its two halves (draft-ietf-hpke-pq): one half alone opens nothing."""
    halves = hashlib.shake_256(seed).digest(96)
    yield Known(("seed", kid), seed)
    yield Known(("mlkem", kid), halves[:64])
    yield Known(("x25519", kid), halves[64:])


def _read(path: Path) -> bytes:
    return path.read_bytes()


def trace_needles(key: str, envelope: Envelope) -> Iterator[Needle]:
    """Return what a message leaves behind that is no secret: its header, in the spellings that the parties use."""
    head, fact = envelope.header, ("header", key)
    decoded = f'"mid":"{head.mid}","channel":"{head.channel}","service":"{head.service}","from":"{head.sender}"'
    yield trace(fact, "protected header", envelope.jwe.protected)
    yield trace(fact, "header", decoded)
    yield trace(fact, "record", f"{head.mid}{head.sender}{head.to}")
    yield trace(fact, "record", f"{head.sender}{head.to}{head.mid}")
    yield trace(("mid", key), "mid", head.mid)
