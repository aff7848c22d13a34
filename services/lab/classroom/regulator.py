"""A regulator in the classroom: its certificate, its signing key, the orders that it serves on the relay."""

from typing import Any

import msgspec

from tiers.chassis.state import StateDir
from tiers.lab.classroom.desk import Desk
from tiers.lab.world.cast import party
from tiers.wire.api.gateway import OrderAnswered
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import EPOCH_MS
from tiers.wire.lawful.order import Kind, Order
from tiers.wire.message.envelope import Channel, Service

ALL = (tuple(Channel), tuple(Service))


class Regulator:
    """Somebody whose orders the relay takes: made for a world by `appear`."""

    def __init__(self, desk: Desk, name: str, key: SigningKey) -> None:
        self.identity = Identity(Role.REGULATOR, name)
        self._desk = desk
        self._key = key

    @classmethod
    def appear(cls, desk: Desk, name: str) -> "Regulator":
        """Draw a key, pin it at the parties, get a certificate."""
        world = desk.world
        key = StateDir(world.root / "people" / name).key("sign.key", SigningKey)
        world.pin(f"regulators/{name}.jwk", msgspec.json.encode(key.public.jwk()))
        regulator = cls(desk, name, key)
        world.authority.issue(regulator.identity, world.tls(regulator.identity))
        return regulator

    async def suspend(
        self,
        reference: str,
        channels: tuple[Channel, ...],
        services: tuple[Service, ...],
        minutes: int = 0,
        **more: Any,
    ) -> OrderAnswered:
        """Order a suspension from `minutes` ahead on: from the start of that minute, or at once.

        `more` are `lifts` and `orgs` of the order.
        """
        start = (self._now() // EPOCH_MS + minutes) * EPOCH_MS if minutes else None
        return await self._serve(reference, Kind.SUSPEND, start, channels=channels, services=services, **more)

    async def withdraw(self, reference: str, lifts: str) -> OrderAnswered:
        return await self._serve(reference, Kind.WITHDRAW, lifts=lifts)

    async def demand(
        self, reference: str, channels: tuple[Channel, ...], services: tuple[Service, ...]
    ) -> OrderAnswered:
        return await self._serve(reference, Kind.DEMAND, channels=channels, services=services)

    async def _serve(self, reference: str, kind: Kind, start: int | None = None, **more: Any) -> OrderAnswered:
        order = Order(
            jti=reference,
            iss=self.identity.name,
            aud=party("gateway").identity.name,
            jurisdiction=self._desk.world.arrangement.declared.jurisdiction,
            kind=kind,
            nbf=(self._now() if start is None else start) // 1000,
            legal_basis="as the scenario tells",
            **more,
        )
        return await self._desk.command(self.identity, order, self._key)

    def _now(self) -> int:
        return self._desk.world.clock.now()
