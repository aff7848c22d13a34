"""The device registry: which PIN opens its session with which key, and on which channels it is. It holds no secret.

A carrier makes a PIN a consumer subscriber, a customer makes it an employee's device; one device may be both, with
one signing key. A customer reserves a PIN before its device activates, so that nobody takes it first. A PIN that has a
key is its device's already, and is reserved by nobody: it may activate with whichever customer it has a password of. A
mailbox belongs to the key: whoever gets a PIN after somebody else finds it empty.

Pure rules first, the thin store below; the hot path looks into a cache and asks no store.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import structlog
from msgspec.structs import replace

from tiers.chassis.background import every
from tiers.gateway.mailbox.promises import START
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.store.client import Store
from tiers.wire.encoding import parse_own
from tiers.wire.errors import Conflict, Missing, Ours, TiersError, Unauthenticated
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import PublicJwk, SigningKey, VerifyKey
from tiers.wire.keys.secret import KEY_BYTES
from tiers.wire.message.envelope import Channel, Org, Pin, parse_envelope

_log = structlog.get_logger()
FRESH_MS = 5_000
"""How long another process's change may go unseen."""
KEEP_SECONDS = 2.0
MAX_CACHED = 100_000
_CHUNK = 200
# Write a record ('' for none) if it is still the one that was read. Asked again, it is as if asked once.
_PUT = """
local known = redis.call('GET', KEYS[1]) or ''
if known == ARGV[2] then return 1 end
if known ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
"""


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One PIN. `carrier` names the carrier whose subscriber it is, `org` the customer whose employee's device it is.

    `reserved` names a customer that will activate it. A PIN that is reserved and on no channel has no key yet.
    """

    pin: Pin
    sign: PublicJwk | None
    carrier: str | None = None
    org: Org | None = None
    reserved: Org | None = None

    def key(self) -> VerifyKey:
        """Return the key that opens its session; raises `Unauthenticated` where it has none."""
        if self.sign is None:
            raise unknown()
        return VerifyKey.from_jwk(self.sign)

    def on(self, channel: Channel) -> tuple[str, PublicJwk | None] | None:
        """Return whose it is on a channel, and by which key; `None` where it is not on it."""
        whose = self.carrier if channel is Channel.CONSUMER else self.org
        return None if whose is None else (whose, self.sign)


def unknown() -> Unauthenticated:
    """Return what a device hears that is on no channel, or not any more."""
    return Unauthenticated("device.unknown", "Enrol with a carrier or activate with a customer first.")


def register(known: Device | None, pin: str, sign: PublicJwk, caller: Identity) -> Device:
    """Put a device on the caller's channel; raises `Conflict`, the same for both, so that it tells neither.

    1. Another customer's device is not taken over, another carrier's neither. 2. On both channels there is one key.
    """
    VerifyKey.from_jwk(sign)
    before = known or Device(pin, None)
    if caller.role is Role.CARRIER:
        mine, other = before.carrier in {None, caller.name}, before.org
        after = replace(before, sign=sign, carrier=caller.name, reserved=None)
    else:
        mine, other = _may_activate(before, caller), before.carrier
        after = replace(before, sign=sign, org=caller.name, reserved=None)
    if not mine or (other is not None and before.sign != sign):  # 1, 2
        raise _taken()
    return after


def reserve(known: Device | None, pin: str, caller: Identity) -> Device:
    """Keep a PIN without a key for the customer that will activate it; raises `Conflict`."""
    before = known or Device(pin, None)
    if not _may_activate(before, caller):
        raise _taken()
    return before if before.sign else replace(before, reserved=caller.name)


def _may_activate(device: Device, customer: Identity) -> bool:
    return {device.org, device.reserved} <= {None, customer.name}


def _taken() -> Conflict:
    return Conflict("device.taken", "Have the PIN released where it is registered, or register the key that it has.")


def revoke(known: Device | None, caller: Identity) -> Device | None:
    """Take a PIN off the caller's channel, an operator off all of them; raises `Missing` if it is not on it.

    Returns the record that stays, if one does.
    """
    after = known
    if known is not None and caller.role is Role.OPERATOR:
        return None
    if known is not None and caller.role is Role.CARRIER and known.carrier == caller.name:
        after = replace(known, carrier=None)
    elif known is not None and caller.role is Role.CUSTOMER and caller.name in {known.org, known.reserved}:
        after = replace(known, org=None, reserved=None)
    if after is None or after == known:
        raise Missing("device.unknown", "Name a device of your own.")
    if after.carrier is None and after.org is None:
        after = replace(after, sign=None)
    return after if after.sign or after.reserved else None


def kept(before: Device | None, after: Device | None) -> frozenset[Channel]:
    """Return the channels whose messages stay in a PIN's mailbox: those on which it is still the same one's."""
    if before is None or after is None:
        return frozenset()
    return frozenset(one for one in Channel if (whose := before.on(one)) is not None and after.on(one) == whose)


class Changed(NamedTuple):
    """The record of a PIN before a change and after it; `None` where there is none."""

    before: Device | None
    after: Device | None

    @property
    def rekeyed(self) -> bool:
        """Whether an open session was proved with another key than the PIN has now, if it has one."""
        return self.before is not None and self.before.sign != (self.after and self.after.sign)


class Registry:
    """The records on disk, and a cache of those in use."""

    def __init__(self, store: Store, clock: Callable[[], int], boxes: Mailboxes) -> None:
        """Keep records in `store`, and empty the mailboxes of those who leave; `clock` is ms since 1970."""
        self._store = store
        self._boxes = boxes
        self._clock = clock
        self._cache: dict[str, tuple[int, Device]] = {}
        self._used: set[str] = set()
        self._nobodys = SigningKey(os.urandom(KEY_BYTES)).public

    def cached(self, pin: str, now: int) -> Device | None:
        """Return a record that is fresh at `now`, without asking anybody; `None` means: `find` it."""
        hit = self._cache.get(pin)
        if hit is None or hit[0] <= now:
            return None
        self._used.add(pin)
        return hit[1]

    def forget(self, pin: str) -> None:
        """Ask the store for this record next time: another process changed it."""
        self._cache.pop(pin, None)

    async def keep(self) -> None:
        """Read again what is in use, many records at a time, before it goes stale, until cancelled.

        Else all sessions' records go stale at once, and everybody waits while each is read by itself.
        """
        await every(KEEP_SECONDS, self.refresh)

    async def refresh(self) -> None:
        """Read again what was used since the last time."""
        used, self._used = self._used, set()
        some = {pin: self._cache.get(pin) for pin in used}
        found = await self._store.ask_all([("GET", _key(pin)) for pin in some])
        for (pin, before), raw in zip(some.items(), found, strict=True):
            if self._cache.get(pin) is not before or isinstance(raw, Exception):
                continue  # changed here meanwhile, and what was read may be older; or its node does not answer
            if raw is None:
                self._cache.pop(pin, None)
                continue
            try:
                self._keep(_parse(raw))
            except Ours as error:
                _log.error("device.unreadable", pin=pin, code=error.code)

    async def find(self, pin: str) -> Device | None:
        """Return the record of a PIN; raises `Ours`."""
        return self.cached(pin, self._clock()) or await self.read(pin)

    async def read(self, pin: str) -> Device | None:
        """Return the record of a PIN as it is on disk now, whoever asks: known or not takes the same. Raises `Ours`."""
        raw = await self._store.read("GET", _key(pin))
        return None if raw is None else self._keep(_parse(raw))

    async def key(self, pin: str) -> VerifyKey:
        """Return the key that proves a PIN, or one that proves nothing: nobody learns which PINs are known."""
        device = await self.read(pin)
        return self._nobodys if device is None or device.sign is None else VerifyKey.from_jwk(device.sign)

    async def register(self, pin: str, sign: PublicJwk, caller: Identity) -> Changed:
        """Register on disk; raises `Conflict` or `Ours`."""
        return await self._change(pin, lambda known: register(known, pin, sign, caller))

    async def reserve(self, pin: str, caller: Identity) -> Changed:
        """Reserve on disk; raises `Conflict` or `Ours`."""
        return await self._change(pin, lambda known: reserve(known, pin, caller))

    async def revoke(self, pin: str, caller: Identity) -> Changed:
        """Revoke on disk; raises `Missing` or `Ours`."""
        changed = await self._change(pin, lambda known: revoke(known, caller))
        await self._empty(pin, changed)  # what was under way when it was revoked
        return changed

    async def _change(self, pin: str, change: Callable[[Device | None], Device | None]) -> Changed:
        """Read, decide, empty the mailbox and write: a change in between starts it again."""
        while True:
            raw = await self._store.ask("GET", _key(pin))
            before = None if raw is None else _parse(raw)
            changed = Changed(before, change(before))
            await self._empty(pin, changed)
            new = b"" if changed.after is None else msgspec.json.encode(changed.after)
            if await self._store.ask("EVAL", _PUT, 1, _key(pin), raw or b"", new):
                break
        self._cache.pop(pin, None)
        if changed.after is not None:
            self._keep(changed.after)
        return changed

    async def _empty(self, pin: str, changed: Changed) -> None:
        """Drop from a mailbox what was for another one than whoever has the PIN from now on."""
        if changed.before == changed.after:
            return
        stays, place = kept(changed.before, changed.after), START
        while some := await self._boxes.read(pin, place, _CHUNK):
            place = some[-1].id
            old = [one.id for one in some if _channel(one.envelope) not in stays]
            if old:
                await self._boxes.drop(pin, old)

    def _keep(self, device: Device) -> Device:
        now = self._clock()
        if len(self._cache) >= MAX_CACHED:
            self._cache = {pin: item for pin, item in self._cache.items() if item[0] > now}
            if len(self._cache) >= MAX_CACHED:
                self._cache.clear()
        self._cache[device.pin] = now + FRESH_MS, device
        return device


def _channel(envelope: bytes) -> Channel | None:
    """Return a stored message's channel, or `None` for one that cannot be read: it is nobody's."""
    try:
        return parse_envelope(envelope).header.channel
    except TiersError:
        return None


def _key(pin: str) -> str:
    return f"gateway:device:{pin}"


def _parse(raw: bytes | str) -> Device:
    return parse_own(Device, raw, "device.record")
