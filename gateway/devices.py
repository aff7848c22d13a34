"""The device registry: which PIN opens its session with which key, and on which channels it is. It holds no secret.

A carrier makes a PIN a consumer subscriber, a customer makes it an employee's device; one device may be both, with
one signing key. Pure rules first, the thin store below; the hot path looks into a cache and asks no store.
"""

from collections.abc import Callable

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tiers.chassis.background import every
from tiers.store.pipeline import unavailable
from tiers.wire.encoding import parse_own
from tiers.wire.errors import Conflict, Missing
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import PublicJwk, VerifyKey
from tiers.wire.message.envelope import Org, Pin

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
    """One PIN. `carrier` names the carrier whose subscriber it is, `org` the customer whose employee's device it is."""

    pin: Pin
    sign: PublicJwk
    carrier: str | None = None
    org: Org | None = None

    @property
    def gone(self) -> bool:
        """Whether it is on no channel any more."""
        return self.carrier is None and self.org is None


def register(known: Device | None, pin: str, sign: PublicJwk, caller: Identity) -> Device:
    """Put a device on the caller's channel; raises `Conflict`.

    1. Another customer's device is not taken over, another carrier's neither. 2. On both channels there is one key.
    """
    VerifyKey.from_jwk(sign)
    consumer = caller.role is Role.CARRIER
    before = known or Device(pin, sign)
    mine, others = (before.carrier, before.org) if consumer else (before.org, before.carrier)
    if mine not in {None, caller.name}:  # 1
        raise Conflict("device.taken", "Have the device removed where it is registered now, then register it here.")
    if others is not None and before.sign != sign:  # 2
        raise Conflict("device.key_conflict", "Register the same signing key on both channels: a device has one.")
    if consumer:
        return Device(pin, sign, caller.name, before.org)
    return Device(pin, sign, before.carrier, caller.name)


def revoke(known: Device | None, caller: Identity) -> Device:
    """Take a device off the caller's channel; raises `Missing` if it is not on it."""
    if known is None or known.org != caller.name:
        raise Missing("device.unknown", "Name a device of your own.")
    return Device(known.pin, known.sign, known.carrier, None)


class Registry:
    """The records on disk, and a cache of those in use."""

    def __init__(self, store: Redis, clock: Callable[[], int]) -> None:
        """Keep records in `store`; `clock` is ms since 1970."""
        self._store = store
        self._clock = clock
        self._cache: dict[str, tuple[int, Device]] = {}
        self._used: set[str] = set()

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
        """Read again what was used since the last time; raises `RedisError` or `OSError`."""
        pins, self._used = list(self._used), set()
        for start in range(0, len(pins), _CHUNK):
            some = {pin: self._cache.get(pin) for pin in pins[start : start + _CHUNK]}
            async with self._store.pipeline(transaction=False) as pipe:
                for pin in some:
                    pipe.get(_key(pin))
                found = await pipe.execute(raise_on_error=False)
            for (pin, before), raw in zip(some.items(), found, strict=True):
                if self._cache.get(pin) is not before or isinstance(raw, Exception):
                    continue  # changed here meanwhile, and what was read may be older; or its node does not answer
                if raw is None:
                    self._cache.pop(pin, None)
                else:
                    self._keep(_parse(raw))

    async def find(self, pin: str) -> Device | None:
        """Return the record of a PIN; raises `Ours`."""
        if device := self.cached(pin, self._clock()):
            return device
        try:
            raw = await self._store.get(_key(pin))
        except (RedisError, OSError):
            raise unavailable() from None
        return None if raw is None else self._keep(_parse(raw))

    async def register(self, pin: str, sign: PublicJwk, caller: Identity) -> Device:
        """Register on disk; raises `Conflict` or `Ours`."""
        return await self._change(pin, lambda known: register(known, pin, sign, caller))

    async def revoke(self, pin: str, caller: Identity) -> Device:
        """Revoke on disk; raises `Missing` or `Ours`."""
        return await self._change(pin, lambda known: revoke(known, caller))

    async def _change(self, pin: str, change: Callable[[Device | None], Device]) -> Device:
        """Read, decide and write as one: a change in between starts it again."""
        try:
            while True:
                raw = await self._store.get(_key(pin))
                device = change(None if raw is None else _parse(raw))
                new = b"" if device.gone else msgspec.json.encode(device)
                if await self._store.eval(_PUT, 1, _key(pin), raw or b"", new):
                    break
        except (RedisError, OSError):
            raise unavailable() from None
        if device.gone:
            self._cache.pop(pin, None)
            return device
        return self._keep(device)

    def _keep(self, device: Device) -> Device:
        now = self._clock()
        if len(self._cache) >= MAX_CACHED:
            self._cache = {pin: item for pin, item in self._cache.items() if item[0] > now}
            if len(self._cache) >= MAX_CACHED:
                self._cache.clear()
        self._cache[device.pin] = now + FRESH_MS, device
        return device


def _key(pin: str) -> str:
    return f"gateway:device:{pin}"


def _parse(raw: bytes | str) -> Device:
    return parse_own(Device, raw, "device.record")
