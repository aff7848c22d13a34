"""Ed25519 keys as JWK (RFC 8037) and signatures as JWS (RFC 7515). Pure; signing takes no randomness.

`alg` is `Ed25519` (RFC 9864), the fully specified name; `EdDSA` is deprecated by the same RFC. OpenSSL checks less of a
point than we ask: under a key of small order one constant signature fits every text, so such points are refused here.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jws
from joserfc.jwk import OKPKey

from tiers.wire.encoding import b64u, parse_json, unb64u
from tiers.wire.errors import Yours
from tiers.wire.keys.secret import KEY_BYTES, Secret

ALG = "Ed25519"
MAX_JWS = 131_072
_P: Final = 2**255 - 19
_ORDER_8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER: Final = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})
"""The y of the eight points of small order on edwards25519: a multiple of 8 takes each of them to the identity."""
# Header members of ours (`env`, `cty` of a message) are public parameters that joserfc does not know by name.
_REGISTRY = jws.JWSRegistry(algorithms=[ALG], strict_check_header=False)


def check_point(raw: bytes, code: str) -> bytes:
    """Return a point of edwards25519 (32 bytes) if it has one spelling and no small order; raises `Yours(code)`.

    RFC 8032, section 5.1.3: y is below the prime. An x of 0 with its sign set stands for points of small order only.
    """
    y = int.from_bytes(raw, "little") & (1 << 255) - 1
    if y >= _P or y in _SMALL_ORDER:
        raise Yours(code, "Make a new key: a point of this one is of small order, or not in its one spelling.")
    return raw


class PublicJwk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An Ed25519 public key (RFC 8037, section 2)."""

    x: str
    kty: str = "OKP"
    crv: str = "Ed25519"


class HpkeJwk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hybrid public key, as data: `pub` is the ML-KEM-768 key followed by the X25519 key (1,216 bytes)."""

    pub: str
    kty: str = "AKP"
    alg: str = "HPKE-9-KE"

    def thumbprint(self) -> str:
        """RFC 7638 thumbprint; the members of a key of type AKP that count are alg, kty and pub."""
        members = msgspec.json.encode({"alg": self.alg, "kty": self.kty, "pub": self.pub})
        return b64u(hashlib.sha256(members).digest())


class VerifyKey:
    """An Ed25519 public key that checks signatures. Equal when the key is."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES:
            raise Yours("jwk.malformed", "An Ed25519 public key is 32 bytes (RFC 8037, section 2).")
        self.raw = check_point(raw, "jwk.malformed")

    @classmethod
    def from_jwk(cls, jwk: PublicJwk) -> "VerifyKey":
        """Read a JWK; raises `Yours`."""
        if (jwk.kty, jwk.crv) != ("OKP", "Ed25519"):
            raise Yours("jwk.malformed", "Send a JWK with kty OKP and crv Ed25519 (RFC 8037, section 2).")
        return cls(unb64u(jwk.x, "jwk.malformed"))

    def jwk(self) -> PublicJwk:
        return PublicJwk(x=b64u(self.raw))

    def thumbprint(self) -> str:
        """RFC 7638 thumbprint."""
        members = msgspec.json.encode({"crv": "Ed25519", "kty": "OKP", "x": b64u(self.raw)})
        return b64u(hashlib.sha256(members).digest())

    def verify(self, signature: bytes, message: bytes, code: str) -> bytes:
        """Check a bare signature and return `message`; raises `Yours(code)`, for an R of small order as well."""
        check_point(signature[:KEY_BYTES], code)
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise Yours(code, "Sign with the key that is registered for this name.") from None
        return message

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyKey) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"<VerifyKey {self.thumbprint()[:8]}>"


class SigningKey(Secret):
    """An Ed25519 private key: the 32-byte seed of RFC 8032."""

    __slots__ = ("_jwk", "_key", "public")

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self._key = Ed25519PrivateKey.from_private_bytes(raw)
        self.public = VerifyKey(self._key.public_key().public_bytes_raw())
        self._jwk = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": b64u(self.public.raw), "d": b64u(raw)})

    def sign(self, message: bytes) -> bytes:
        """Sign bare bytes (64 bytes out). The message starts with a label that says what it is for."""
        return self._key.sign(message)

    def sign_compact(self, header: Mapping[str, object], payload: bytes) -> str:
        """Make a compact JWS. `header` is the protected header beside `alg`; give it a `typ` of your own."""
        return jws.serialize_compact({"alg": ALG, **header}, payload, self._jwk, registry=_REGISTRY)

    def add_signature(self, payload: bytes, header: Mapping[str, object]) -> "Signature":
        """Make one signature of a JWS in General JSON Serialization (RFC 7515, section 7.2.1)."""
        made = jws.serialize_json({"protected": {"alg": ALG, **header}}, payload, self._jwk, registry=_REGISTRY)
        return Signature(protected=made["protected"], signature=made["signature"])


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One member of `signatures`."""

    protected: str
    signature: str


class GeneralJws(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A JWS in General JSON Serialization: one payload, any number of signatures."""

    payload: str
    signatures: tuple[Signature, ...]


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The protected header of every JWS of ours."""

    alg: str
    typ: str
    kid: str
    cty: str = ""
    env: str = ""
    readers: tuple[tuple[str, str], ...] = ()


class Verified(msgspec.Struct, frozen=True):
    """A JWS whose signature was checked: what it says and who said it."""

    header: Header
    payload: bytes


def peek_header(protected: str, code: str) -> Header:
    """Read a protected header that nobody has verified yet, to find the key by `kid`; raises `Yours(code)`.

    It has one spelling: compact JSON, the members in their order, each once, none that says nothing.
    """
    raw = unb64u(protected, code)
    header = parse_json(Header, raw, code)
    if msgspec.json.encode(header) != raw:
        raise Yours(code, "Spell the header as compact JSON, its members in the order of the specification, each once.")
    if header.alg != ALG:
        raise Yours(code, f"Sign with alg {ALG} (RFC 9864).")
    return header


def verify_compact(token: str, typ: str, keys: Mapping[str, VerifyKey], code: str, stranger: Yours) -> Verified:
    """Check a compact JWS of type `typ` by one of `keys`; raises `stranger` for another `kid`, else `Yours(code)`."""
    done, signed, signature = _split(token, typ, code)
    if done.header.kid not in keys:
        raise stranger
    keys[done.header.kid].verify(signature, signed, code)
    return done


def read_compact(token: str, typ: str, code: str) -> Verified:
    """Read a compact JWS whose signature nobody here can check: for whoever lacks the key; raises `Yours(code)`."""
    return _split(token, typ, code)[0]


def _split(token: str, typ: str, code: str) -> tuple[Verified, bytes, bytes]:
    """Return what a compact JWS says, the octets that are signed, and the signature; each part in its one spelling."""
    signed, _, signature = token.rpartition(".")
    protected, dot, payload = signed.partition(".")
    if len(token) > MAX_JWS or not dot:
        raise Yours(code, "Send a compact JWS (RFC 7515, section 7.1).")
    header = peek_header(protected, code)
    if header.typ != typ:
        raise Yours(code, f"Send a JWS whose typ is {typ}.")
    return Verified(header, unb64u(payload, code)), signed.encode("ascii"), unb64u(signature, code)


def verify_signature(whole: GeneralJws, at: int, key: VerifyKey, code: str) -> bytes:
    """Check signature number `at` of a General JWS and return the payload; raises `Yours(code)`."""
    one = whole.signatures[at]
    peek_header(one.protected, code)
    payload = unb64u(whole.payload, code)
    key.verify(unb64u(one.signature, code), f"{one.protected}.{whole.payload}".encode("ascii"), code)
    return payload
