"""Activation: a device and its customer's key server prove one short password to each other. Pure.

    -> POST /v1/activations {pin, sign, hpke, mac}       mac under the password, label "tiers/v1 activate"
    <- {org, root, bes, entry, mac}                      mac under the password, label "tiers/v1 activated"

The first MAC lets the server take keys from a device that nobody has seen; the second lets the device pin a root that
nobody has shown it. Both cover every member, so whoever sits in between can change nothing (docs/spec/activation.md).
"""

import base64
import hmac
import re
from dataclasses import dataclass

from tiers.wire.api.enterprise import Activate, Activated
from tiers.wire.encoding import b64u
from tiers.wire.enterprise.directory import BesKey, Entry, verify_bes_key, verify_entry
from tiers.wire.errors import Unauthenticated, Yours
from tiers.wire.keys.jose import HpkeJwk, PublicJwk, VerifyKey
from tiers.wire.keys.secret import Secret

PASSWORD_BYTES = 10  # 80 bits: a recorded MAC cannot be searched for its password
PASSWORD_CHARS = 16
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _CROCKFORD.encode())
_AS_READ = str.maketrans("OIL", "011", "- ")
_PASSWORD = re.compile(rf"[{_CROCKFORD}]{{{PASSWORD_CHARS}}}")

_KEY = b"tiers/v1 activation key"
_REQUEST = "tiers/v1 activate"
_ANSWER = "tiers/v1 activated"


class ActivationKey(Secret):
    """The HMAC key of one activation. It is all that the server keeps of a password."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a device keeps of its activation: made by `verify_answer` only."""

    org: str
    root: VerifyKey
    bes: BesKey
    entry: Entry


def format_password(raw: bytes) -> str:
    """Write 10 random bytes as 16 characters of Crockford's base32."""
    if len(raw) != PASSWORD_BYTES:
        raise ValueError(f"a password takes {PASSWORD_BYTES} bytes, not {len(raw)}")
    return base64.b32encode(raw).translate(_TO_CROCKFORD).decode("ascii")


def activation_key(password: str) -> ActivationKey:
    """Derive the HMAC key; raises `Yours`. Forgives case, hyphens, O for 0, and I or L for 1, as Crockford asks."""
    plain = password.upper().translate(_AS_READ)
    if not _PASSWORD.fullmatch(plain):
        raise Yours("activation.typed", f"Type the {PASSWORD_CHARS} letters and digits of the one-time password.")
    return ActivationKey(hmac.digest(plain.encode("ascii"), _KEY, "sha256"))


def request(password: str, pin: str, sign: PublicJwk, hpke: HpkeJwk) -> Activate:
    """Make a device's request; raises `Yours` for a password that cannot be one."""
    return Activate(pin, sign, hpke, _request_mac(activation_key(password), pin, sign, hpke))


def verify_request(key: ActivationKey, asked: Activate) -> Activate:
    """Return the request if it was made with the password of `key`; raises `Unauthenticated`."""
    made = _request_mac(key, asked.pin, asked.sign, asked.hpke)
    if not _same(made, asked.mac):
        raise refusal()
    return asked


def refusal() -> Unauthenticated:
    """Return the one refusal of an activation: wrong, used, expired and never issued look alike."""
    return Unauthenticated("activation.password", "Ask the administrator for a new one-time password.")


def answer(key: ActivationKey, org: str, root: PublicJwk, bes: str, entry: str) -> Activated:
    """Make the server's answer: its root, its key server's statement and the device's entry, as signed."""
    return Activated(org, root, bes, entry, _answer_mac(key, org, root, bes, entry))


def verify_answer(password: str, asked: Activate, said: Activated) -> Pinned:
    """Check the server's answer to `asked`, and return what the device pins; raises `Yours`.

    1. The server knows the password. 2. Its root signed the key server's statement. 3. Its root signed the entry.
    4. The entry holds this device's PIN and keys.
    """
    made = _answer_mac(activation_key(password), said.org, said.root, said.bes, said.entry)
    if not _same(made, said.mac):  # 1
        raise Yours("activation.answer", "Pin nothing: whoever answered does not know the one-time password.")
    root = VerifyKey.from_jwk(said.root)
    bes = verify_bes_key(said.bes, said.org, root)  # 2
    entry = verify_entry(said.entry, said.org, root)  # 3
    if (entry.pin, entry.sign, entry.hpke) != (asked.pin, asked.sign, asked.hpke):  # 4
        raise Yours("activation.entry", "Activate again: the entry that came back is not this device's.")
    return Pinned(said.org, root, bes, entry)


def _request_mac(key: ActivationKey, pin: str, sign: PublicJwk, hpke: HpkeJwk) -> str:
    return _mac(key, _REQUEST, pin, sign.kty, sign.crv, sign.x, hpke.kty, hpke.alg, hpke.pub)


def _answer_mac(key: ActivationKey, org: str, root: PublicJwk, bes: str, entry: str) -> str:
    return _mac(key, _ANSWER, org, root.kty, root.crv, root.x, bes, entry)


def _mac(key: ActivationKey, *parts: str) -> str:
    """HMAC-SHA256 over the label and the members, each after its length in four bytes."""
    raw = [part.encode() for part in parts]
    message = b"".join(len(part).to_bytes(4, "big") + part for part in raw)
    return b64u(hmac.digest(key.reveal(), message, "sha256"))


def _same(made: str, sent: str) -> bool:
    return hmac.compare_digest(made.encode(), sent.encode())
