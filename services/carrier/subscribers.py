"""Subscribers: whose PIN it is, and the keys that they get. The shop's voucher lets one key in; then only that key.

    shop    -> carrier  POST /v1/vouchers
    device  -> carrier  POST /v1/subscribers, checked by tiers.wire.enrolment
    carrier -> gateway  PUT /v1/devices/{pin}
    device  <- carrier  keys from this minute on, never the past, sealed to the device
    shop    -> carrier  DELETE /v1/subscribers/{pin}: a lost handset is shut out, and its PIN is nobody's again

It knows keys of devices and gives out subscribers' own; it sees no message.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress

from tiers.carrier.keystore import Keystore
from tiers.chassis.client import Peer
from tiers.store.client import Store
from tiers.wire.api.carrier import Enrol, Enrolled, Voucher
from tiers.wire.api.gateway import Done, RegisterDevice
from tiers.wire.enrolment import admit_key, is_enrolled, new_voucher, seal_keys, taken, unknown, voucher_record
from tiers.wire.errors import Missing, Ours, TiersError
from tiers.wire.identity import Identity
from tiers.wire.keys.jose import VerifyKey
from tiers.wire.keys.keytree import EPOCHS, epoch_of

KEY = "carrier:subscribers"
"""A hash: PIN -> what is kept of it (tiers.wire.enrolment)."""
# Replace a record ('' for none) if it is still the one that was read.
_SWAP = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1
"""


class Subscribers:
    def __init__(self, carrier: Identity, store: Store, gateway: Peer, keys: Keystore) -> None:
        self._carrier = carrier
        self._store = store
        self._gateway = gateway
        self._keys = keys
        self._known: set[str] = set()

    async def known(self, pins: Iterable[str]) -> Collection[str]:
        """Return who of `pins` and others is a subscriber; the store is asked about strangers only, and once."""
        strangers = [pin for pin in pins if pin not in self._known]
        if strangers:
            found: list[bytes | None] = await self._store.read("HMGET", KEY, *strangers)
            self._known |= {pin for pin, one in zip(strangers, found, strict=True) if is_enrolled(one or b"")}
        return self._known

    async def voucher(self, pin: str) -> Voucher:
        """Make a PIN's voucher; an older one is void. Raises `Conflict` where the PIN is a subscriber's."""
        voucher = new_voucher()
        while True:
            known = await self._record(pin)
            if is_enrolled(known):
                raise taken()
            if await self._swap(pin, known, voucher_record(voucher)):
                return Voucher(pin, voucher)

    async def enrol(self, enrol: Enrol, key: VerifyKey, now: int) -> Enrolled:
        """Enrol a PIN, or the same one again: register it at the relay first, then give out the keys.

        Raises `Forbidden` without the voucher, or what the relay refuses with: then the voucher is not spent. While the
        relay is out of reach it raises `Ours`, and the PIN stays this key's.
        """
        pin = enrol.pin
        while True:
            known = await self._record(pin)
            record = admit_key(known, enrol.voucher, key)
            if known == record or await self._swap(pin, known, record):
                break
        try:
            await self._gateway.ask("PUT", f"/v1/devices/{pin}", Done, RegisterDevice(enrol.sign))
        except TiersError as error:
            if known != record and not isinstance(error, Ours):  # out of reach is no refusal: the device asks again
                await self._swap(pin, record, known)
            raise
        if await self._record(pin) != record:  # revoked meanwhile, and the relay was told before us
            await self._leave(pin)
            raise unknown()
        # From the minute before, because the device's clock may be one minute behind ours (`admission.epoch`).
        return seal_keys(self._carrier, enrol, self._keys.cover(pin, epoch_of(now) - 1, EPOCHS))

    async def revoke(self, pin: str) -> None:
        """Shut a handset out, or void a voucher: the PIN is nobody's. Raises `Missing`, or `Ours`: then ask again."""
        gone = await self._store.ask("HDEL", KEY, pin)
        self._known.discard(pin)
        if not await self._leave(pin) and not gone:
            raise unknown()

    async def _leave(self, pin: str) -> bool:
        """Have the relay shut the handset out; returns whether it knew it."""
        with suppress(Missing):
            await self._gateway.ask("DELETE", f"/v1/devices/{pin}", Done)
            return True
        return False

    async def _record(self, pin: str) -> bytes:
        return await self._store.ask("HGET", KEY, pin) or b""

    async def _swap(self, pin: str, known: bytes, record: bytes) -> bool:
        return bool(await self._store.ask("EVAL", _SWAP, 1, KEY, pin, known, record))
