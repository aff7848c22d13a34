"""Every secret of a world by value, and every spelling in which the system or a debugger would write it down.

The lab may know everything: it reads the parties' own key files. What it makes is a list of needles for `scan.py`; a
needle carries the fact that finding it proves (rules.py), and never shows its bytes.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tiers.device.keyring import Keyring
from tiers.lab.attack.derive.rules import Fact
from tiers.lab.world.cast import HANDSETS, PARTIES
from tiers.wire.identity import Role
from tiers.wire.keys.keytree import DEPTH, EPOCHS, Master, Node, Position, cover, descend, subscriber_root
from tiers.wire.keys.secret import Secret
from tiers.wire.message.envelope import BesKid, DeviceKid, Envelope, format_kid

PIECE = 16
"""Characters of a plaintext that are enough to say that it was there."""
OTHER_CUSTODIES = {"escrowmaster": "court/escrow.key", "globalkey": "carrier/global.key"}
"""Keys that only other arrangements than India's have."""
_LONGEST_KEY = 64
PARTY_KEYS = {
    "carrier": ("signing.key", "register.key"),
    "court": ("judge.key",),
    "ledger": ("log.key",),
    "witness": ("witness.key",),
}
"""Keys that open nothing. They are looked for to prove that a capture is one (the controls)."""


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """One secret of the world, and what holding it means."""

    fact: Fact
    raw: bytes

    @classmethod
    def of(cls, fact: Fact, secret: object) -> "Known":
        """Take a key that was derived."""
        if not isinstance(secret, Secret):
            raise TypeError(f"{fact[0]} is no key")
        return cls(fact, secret.reveal())

    def __repr__(self) -> str:
        return f"<Known {' '.join(self.fact)}>"


@dataclass(frozen=True, slots=True, repr=False)
class Needle:
    """One spelling of a secret. `how` says which."""

    fact: Fact
    how: str
    spelled: bytes

    def __repr__(self) -> str:
        return f"<Needle {' '.join(self.fact)} {self.how}>"


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
    """Return what a handset holds. `ring` is its keyring as it stands."""
    yield Known(("sign", name), ring.sign.reveal())
    yield from hybrid_secrets(device_key(name, ring), ring.hpke.reveal())
    if ring.consumer is not None:
        yield from (node_secret(name, node) for node in ring.consumer.nodes)
    yield from (node_secret(court_of(name), node) for node in ring.escrow)
    if ring.factory is not None:
        yield Known(("globalkey",), ring.factory.reveal())


def court_of(name: str) -> str:
    """Name somebody's tree at the court."""
    return f"court:{name}"


def escrow_of(name: str) -> str:
    """Name the escrow of what somebody writes."""
    return f"escrow:{name}"


def device_key(name: str, ring: Keyring) -> str:
    """Name a handset's hybrid key: by its kid, or by the handset that was never activated."""
    if ring.enterprise is None:
        return f"device/{name}"
    return format_kid(DeviceKid(ring.enterprise.org, ring.pin, ring.enterprise.generation))


def node_secret(name: str, node: Node) -> Known:
    """Return a node as a secret."""
    return Known(("node", name, place_of(node.at)), node.key.reveal())


def tree_secrets(
    master: Master, name: str, pin: str, epochs: Iterable[int], enrolled: Iterable[int]
) -> Iterator[Known]:
    """Derive the nodes of a subscriber's tree that matter.

    Every node on the way to the minutes `epochs`, and the cover that was handed out at an enrolment in one of the
    minutes `enrolled`.
    """
    root = subscriber_root(master, pin)
    ways = {Position(depth, epoch >> (DEPTH - depth)) for epoch in epochs for depth in range(DEPTH + 1)}
    handed = {at for epoch in enrolled for at in cover(epoch, EPOCHS)}
    for at in sorted(ways | handed):
        yield node_secret(name, descend(root, at))


def hybrid_secrets(kid: str, seed: bytes) -> Iterator[Known]:
    """Return a hybrid key by its seed and by its two halves (draft-ietf-hpke-pq): one half alone opens nothing."""
    halves = hashlib.shake_256(seed).digest(96)
    yield Known(("seed", kid), seed)
    yield Known(("mlkem", kid), halves[:64])
    yield Known(("x25519", kid), halves[64:])


def _read(path: Path) -> bytes:
    return path.read_bytes()


# ---- spellings ----


def needles(known: Iterable[Known]) -> Iterator[Needle]:
    """Spell every secret in every way."""
    for one in known:
        yield from spell(one.fact, one.raw)


def text_needles(fact: Fact, text: str) -> Iterator[Needle]:
    """Spell a plaintext in pieces, so that one that was cut is found as well."""
    raw = text.encode()
    starts = {*range(0, max(len(raw) - PIECE, 0) + 1, PIECE), max(len(raw) - PIECE, 0)}
    for start in sorted(starts):
        yield from spell(fact, raw[start : start + PIECE])


def trace_needles(key: str, envelope: Envelope) -> Iterator[Needle]:
    """Return what a message leaves behind that is no secret: its header, in the spellings that the parties use."""
    head, fact = envelope.header, ("header", key)
    decoded = f'"mid":"{head.mid}","channel":"{head.channel}","service":"{head.service}","from":"{head.sender}"'
    yield Needle(fact, "protected header", envelope.jwe.protected.encode())
    yield Needle(fact, "header", decoded.encode())
    yield Needle(fact, "record", f"{head.mid}{head.sender}{head.to}".encode())
    yield Needle(fact, "record", f"{head.sender}{head.to}{head.mid}".encode())
    yield Needle(("mid", key), "mid", head.mid.encode())


def spell(fact: Fact, raw: bytes) -> Iterator[Needle]:
    """Spell bytes in every way that the system, a log or a debugger writes them, each once."""
    seen = set[bytes]()
    for how, spelled in _spellings(raw):
        if spelled not in seen and len(spelled) >= PIECE:  # a shorter one would be found by chance
            seen.add(spelled)
            yield Needle(fact, how, spelled)


def _spellings(raw: bytes) -> Iterator[tuple[str, bytes]]:
    yield "raw", raw
    if raw.isascii() and raw.decode("ascii").isprintable():
        yield "UTF-16", raw.decode("ascii").encode("utf-16-le")
    for how, text in _texts(raw):
        yield how, text.encode("ascii")
        yield f"{how}, UTF-16", text.encode("utf-16-le")
    for how, text in _printed(raw):
        yield how, text.encode()
        yield f"{how}, in JSON", json.dumps(text, ensure_ascii=False)[1:-1].encode()
        yield f"{how}, in JSON", json.dumps(text)[1:-1].encode()
    inner = base64.urlsafe_b64encode(raw).rstrip(b"=")
    yield from (("base64url in base64", piece) for piece in _shifted(inner, base64.urlsafe_b64encode))


def _texts(raw: bytes) -> Iterator[tuple[str, str]]:
    digits = binascii.hexlify(raw).decode("ascii")
    yield "hex", digits
    yield "HEX", digits.upper()
    for how, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
        yield from ((how, piece.decode("ascii")) for piece in _shifted(raw, encode))


def _printed(raw: bytes) -> Iterator[tuple[str, str]]:
    """Write bytes as a careless line of Python does."""
    yield "Latin-1", raw.decode("latin-1")
    yield "Python literal", repr(raw)[2:-1]
    yield "list of integers", ", ".join(map(str, raw))
    yield "list of integers", ",".join(map(str, raw))
    yield "hex with colons", raw.hex(":")
    yield "hex with spaces", raw.hex(" ")
    if len(raw) <= _LONGEST_KEY:
        yield "integer", str(int.from_bytes(raw, "big"))
        yield "integer, little-endian", str(int.from_bytes(raw, "little"))


def _shifted(raw: bytes, encode: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """Return the characters that `raw` alone decides, at each of the three offsets within base64."""
    for before in range(3):
        whole = encode(bytes(before) + raw)
        first = -(-before * 8 // 6)
        last = (before + len(raw)) * 8 // 6
        yield whole[first:last]
