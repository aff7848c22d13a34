"""A regulator in the classroom: its certificate, its signing key, the orders that it serves on the relay."""

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

    async def suspend(  # noqa: PLR0913, PLR0917 - what a suspension may name
        self,
        reference: str,
        channels: tuple[Channel, ...],
        services: tuple[Service, ...],
        minutes: int = 0,
        lifts: str | None = None,
        orgs: tuple[str, ...] = (),
    ) -> OrderAnswered:
        """Order a suspension from `minutes` ahead on: from the start of that minute, or at once."""
        now = self._desk.world.clock.now()
        start = now if not minutes else (now // EPOCH_MS + minutes) * EPOCH_MS
        return await self._serve(self._order(reference, Kind.SUSPEND, start, channels, services, lifts, orgs))

    async def withdraw(self, reference: str, lifts: str) -> OrderAnswered:
        return await self._serve(self._order(reference, Kind.WITHDRAW, self._desk.world.clock.now(), lifts=lifts))

    async def demand(
        self, reference: str, channels: tuple[Channel, ...], services: tuple[Service, ...]
    ) -> OrderAnswered:
        now = self._desk.world.clock.now()
        return await self._serve(self._order(reference, Kind.DEMAND, now, channels, services))

    def _order(  # noqa: PLR0913, PLR0917 - the members of an order
        self,
        reference: str,
        kind: Kind,
        start: int,
        channels: tuple[Channel, ...] = (),
        services: tuple[Service, ...] = (),
        lifts: str | None = None,
        orgs: tuple[str, ...] = (),
    ) -> Order:
        return Order(
            jti=reference,
            iss=self.identity.name,
            aud=party("gateway").identity.name,
            jurisdiction=self._desk.world.arrangement.declared.jurisdiction,
            kind=kind,
            nbf=start // 1000,
            legal_basis="as the scenario tells",
            channels=channels,
            services=services,
            orgs=orgs,
            lifts=lifts,
        )

    async def _serve(self, order: Order) -> OrderAnswered:
        return await self._desk.command(self.identity, order, self._key)
