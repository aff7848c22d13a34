"""What decides an activation: is this password still good, and what does the device become? Pure.

A password is good for one device, for 24 hours, for one activation, and for five tries; a wrong one learns nothing
else (tiers.wire.enterprise.activation.refusal).
"""

from dataclasses import dataclass

from tiers.wire.api.enterprise import Activate
from tiers.wire.enterprise.activation import ActivationKey, refusal, verify_request
from tiers.wire.enterprise.directory import Entry
from tiers.wire.keys.jose import VerifyKey
from tiers.wire.message.sealing import HpkePublicKey

MAX_TRIES = 5
GOOD_FOR_MS = 24 * 3600 * 1000
# Tried where there is no password, so that the same work is done; nobody knows a password for it.
_NOBODYS = ActivationKey(bytes(32))


@dataclass(frozen=True, slots=True)
class OpenPassword:
    """A password that was issued and not yet used. `issued` is ms since 1970, `tries` the wrong ones so far."""

    pin: str
    key: ActivationKey
    issued: int
    tries: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """An activation that proved its password: made by `admit` only."""

    asked: Activate
    key: ActivationKey


def check_keys(asked: Activate) -> Activate:
    """Return the request if both its keys are keys; raises `Yours("jwk.malformed")`. Looks at no password."""
    VerifyKey.from_jwk(asked.sign)
    HpkePublicKey.from_jwk(asked.hpke)
    return asked


def admit(asked: Activate, password: OpenPassword | None, now: int) -> Admitted:
    """Check a request against the open password of its PIN at `now` (ms); raises `Unauthenticated`, always alike."""
    key = password.key if password else _NOBODYS
    verify_request(key, asked)
    if password is None or not is_good(password, now):
        raise refusal()
    return Admitted(asked, key)


def is_good(password: OpenPassword, now: int) -> bool:
    return password.tries < MAX_TRIES and password.issued <= now < password.issued + GOOD_FOR_MS


def next_entry(admitted: Admitted, org: str, last_generation: int, now: int) -> Entry:
    """Return the directory entry of the device: a new generation each time, so that a `kid` names one key for ever."""
    asked = admitted.asked
    return Entry(org, asked.pin, last_generation + 1, asked.hpke, asked.sign, now)
