"""An auditor over real TLS, beside a carrier with a real key tree and a ledger that really proves."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from kits.court import (
    ALICE,
    APPLICANT,
    BOB,
    CARRIER,
    JTI,
    JUDGE,
    MINUTE,
    NOW,
    Clock,
    People,
    Site,
    StandinLedger,
    pin,
)
from kits.court import claims_json as around_now
from kits.outside import outside
from kits.product import MASTER, consumer, copied, enterprise
from tiers.auditor.app import Auditor, build
from tiers.auditor.store import Store
from tiers.chassis.client import Peer
from tiers.chassis.outside import LedgerClient
from tiers.chassis.web import Route, application, body
from tiers.wire.api.auditor import Filed, FileWarrant, Inspect, Inspection
from tiers.wire.api.carrier import Granted, Product
from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import Policy, TiersError
from tiers.wire.identity import Identity, Role, parse_identity
from tiers.wire.keys.jose import GeneralJws, SigningKey
from tiers.wire.keys.keytree import NodeJson, epoch_of, subscriber_root, window
from tiers.wire.lawful.grant import Payload, seal_grant
from tiers.wire.lawful.release import AskGrant, terms
from tiers.wire.lawful.warrant import Claims, apply_for, approve, seal_of, verify_application
from tiers.wire.log.checkpoint import ProofOfLogging
from tiers.wire.log.leaf import Author, Leaf, encode_leaf
from tiers.wire.message.envelope import Channel, Service, parse_envelope
from tiers.wire.message.sealing import HpkePrivateKey

KEY = HpkePrivateKey(b"H" * 32)
HERE = Author(Identity(Role.CARRIER, "in"), "IN")
PAGE = 3
Change = Callable[[Payload], Payload]


def warrant_of(**changed: object) -> GeneralJws:
    jws = apply_for(msgspec.convert(claims_json(**changed), Claims), APPLICANT, "applicant/cbi")
    return approve(verify_application(jws, {"applicant/cbi": APPLICANT.public}), JUDGE, "judge/delhi")


def claims_json(**changed: object) -> dict[str, object]:
    """Claims of a warrant whose window began five minutes ago, when it was served."""
    return around_now(**{"window": {"from": NOW - 5 * MINUTE, "until": NOW + 5 * MINUTE}} | changed)


class StandinCarrier:
    """Holds a master key and product. `change` bends a grant before it is signed; `leaf` what is logged for it."""

    def __init__(self, ledger: StandinLedger, clock: Clock) -> None:
        self.ledger, self.clock = ledger, clock
        self.pdus: list[bytes] = []
        self.lost = 0
        self.refuses_product: TiersError | None = None
        self.refuses_grant: TiersError | None = None
        self.change: Change = lambda payload: payload
        self.leaf: dict[str, object] = {}
        self.signer: SigningKey = CARRIER
        self.asked: list[AskGrant] = []
        self.pages: list[int] = []
        self.liid = "LIID-2013-0001"
        self.sub = ALICE
        self.claims = msgspec.convert(claims_json(), Claims)
        self.served: dict[str, object] = {}
        self.terms: str | None = None

    def copy(self, jwe: bytes, target: str = ALICE) -> None:
        self.pdus += copied(jwe, parse_envelope(jwe).header, target)

    def application(self) -> web.Application:
        routes = [
            Route("GET", "/v1/warrants/{jti}/product", {Role.AUDITOR}, self.product, ""),
            Route("POST", "/v1/grants", {Role.AUDITOR}, self.grant, ""),
        ]

        async def ready() -> None:
            return None

        return application(routes, CollectorRegistry(), ready)

    def log(self, kind: str, ts: int, changed: dict[str, object], committed: str | None = None) -> ProofOfLogging:
        """Log a leaf about the warrant, some of its members bent."""
        said = {"ts": ts, "jurisdiction": "IN", "commitment": seal_of(self.claims).commit(), "type": kind}
        said |= {"agency": "cbi", "party": HERE.party.uri} | changed
        if said["type"] == "grant.released":
            said["terms"] = committed
        if said["type"] == "warrant.served":
            said["open_after"] = self.claims.exp * 1000
        return self.ledger.append(encode_leaf(msgspec.convert(said, Leaf)))

    async def product(self, _caller: Identity, request: web.Request) -> Product:
        if self.refuses_product:
            raise self.refuses_product
        after = int(request.query["after"])
        self.pages.append(after)
        page = tuple(b64u(pdu) for pdu in self.pdus[after : after + PAGE])
        return Product(self.liid, after, page, len(self.pdus), self.lost, NOW - 5 * MINUTE)

    async def grant(self, _caller: Identity, request: web.Request) -> Granted:
        ask = await body(request, AskGrant)
        self.asked.append(ask)
        if self.refuses_grant:
            raise self.refuses_grant
        if ask.until > self.clock.now:
            raise Policy("grant.future", "Ask for minutes that have passed.")
        start, end = epoch_of(ask.start), epoch_of(ask.until)
        proof = self.log(
            "grant.released", self.clock.now, self.leaf, self.terms or terms(self.claims, start, end, ask.nonce)
        )
        since = self.log("warrant.served", NOW - 5 * MINUTE, self.served)
        nodes = tuple(NodeJson.of(node) for node in window(subscriber_root(MASTER, self.sub), start, end))
        payload = self.change(Payload(ask.jti, self.sub, start, end, nodes, proof, since))
        return Granted(msgspec.Raw(seal_grant(payload, self.signer, "carrier/in", "auditor/cbi/1", KEY.public)))


class AuditorWorld:
    """The auditor and everybody who speaks with it."""

    def __init__(self, folder: Path, certificates: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.ledger = StandinLedger()
        self.carrier = StandinCarrier(self.ledger, self.clock)
        self.trust = pin(folder / "trust", self.ledger)
        self.people = People(certificates)
        self.ledger_site = Site(certificates, "ledger/in", self.ledger.application)
        self.carrier_site = Site(certificates, "carrier/in", self.carrier.application)
        self.auditor_site = Site(certificates, "auditor/cbi", self.make)
        self.path = folder / "auditor.sqlite"
        self.numbers = 0

    def make(self) -> web.Application:
        self.store = Store(self.path)
        ledger = LedgerClient(self.people.peer("auditor/cbi", self.ledger_site.url, "ledger/in"), self.trust)
        carrier = self.people.peer("auditor/cbi", self.carrier_site.url, "carrier/in")
        lies = outside(Author(parse_identity("auditor/cbi"), "IN"), ledger, self.trust, self.clock)
        self.metrics = lies.metrics
        app = build(Auditor(KEY, self.store, lies, carrier, None), lies)

        async def close(_app: object) -> None:
            self.store.close()

        app.on_cleanup.append(close)
        return app

    async def start(self) -> None:
        for site in (self.ledger_site, self.carrier_site, self.auditor_site):
            await site.start()
        self.applicant = self.peer("applicant/cbi")
        self.investigator = self.peer("investigator/cbi")

    async def stop(self) -> None:
        for site in (self.auditor_site, self.carrier_site, self.ledger_site):
            await site.stop()
        await self.people.close()

    def peer(self, identity: str) -> Peer:
        return self.people.peer(identity, self.auditor_site.url, "auditor/cbi")

    def send(
        self,
        content: bytes,
        ts: int,
        *,
        ends: tuple[str, str] = (ALICE, BOB),
        channel: Channel = Channel.CONSUMER,
        service: Service = Service.BBM,
    ) -> bytes:
        """Have one message copied to the carrier."""
        self.numbers += 1
        make = consumer if channel is Channel.CONSUMER else enterprise
        jwe = make(self.numbers, ends, ts, content, service)
        self.carrier.copy(jwe)
        return jwe

    async def file(self, jws: GeneralJws | None = None, who: Peer | None = None) -> Filed:
        jws = jws or warrant_of()
        self.carrier.claims = msgspec.json.decode(unb64u(jws.payload, "test.payload"), type=Claims)
        return await (who or self.applicant).ask("POST", "/v1/warrants", Filed, FileWarrant(jws))

    async def inspect(self, start: int | None = None, until: int | None = None, who: Peer | None = None) -> Inspection:
        return await (who or self.investigator).ask("POST", "/v1/inspections", Inspection, Inspect(JTI, start, until))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture
async def world(tmp_path: Path, certificates: Path) -> AsyncIterator[AuditorWorld]:
    made = AuditorWorld(tmp_path, certificates)
    await made.start()
    yield made
    await made.stop()
