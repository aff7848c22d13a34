"""A court over real TLS, between a ledger and a carrier that are stand-ins."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from kits.court import APPLICANT, JTI, JUDGE, MINUTE, CarrierEar, Clock, People, Site, StandinLedger, claims_json, pin
from kits.outside import outside
from tiers.chassis.client import Peer
from tiers.chassis.outside import LedgerClient
from tiers.chassis.state import StateDir
from tiers.court.app import Court, build
from tiers.court.escrow import Escrow
from tiers.court.register import Place
from tiers.court.release import Releases
from tiers.court.store import Store
from tiers.wire.api.court import Apply, Decide, Entry
from tiers.wire.identity import parse_identity
from tiers.wire.keys.jose import SigningKey
from tiers.wire.lawful.warrant import Claims, apply_for
from tiers.wire.log.leaf import Author
from tiers.wire.message.sealing import HpkePrivateKey

AUDITOR = HpkePrivateKey(b"H" * 32)
PLACE = Place(
    Author(parse_identity("court/in"), "IN"), parse_identity("carrier/in"), parse_identity("judge/delhi"), 4 * MINUTE
)


def application_of(key: SigningKey = APPLICANT, kid: str = "applicant/cbi", **changed: object) -> Apply:
    return Apply(apply_for(msgspec.convert(claims_json(**changed), Claims), key, kid))


class CourtWorld:
    """The court and everybody who speaks with it."""

    def __init__(self, folder: Path, certificates: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.ledger = StandinLedger()
        self.carrier = CarrierEar()
        self.trust = pin(folder / "trust", self.ledger, msgspec.json.encode(AUDITOR.public.jwk()))
        self.people = People(certificates)
        self.ledger_site = Site(certificates, "ledger/in", self.ledger.application)
        self.carrier_site = Site(certificates, "carrier/in", self.carrier.application)
        self.court_site = Site(certificates, "court/in", self.make)
        self.path = folder / "register.sqlite"

    def make(self) -> web.Application:
        """Wire a court over what is on disk; the clean-up closes the file again."""
        self.store = Store(self.path)
        ledger = LedgerClient(self.people.peer("court/in", self.ledger_site.url, "ledger/in"), self.trust)
        carrier = self.people.peer("court/in", self.carrier_site.url, "carrier/in")
        lies = outside(PLACE.author, ledger, self.trust, self.clock)
        self.metrics = lies.metrics
        self.court = Court(PLACE, JUDGE, self.store, lies, carrier)
        self.escrow = Escrow(StateDir(self.folder / "court"), PLACE.court, self.clock)
        releases = Releases(PLACE, JUDGE, self.store, lies, self.escrow, self.court.refusals)
        app = build(self.court, lies, releases.routes())

        async def close(_app: object) -> None:
            self.store.close()

        app.on_cleanup.append(close)
        return app

    async def start(self) -> None:
        await self.ledger_site.start()
        await self.carrier_site.start()
        await self.court_site.start()
        self.applicant = self.peer("applicant/cbi")
        self.judge = self.peer("judge/delhi")

    async def stop(self) -> None:
        for site in (self.court_site, self.carrier_site, self.ledger_site):
            await site.stop()
        await self.people.close()

    def peer(self, identity: str) -> Peer:
        return self.people.peer(identity, self.court_site.url, "court/in")

    async def apply(self, body: Apply | None = None, who: Peer | None = None) -> Entry:
        return await (who or self.applicant).ask("POST", "/v1/applications", Entry, body or application_of())

    async def decide(self, verb: str, reason: str = "", who: Peer | None = None, jti: str = JTI) -> Entry:
        path = f"/v1/applications/{jti}/{verb}"
        return await (who or self.judge).ask("POST", path, Entry, Decide(reason))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture
async def world(tmp_path: Path, certificates: Path) -> AsyncIterator[CourtWorld]:
    made = CourtWorld(tmp_path, certificates)
    await made.start()
    yield made
    await made.stop()
