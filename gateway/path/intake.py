"""The front of the path: reads an envelope, looks up both ends, and lets `channels.decide` say which way it goes."""

from collections.abc import Callable

import msgspec

from tiers.gateway.channels import Arrangement, decide
from tiers.gateway.devices import Device, Registry, unknown
from tiers.gateway.orders import InForce
from tiers.gateway.path.delivery import Delivery, Submission, Submitter
from tiers.gateway.path.quota import Quota
from tiers.wire.encoding import parse_json, unb64u
from tiers.wire.errors import TiersError, TooMany
from tiers.wire.message.envelope import Envelope, Mid, parse_envelope


class Intake:
    """Takes messages in for sessions and for `POST /v1/messages` alike."""

    def __init__(
        self,
        registry: Registry,
        delivery: Delivery,
        clock: Callable[[], int],
        arrangement: Arrangement,
        orders: InForce,
    ) -> None:
        """`clock` is ms since 1970, `orders` the suspensions in force."""
        self._arrangement = arrangement
        self._orders = orders
        self._registry = registry
        self._delivery = delivery
        self._clock = clock
        self._quota = Quota()

    async def take(self, pin: str, raw: bytes, submitter: Submitter) -> None:
        """Submit an envelope that the device `pin` sent; `submitter` is told. Raises what refuses it here."""
        parsed = parse_envelope(raw)
        now = self._clock()
        device = self._registry.cached(pin, now) or await self.device(pin)
        receiver = self._registry.cached(parsed.header.to, now) or await self._registry.find(parsed.header.to)
        await self._make_room(parsed, len(raw), now)
        self._submit(Submission(parsed, raw, len(raw), submitter, now), device, receiver)

    def take_known(self, pin: str, parsed: Envelope, raw: bytes, submitter: Submitter) -> bool:
        """Do as `take` if both ends are known without asking the store; returns whether they were."""
        now = self._clock()
        device, receiver = self._registry.cached(pin, now), self._registry.cached(parsed.header.to, now)
        if device is None or receiver is None or not self._quota.fits(pin, parsed.header.to, len(raw), now):
            return False
        self._submit(Submission(parsed, raw, len(raw), submitter, now), device, receiver)
        return True

    def _submit(self, item: Submission, device: Device, receiver: Device | None) -> None:
        ask = decide(item.parsed, device, receiver, item.at, self._arrangement)
        self._orders.check(item.parsed.header, item.at)
        self._quota.spend(item.parsed.header.sender, item.parsed.header.to, item.size, item.at)
        self._delivery.submit(item, ask)

    async def _make_room(self, parsed: Envelope, size: int, now: int) -> None:
        """Look whether a receiver has read what a sender left with it; raises `TooMany` if not."""
        sender, to = parsed.header.sender, parsed.header.to
        if self._quota.fits(sender, to, size, now) or self._quota.look(sender, to, await self._delivery.held(to)):
            return
        raise TooMany("sender.quota", "Try again when the receiver has been online: it has much of yours to read.")

    async def device(self, pin: str) -> Device:
        """Return the record of a device; raises `Unauthenticated`."""
        device = await self._registry.find(pin)
        if device is None:
            raise unknown()
        return device


class _Sealed(msgspec.Struct, frozen=True):
    """What a refusal needs of an envelope, whatever is wrong with the rest of it."""

    protected: str


class _Named(msgspec.Struct, frozen=True):
    """And of its protected header."""

    mid: Mid


def mid_of(raw: bytes) -> str:
    """Return the `mid` of an envelope that was refused, as far as one can be read; else ''."""
    code = "envelope.malformed"
    try:
        return parse_json(_Named, unb64u(parse_json(_Sealed, raw, code).protected, code), code).mid
    except TiersError:
        return ""
