"""Checkpoints: the log signs them, a witness cosigns them, everybody else pins both keys. Pure: no clock, no I/O.

    text -> verify_signed -> SignedCheckpoint -> verify_witnessed -> WitnessedCheckpoint -> verify_logged -> LoggedLeaf

The order is in the types: each is made by its `verify_*` function alone, so code that takes a `LoggedLeaf` cannot
run on a leaf that is not logged. Formats: C2SP signed-note, tlog-checkpoint, tlog-cosignature (v1, Ed25519).
Stricter than C2SP in one spelling only: names are visible ASCII, extension lines are refused.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, InitVar, dataclass
from hashlib import sha256
from typing import Annotated, ClassVar, Final, Self

import msgspec
from msgspec import Meta

from tiers.wire.errors import TooLarge, Yours
from tiers.wire.keys.jose import SigningKey, VerifyKey
from tiers.wire.log.leaf import MAX_LEAF, Index, Leaf, parse_leaf
from tiers.wire.log.merkle import HASH_BYTES, MAX_PROOF, MAX_SIZE, TreeHead, leaf_hash, verify_inclusion

MAX_NAME = 128  # characters of an origin or key name
MAX_NOTE = 65_536  # bytes of a whole checkpoint: sixteen post-quantum signatures fit
MAX_SIGNATURES = 16  # what C2SP signed-note asks every verifier to accept
MAX_VKEY = MAX_NAME + 64  # characters
KEY_ID_BYTES = 4
SIGNATURE_BYTES = 64
TIME_BYTES = 8
MAX_TIME = 1 << 53  # seconds: what every reader can count exactly

_NAME = rf"[!-*,-~]{{1,{MAX_NAME}}}"  # visible ASCII without "+"
_BASE64 = r"[A-Za-z0-9+/]+={0,2}"
_VKEY = re.compile(rf"({_NAME})\+([0-9a-f]{{8}})\+({_BASE64})")
_LINE = re.compile(rf"— ({_NAME}) ({_BASE64})\n")
_NOTE = re.compile(rf"(({_NAME})\n(0|[1-9][0-9]{{0,18}})\n([A-Za-z0-9+/]{{43}}=)\n)\n((?:— {_NAME} {_BASE64}\n)+)")
_VERIFIED: Final = object()

Hash64 = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{43}=\Z")]


class ProofOfLogging(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the ledger answers and parties hand on: `leaf` as canonical JSON text, `proof` as base64 hashes."""

    index: Index
    leaf: Annotated[str, Meta(max_length=MAX_LEAF)]
    proof: Annotated[tuple[Hash64, ...], Meta(max_length=MAX_PROOF)]
    checkpoint: Annotated[str, Meta(max_length=MAX_NOTE)]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's claim about its tree (C2SP tlog-checkpoint), not yet signed by anybody."""

    origin: str
    head: TreeHead

    def text(self) -> str:
        """Return the note text that is signed, final newline included."""
        return f"{self.origin}\n{self.head.size}\n{b64(self.head.root)}\n"


@dataclass(frozen=True, slots=True)
class _VerifierKey:
    """A pinned public key with its name; `vkey()` is its C2SP text."""

    name: str
    public: VerifyKey
    kind: ClassVar[int]

    @property
    def key_id(self) -> bytes:
        """Four bytes that name key and signature type together (C2SP signed-note)."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public.raw).digest()[:KEY_ID_BYTES]

    def vkey(self) -> str:
        """Return `<name>+<key id>+<base64(type ‖ public key)>` (C2SP signed-note, verifier keys)."""
        return f"{self.name}+{self.key_id.hex()}+{b64(bytes([self.kind]) + self.public.raw)}"

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read a verifier key of this kind; raises `Yours("checkpoint.bad_vkey")`."""
        match = _VKEY.fullmatch(vkey) if len(vkey) <= MAX_VKEY else None
        raw = unb64(match[3], "checkpoint.bad_vkey") if match else b""
        if match is None or len(raw) != 1 + HASH_BYTES or raw[0] != cls.kind:
            raise Yours("checkpoint.bad_vkey", f"Give the verifier key that a {cls.__name__[:-3].lower()} wrote.")
        key = cls(match[1], VerifyKey(raw[1:]))
        if key.key_id.hex() != match[2]:
            raise Yours("checkpoint.bad_vkey", "Copy the whole verifier key: its key id belongs to another key.")
        return key


class LogKey(_VerifierKey):
    """A log's public key; its name is the log's origin."""

    kind = 0x01


class WitnessKey(_VerifierKey):
    """A witness's public key, for timestamped cosignatures."""

    kind = 0x04


@dataclass(frozen=True, slots=True)
class PinnedLog:
    """Whom a relying party trusts about one log: its key, and the witnesses, `quorum` of whom must cosign."""

    log: LogKey
    witnesses: tuple[WitnessKey, ...]
    quorum: int = 1

    def __post_init__(self) -> None:
        """Refuse a policy that nobody could keep, or that counts one witness twice; raises `Yours`."""
        keys = {key.public.raw for key in self.witnesses} | {self.log.public.raw}
        names = {key.name for key in self.witnesses}
        if not 1 <= self.quorum <= len(names) or len(names) != len(self.witnesses) or len(keys) != len(names) + 1:
            detail = "Name each witness once, each with a key of its own, and ask for at least one and at most all."
            raise Yours("checkpoint.bad_policy", detail)


@dataclass(frozen=True, slots=True)
class _Verified:
    """What the `verify_` functions of this file make, and nobody else."""

    _: KW_ONLY
    made_by: InitVar[object]

    def __post_init__(self, made_by: object) -> None:
        if made_by is not _VERIFIED:
            raise TypeError(f"only verify_ functions make a {type(self).__name__}")


@dataclass(frozen=True, slots=True)
class SignedCheckpoint(_Verified):
    """A checkpoint that the pinned log signed. Made by `verify_signed` alone."""

    checkpoint: Checkpoint
    note: str


@dataclass(frozen=True, slots=True)
class WitnessedCheckpoint(_Verified):
    """A checkpoint that the pinned log signed and enough witnesses cosigned. Made by `verify_witnessed` alone."""

    checkpoint: Checkpoint
    note: str
    witnesses: tuple[str, ...]
    witnessed_at: int  # seconds since 1970, by the clock of the last of them


@dataclass(frozen=True, slots=True)
class LoggedLeaf(_Verified):
    """A leaf that stands in a witnessed checkpoint. Made by `verify_logged` alone; `proof` is what to hand on."""

    leaf: Leaf
    index: int
    checkpoint: WitnessedCheckpoint
    proof: ProofOfLogging


@dataclass(frozen=True, slots=True)
class LogSigner:
    """The log's own hand: it signs checkpoints under its origin."""

    origin: str
    private: SigningKey

    @property
    def key(self) -> LogKey:
        return LogKey(self.origin, self.private.public)

    def sign(self, head: TreeHead) -> str:
        """Return the signed note for a tree. The caller never signs two trees that do not extend each other."""
        text = Checkpoint(self.origin, head).text()
        return f"{text}\n{_signature_line(self.key, self.private.sign(text.encode()))}"


@dataclass(frozen=True, slots=True)
class WitnessSigner:
    """A witness's hand: it cosigns what it has checked against everything it has seen of that log."""

    name: str
    private: SigningKey

    @property
    def key(self) -> WitnessKey:
        return WitnessKey(self.name, self.private.public)

    def cosign(self, signed: SignedCheckpoint, now: int) -> str:
        """Return the cosignature line, dated `now` (seconds since 1970); append it to the note."""
        signature = self.private.sign(_cosigned_message(signed.checkpoint, now))
        return _signature_line(self.key, now.to_bytes(TIME_BYTES, "big") + signature)


def parse_note(note: str) -> tuple[Checkpoint, tuple[tuple[str, bytes], ...]]:
    """Read a checkpoint and its signatures (name, key id ‖ signature), trusting none; raises `Yours`."""
    if len(note) > MAX_NOTE:
        raise TooLarge("checkpoint.too_large", f"Send a checkpoint of at most {MAX_NOTE} bytes.")
    match = _NOTE.fullmatch(note)
    if match is None or int(match[3]) > MAX_SIZE:
        raise Yours("checkpoint.malformed", "Send a checkpoint as C2SP tlog-checkpoint has it, without extensions.")
    lines = _LINE.findall(match[5])
    if len(lines) > MAX_SIGNATURES:
        raise TooLarge("checkpoint.too_large", f"Send at most {MAX_SIGNATURES} signatures on a checkpoint.")
    head = TreeHead(int(match[3]), unb64(match[4], "checkpoint.malformed"))
    return Checkpoint(match[2], head), tuple((name, unb64(blob, "checkpoint.malformed")) for name, blob in lines)


def verify_signed(note: str, log: LogKey) -> SignedCheckpoint:
    """Return the checkpoint in `note` if the pinned log signed it; raises `Yours` (`checkpoint.*`).

    1. The note has the one spelling. 2. Its origin is the pinned log's. 3. The log's signature is there, and good.
    """
    checkpoint, signatures = parse_note(note)  # 1
    if checkpoint.origin != log.name:  # 2
        raise Yours("checkpoint.wrong_origin", "Send a checkpoint of the log that is pinned here.")
    found = _signatures_by(log, signatures)
    if not found:  # 3
        raise Yours("checkpoint.unsigned", "Send a checkpoint that the pinned log has signed.")
    for signature in found:
        log.public.verify(signature, checkpoint.text().encode(), "checkpoint.bad_signature")
    return SignedCheckpoint(checkpoint, note, made_by=_VERIFIED)


def verify_witnessed(note: str, pinned: PinnedLog) -> WitnessedCheckpoint:
    """Return the checkpoint in `note` if the pinned log signed it and enough pinned witnesses cosigned it.

    1. to 3. as `verify_signed`. 4. Cosignatures of as many pinned witnesses as the policy asks for are there, and every
    one that is there is good. However often a witness signs, it counts once. Raises `Yours` (`checkpoint.*`).
    """
    signed = verify_signed(note, pinned.log)  # 1, 2, 3
    _, signatures = parse_note(note)
    times = {
        witness.name: max(_verify_cosignature(witness, signed.checkpoint, blob) for blob in blobs)
        for witness in pinned.witnesses
        if (blobs := _signatures_by(witness, signatures))
    }
    if len(times) < pinned.quorum:  # 4
        need = f"{pinned.quorum} of {len(pinned.witnesses)} pinned witnesses"
        raise Yours("checkpoint.unwitnessed", f"Send a checkpoint that {need} have cosigned.")
    return WitnessedCheckpoint(signed.checkpoint, note, tuple(sorted(times)), max(times.values()), made_by=_VERIFIED)


def verify_logged(proof: ProofOfLogging, pinned: PinnedLog) -> LoggedLeaf:
    """Return the leaf if `proof` shows it in a witnessed checkpoint of the pinned log; raises `Yours`.

    1. to 4. as `verify_witnessed`. 5. The leaf has the one spelling. 6. The inclusion proof leads to the root.
    What the leaf *says* is the caller's to check (`leaf.verify_sealed`, its type, its party).
    """
    witnessed = verify_witnessed(proof.checkpoint, pinned)
    entry = proof.leaf.encode(errors="replace")
    leaf = parse_leaf(entry)  # 5
    path = [unb64(node, "merkle.malformed") for node in proof.proof]
    verify_inclusion(leaf_hash(entry), proof.index, witnessed.checkpoint.head, path)  # 6
    return LoggedLeaf(leaf, proof.index, witnessed, proof, made_by=_VERIFIED)


def b64(raw: bytes) -> str:
    """Encode as C2SP does: standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(raw).decode("ascii")


def unb64(text: str, code: str) -> bytes:
    """Decode the one spelling of standard base64; raises `Yours(code)`."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if b64(raw) != text:
        raise Yours(code, "Write bytes as base64 with padding and unused bits zero (RFC 4648 section 4).")
    return raw


def _signature_line(key: _VerifierKey, signature: bytes) -> str:
    return f"— {key.name} {b64(key.key_id + signature)}\n"


def _signatures_by(key: _VerifierKey, signatures: Sequence[tuple[str, bytes]]) -> list[bytes]:
    """Pick the signatures by one key. A note may carry any number of strangers' (C2SP: ignore them)."""
    wanted = (key.name, key.key_id)
    return [blob[KEY_ID_BYTES:] for name, blob in signatures if (name, blob[:KEY_ID_BYTES]) == wanted]


def _cosigned_message(checkpoint: Checkpoint, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{checkpoint.text()}".encode()


def _verify_cosignature(witness: WitnessKey, checkpoint: Checkpoint, blob: bytes) -> int:
    """Return when `witness` cosigned, in seconds since 1970."""
    at = int.from_bytes(blob[:TIME_BYTES], "big")
    if len(blob) != TIME_BYTES + SIGNATURE_BYTES or at >= MAX_TIME:
        raise Yours("checkpoint.bad_signature", "Send the cosignature as the witness wrote it.")
    witness.public.verify(blob[TIME_BYTES:], _cosigned_message(checkpoint, at), "checkpoint.bad_signature")
    return at
