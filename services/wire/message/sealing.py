"""The one module that seals and opens: content under a CEK, the CEK under each recipient's key.

Standard formats, library primitives: A256GCM content (RFC 7518, 5.3), A256GCMKW (RFC 7518, 4.7), HPKE-9-KE
(draft-ietf-jose-hpke-encrypt-20 key encryption with draft-ietf-jose-hpke-pq-pqt: ML-KEM-768 + X25519, SHAKE256,
AES-256-GCM). Keys come and go as types. Randomness is the operating system's: nonces and CEKs are drawn here, because a
caller who could choose them could repeat them.
"""

import hashlib
import os
from collections.abc import Iterable

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import UNSET

from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import TooLarge, Yours
from tiers.wire.keys.jose import HpkeJwk
from tiers.wire.keys.keytree import WrapKey
from tiers.wire.keys.secret import KEY_BYTES, Secret
from tiers.wire.message.commitment import check_commitment, commitment
from tiers.wire.message.envelope import GCMKW, HPKE, MAX_PLAINTEXT, Envelope, Jwe, Recipient, RecipientHeader

_NONCE = 12
_TAG = 16
_ENC = 1120  # bytes of the encapsulated key
_ML_KEM_PUBLIC = 1184
_PUBLIC = _ML_KEM_PUBLIC + 32
_P = 2**255 - 19
_ORDER_8_U = 0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F
_SMALL_ORDER_U = frozenset({0, 1, _P - 1, _ORDER_8_U, 0xB8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0})
"""The u of the points of small order on curve25519 and its twist."""
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.SHAKE256, hpke.AEAD.AES_256_GCM)
_WILL_NOT_OPEN = "It was altered on the way, or sealed for somebody else: ask the sender to send it again."


class ContentKey(Secret):
    """The CEK of one message: it opens the content."""

    __slots__ = ()

    @classmethod
    def draw(cls) -> "ContentKey":
        """Draw a new key. It seals one content."""
        return cls(os.urandom(KEY_BYTES))

    @property
    def commitment(self) -> str:
        """What a protected header says of this key: `cmt`."""
        return commitment(self.reveal())


class HpkePrivateJwk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hybrid private key at rest: `priv` is the 32-byte seed. Other implementations open a JWE with it."""

    pub: str
    priv: str
    kty: str = "AKP"
    alg: str = HPKE


def _check_halves(raw: bytes) -> None:
    """Refuse a hybrid key one half of which protects nothing, or which has a second spelling; raises `Yours`.

    X25519 ignores the top bit and takes any u (RFC 7748, section 5); with a u of small order the shared secret is zero.
    An ML-KEM key whose polynomials are all zero leaves the message in its ciphertext for all to read.
    """
    u = int.from_bytes(raw[_ML_KEM_PUBLIC:], "little")
    if u >= _P or u in _SMALL_ORDER_U or not any(raw[: _ML_KEM_PUBLIC - KEY_BYTES]):
        raise Yours("jwk.malformed", f"Send an {HPKE} key as it was generated: a half of this one protects nothing.")


class HpkePublicKey:
    """Seals to one recipient. Equal when the key is."""

    __slots__ = ("_key", "raw")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != _PUBLIC:
            raise Yours("jwk.malformed", f"An {HPKE} public key is {_PUBLIC} bytes.")
        _check_halves(raw)
        self.raw = raw
        try:
            ml_kem = MLKEM768PublicKey.from_public_bytes(raw[:_ML_KEM_PUBLIC])
            self._key = hpke.MLKEM768X25519PublicKey(ml_kem, X25519PublicKey.from_public_bytes(raw[_ML_KEM_PUBLIC:]))
        except ValueError:
            raise Yours("jwk.malformed", f"Send a valid {HPKE} public key.") from None

    @classmethod
    def from_jwk(cls, jwk: HpkeJwk) -> "HpkePublicKey":
        """Read a JWK; raises `Yours`."""
        if (jwk.kty, jwk.alg) != ("AKP", HPKE):
            raise Yours("jwk.malformed", f"Send a JWK with kty AKP and alg {HPKE}.")
        return cls(unb64u(jwk.pub, "jwk.malformed"))

    def jwk(self) -> HpkeJwk:
        """Return the public JWK."""
        return HpkeJwk(pub=b64u(self.raw))

    def encrypt_key(self, cek: Secret, info: bytes) -> tuple[bytes, bytes]:
        """Encrypt 32 bytes; returns (`ek`, `encrypted_key`)."""
        sealed = _SUITE.encrypt(cek.reveal(), self._key, info=info)
        return sealed[:_ENC], sealed[_ENC:]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HpkePublicKey) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"<HpkePublicKey {hashlib.sha256(self.raw).hexdigest()[:8]}>"


class HpkePrivateKey(Secret):
    """A hybrid private key: the 32-byte seed of which both halves are expanded (draft-ietf-hpke-pq)."""

    __slots__ = ("_key", "public")

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        expanded = hashlib.shake_256(raw).digest(96)
        ml_kem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        self._key = hpke.MLKEM768X25519PrivateKey(ml_kem, x25519)
        self.public = HpkePublicKey(ml_kem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> "HpkePrivateKey":
        """Draw a new key."""
        return cls(os.urandom(32))

    @classmethod
    def from_jwk(cls, jwk: HpkePrivateJwk) -> "HpkePrivateKey":
        """Read a private JWK; raises `Yours`."""
        seed = unb64u(jwk.priv, "jwk.malformed")
        if len(seed) != 32 or (jwk.kty, jwk.alg) != ("AKP", HPKE):  # noqa: PLR2004 - the seed
            raise Yours("jwk.malformed", f"Send a JWK with kty AKP, alg {HPKE} and a 32-byte priv.")
        return cls(seed)

    def decrypt_key(self, ek: bytes, encrypted_key: bytes, info: bytes) -> ContentKey:
        """Decrypt a CEK; raises `Yours`."""
        try:
            return ContentKey(_SUITE.decrypt(ek + encrypted_key, self._key, info=info))
        except (InvalidTag, ValueError):
            raise Yours("sealing.key", _WILL_NOT_OPEN) from None


def seal_content(
    cek: ContentKey, protected: str, recipients: Iterable[Recipient], plaintext: bytes, biggest: int = MAX_PLAINTEXT
) -> Jwe:
    """Seal under a fresh CEK (A256GCM; the additional data is the protected header as sent); raises `TooLarge`."""
    if len(plaintext) > biggest:
        raise TooLarge("envelope.too_large", f"Send at most {MAX_PLAINTEXT} bytes of content.")
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(cek.reveal()).encrypt(nonce, plaintext, protected.encode("ascii"))
    return Jwe(protected, tuple(recipients), b64u(nonce), b64u(sealed[:-_TAG]), b64u(sealed[-_TAG:]))


def open_message(envelope: Envelope, cek: ContentKey) -> bytes:
    """Open a message's content, with the very key that its header commits to; raises `Yours`."""
    check_commitment(cek.reveal(), envelope.header.cmt, "sealing.commitment")
    return open_content(envelope.jwe, cek)


def open_content(jwe: Jwe, cek: ContentKey) -> bytes:
    """Open the content of a JWE with one reader, such as a grant; a message by `open_message`. Raises `Yours`."""
    code = "sealing.content"
    nonce, ciphertext, tag = (unb64u(part, code) for part in (jwe.iv, jwe.ciphertext, jwe.tag))
    try:
        return AESGCM(cek.reveal()).decrypt(nonce, ciphertext + tag, jwe.protected.encode())
    except (InvalidTag, ValueError):
        raise Yours(code, _WILL_NOT_OPEN) from None


def seal_alone(kid: str, to: HpkePublicKey, protected: str, plaintext: bytes) -> Jwe:
    """Seal what is no message to one reader, such as a grant, under a protected header (base64url)."""
    cek = ContentKey.draw()
    return seal_content(cek, protected, [encrypt_for(kid, cek, to)], plaintext)


def open_alone(jwe: Jwe, protected: str, key: HpkePrivateKey, malformed: Yours) -> bytes:
    """Open it; raises `malformed` for another header or another number of readers, or `Yours`."""
    if jwe.protected != protected or len(jwe.recipients) != 1:
        raise malformed
    return open_content(jwe, decrypt_with(jwe.recipients[0], key))


def wrap_for_carrier(kid: str, cek: Secret, key: WrapKey) -> Recipient:
    """Wrap a CEK with A256GCMKW (RFC 7518, section 4.7)."""
    nonce = os.urandom(_NONCE)
    wrapped = AESGCM(key.reveal()).encrypt(nonce, cek.reveal(), None)
    head = RecipientHeader(GCMKW, kid, iv=b64u(nonce), tag=b64u(wrapped[-_TAG:]))
    return Recipient(head, b64u(wrapped[:-_TAG]))


def unwrap_from_carrier(recipient: Recipient, key: WrapKey) -> ContentKey:
    """Unwrap a CEK; raises `Yours`."""
    head, code = recipient.header, "sealing.key"
    if head.alg != GCMKW or head.iv is UNSET or head.tag is UNSET:
        raise Yours(code, f"This key opens a recipient of alg {GCMKW} only.")
    nonce, tag, wrapped = unb64u(head.iv, code), unb64u(head.tag, code), unb64u(recipient.encrypted_key, code)
    try:
        return ContentKey(AESGCM(key.reveal()).decrypt(nonce, wrapped + tag, None))
    except (InvalidTag, ValueError):
        raise Yours(code, _WILL_NOT_OPEN) from None


def encrypt_for(kid: str, cek: Secret, key: HpkePublicKey) -> Recipient:
    """Encrypt a CEK to an HPKE key (JOSE-HPKE key encryption)."""
    ek, encrypted_key = key.encrypt_key(cek, recipient_info())
    return Recipient(RecipientHeader(HPKE, kid, ek=b64u(ek)), b64u(encrypted_key))


def decrypt_with(recipient: Recipient, key: HpkePrivateKey) -> ContentKey:
    """Decrypt a CEK; raises `Yours`."""
    head, code = recipient.header, "sealing.key"
    if head.alg != HPKE or head.ek is UNSET:
        raise Yours(code, f"This key opens a recipient of alg {HPKE} only.")
    return key.decrypt_key(unb64u(head.ek, code), unb64u(recipient.encrypted_key, code), recipient_info())


def recipient_info(enc: str = "A256GCM") -> bytes:
    """HPKE `info` of key encryption: "JOSE-HPKE rcpt", 0xFF, the content algorithm, 0xFF (and no extra info)."""
    return b"JOSE-HPKE rcpt\xff" + enc.encode("ascii") + b"\xff"
