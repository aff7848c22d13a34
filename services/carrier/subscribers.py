"""Subscribers: whose PIN it is, and the keys that they get. First come, first served; then only by the same key.

    device -> carrier   POST /v1/subscribers, checked by tiers.wire.enrolment
    carrier -> gateway  PUT /v1/devices/{pin}
    device <- carrier   keys from this minute on, never the past, sealed to the device

It knows keys of devices and gives out subscribers' own; it sees no message.
"""

from collections.abc import Collection, Iterable

from redis.asyncio import Redis

from tiers.carrier.keystore import Keystore
from tiers.chassis.client import Peer
from tiers.wire.api.carrier import Enrol, Enrolled
from tiers.wire.api.gateway import Done, RegisterDevice
from tiers.wire.enrolment import seal_keys
from tiers.wire.errors import Conflict, Ours, TiersError
from tiers.wire.identity import Identity
from tiers.wire.keys.jose import VerifyKey
from tiers.wire.keys.keytree import epoch_of

KEY = "carrier:subscribers"


class Subscribers:
    """The PINs of this carrier, in the store: PIN -> the subscriber's public key."""

    def __init__(self, carrier: Identity, store: Redis, gateway: Peer, keys: Keystore) -> None:
        self._carrier = carrier
        self._store = store
        self._gateway = gateway
        self._keys = keys
        self._known: set[str] = set()

    async def known(self, pins: Iterable[str]) -> Collection[str]:
        """Return who of `pins` and others is a subscriber; the store is asked about strangers only, and once."""
        strangers = [pin for pin in pins if pin not in self._known]
        if strangers:
            found = await self._store.hmget(KEY, strangers)
            self._known |= {pin for pin, key in zip(strangers, found, strict=True) if key is not None}
        return self._known

    async def enrol(self, enrol: Enrol, key: VerifyKey, now: int) -> Enrolled:
        """Enrol a PIN, or the same one again: register it at the relay first, then give out the keys.

        Raises `Conflict` if the PIN is another key's, or what the relay refuses with: then nothing is stored. While the
        relay is out of reach it raises `Ours`, and the PIN stays this key's.
        """
        claimed = await self._store.hsetnx(KEY, enrol.pin, key.raw)
        if not claimed and await self._store.hget(KEY, enrol.pin) != key.raw:
            raise Conflict("subscriber.key_conflict", "Enrol this PIN with the key that it was first enrolled with.")
        try:
            await self._gateway.ask("PUT", f"/v1/devices/{enrol.pin}", Done, RegisterDevice(enrol.sign))
        except TiersError as error:
            if claimed and not isinstance(error, Ours):  # out of reach is no refusal: the same device asks again
                await self._store.hdel(KEY, enrol.pin)
            raise
        # From the minute before, because the device's clock may be one minute behind ours (`admission.epoch`).
        return seal_keys(self._carrier, enrol, self._keys.enrolment(enrol.pin, epoch_of(now) - 1))
