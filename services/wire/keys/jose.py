"""Ed25519 keys as JWK (RFC 8037) and signatures as JWS (RFC 7515), by joserfc. Pure; signing takes no randomness.

`alg` is `Ed25519` (RFC 9864), the fully specified name; `EdDSA` is deprecated by the same RFC.
"""

from collections.abc import Callable, Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from tiers.wire.encoding import b64u, parse_json, unb64u
from tiers.wire.errors import Yours
from tiers.wire.keys.secret import KEY_BYTES, Secret

ALG = "Ed25519"
MAX_JWS = 131_072
# Header members of ours (`env`, `cty` of a message) are public parameters that joserfc does not know by name.
_REGISTRY = jws.JWSRegistry(algorithms=[ALG], strict_check_header=False)


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


class VerifyKey:
    """An Ed25519 public key that checks signatures. Equal when the key is."""

    __slots__ = ("_jwk", "raw")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES:
            raise Yours("jwk.malformed", "An Ed25519 public key is 32 bytes (RFC 8037, section 2).")
        self.raw = raw
        self._jwk = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": b64u(raw)})

    @classmethod
    def from_jwk(cls, jwk: PublicJwk) -> "VerifyKey":
        """Read a JWK; raises `Yours`."""
        if (jwk.kty, jwk.crv) != ("OKP", "Ed25519"):
            raise Yours("jwk.malformed", "Send a JWK with kty OKP and crv Ed25519 (RFC 8037, section 2).")
        return cls(unb64u(jwk.x, "jwk.malformed"))

    def jwk(self) -> PublicJwk:
        """Return the public JWK."""
        return PublicJwk(x=b64u(self.raw))

    def thumbprint(self) -> str:
        """RFC 7638 thumbprint."""
        return self._jwk.thumbprint()

    def verify(self, signature: bytes, message: bytes, code: str) -> bytes:
        """Check a bare signature and return `message`; raises `Yours(code)`."""
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

    def sign_compact(self, header: Mapping[str, str], payload: bytes) -> str:
        """Make a compact JWS. `header` is the protected header beside `alg`; give it a `typ` of your own."""
        return jws.serialize_compact({"alg": ALG, **header}, payload, self._jwk, registry=_REGISTRY)

    def add_signature(self, payload: bytes, header: Mapping[str, str]) -> "Signature":
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


class Verified(msgspec.Struct, frozen=True):
    """A JWS whose signature was checked: what it says and who said it."""

    header: Header
    payload: bytes


def peek_header(protected: str, code: str) -> Header:
    """Read a protected header that nobody has verified yet, to find the key by `kid`; raises `Yours(code)`."""
    header = parse_json(Header, unb64u(protected, code), code)
    if header.alg != ALG:
        raise Yours(code, f"Sign with alg {ALG} (RFC 9864).")
    return header


def verify_compact(token: str, typ: str, find: Callable[[str], VerifyKey], code: str) -> Verified:
    """Check a compact JWS of media type `typ`; `find(kid)` gives the key or raises. Raises `Yours(code)`."""
    if len(token) > MAX_JWS or token.count(".") != 2:  # noqa: PLR2004 - header.payload.signature
        raise Yours(code, "Send a compact JWS (RFC 7515, section 7.1).")
    header = peek_header(token.partition(".")[0], code)
    if header.typ != typ:
        raise Yours(code, f"Send a JWS whose typ is {typ}.")
    key = find(header.kid)
    try:
        done = jws.deserialize_compact(token, key._jwk, registry=_REGISTRY)  # noqa: SLF001 - the key's own module
    except (JoseError, ValueError):
        raise Yours(code, "Sign with the key that is registered for this kid.") from None
    return Verified(header, done.payload)


def verify_signature(whole: GeneralJws, at: int, key: VerifyKey, code: str) -> bytes:
    """Check signature number `at` of a General JWS and return the payload; raises `Yours(code)`."""
    one = whole.signatures[at]
    flat: jws.FlattenedJSONSerialization = {
        "payload": whole.payload,
        "protected": one.protected,
        "signature": one.signature,
    }
    try:
        done = jws.deserialize_json(flat, key._jwk, registry=_REGISTRY)  # noqa: SLF001 - the key's own module
    except (JoseError, ValueError):
        raise Yours(code, "Sign with the key that is registered for this kid.") from None
    return bytes(done.payload)
