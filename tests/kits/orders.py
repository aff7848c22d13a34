"""A relay in Pakistan, and orders of its regulators."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp
import msgspec

from kits.interception import PINNED, MemoryLedger
from kits.outside import outside
from kits.pki import issue
from kits.relay import GATEWAY, Clock, World, running
from tiers.chassis.client import Peer
from tiers.gateway.channels import INDIA
from tiers.gateway.orders import Docket
from tiers.gateway.processes.bus import Bus
from tiers.wire.api.gateway import OrderAnswered, OrdersInForce, ServeOrder
from tiers.wire.keys.jose import SigningKey
from tiers.wire.lawful.order import Kind, Order, sign_order
from tiers.wire.lawful.trust import Trust
from tiers.wire.log.leaf import Author
from tiers.wire.message.envelope import Channel, Service

PTA, TRA = SigningKey(b"p" * 32), SigningKey(b"t" * 32)
REGULATORS = {"regulator/pta": PTA.public, "regulator/tra": TRA.public}
BES = ((Channel.ENTERPRISE,), (Service.BBM, Service.EMAIL))


def order(kind: Kind = Kind.SUSPEND, **changes: object) -> Order:
    about = {} if kind is Kind.WITHDRAW else {"channels": BES[0], "services": BES[1]}
    fields = {
        "jti": "PTA/1", "iss": "pta", "aud": "1", "jurisdiction": "PK", "kind": kind, "nbf": 0, "legal_basis": "a law",
    }  # fmt: skip
    return Order(**{**fields, **about, **changes})  # type: ignore[arg-type]


class Office:
    """A relay in Pakistan, its log, and regulators at its door."""

    def __init__(self, folder: Path, store_url: str) -> None:
        self.ledger = MemoryLedger()
        self.folder = folder
        self._store_url = store_url
        self.world: World

    def _docket(self, clock: Clock, bus: Bus) -> Docket:
        def trust() -> Trust:
            return Trust({}, {}, {}, {}, (PINNED,), REGULATORS)

        return Docket(outside(Author(GATEWAY, "PK"), self.ledger, trust, clock), INDIA, bus)

    def running(self) -> AbstractAsyncContextManager[World]:
        return running(self.folder, self._store_url, docket=self._docket)

    async def serve(self, one: Order, key: SigningKey = PTA, who: str = "regulator/pta") -> OrderAnswered:
        return await self._ask(who, "POST", OrderAnswered, ServeOrder(sign_order(one, key)))

    async def listed(self) -> tuple[str, ...]:
        return (await self._ask("carrier/in", "GET", OrdersInForce)).orders

    async def _ask(self, who: str, method: str, kind: type, body: msgspec.Struct | None = None) -> object:
        tls = issue(who, self.folder)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls.client)) as http:
            return await Peer(http, self.world.url, GATEWAY).ask(method, "/v1/orders", kind, body)
