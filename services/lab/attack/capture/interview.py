"""What a role may learn by asking: every API is asked, as each kind of asker, and every byte of the answers is kept.

Nobody stops at his own row of a request table: a refusal is a finding too, and a check that is missing is found here.
"""

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp
import msgspec

from tiers.chassis.client import bounded, client_session
from tiers.chassis.state import StateDir
from tiers.chassis.tls import Tls
from tiers.lab.classroom.desk import Desk, Sent
from tiers.lab.world.cast import OPERATOR, PARTIES, handset, party
from tiers.lab.world.world import World
from tiers.measure.capture.files import answers
from tiers.measure.search.scan import Source
from tiers.wire.api.carrier import Admissions, Ask, Product
from tiers.wire.api.enterprise import Order, Read, Reason
from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import Ours
from tiers.wire.identity import Identity, parse_identity
from tiers.wire.keys.keytree import EPOCH_MS
from tiers.wire.lawful.release import AskGrant
from tiers.wire.lawful.warrant import Window
from tiers.wire.message.envelope import Channel, format_protected
from tiers.wire.message.sealing import HpkePrivateKey

OTHER_AGENCY = parse_identity("auditor/nia")
AUDITOR = party("auditor").identity
_SECONDS = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class Question:
    """One request to one party."""

    party: str
    method: str
    path: str
    body: msgspec.Struct | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """A warrant that was served; the target is a PIN."""

    jti: str
    target: str
    window: Window


@dataclass(frozen=True, slots=True)
class Interview:
    """Asks in the name of one identity after another. `warrants` are what was served."""

    desk: Desk
    messages: Mapping[str, Sent]
    warrants: tuple[Served, ...]

    async def ask(self, name: str, identity: Identity, questions: Iterable[Question]) -> Source:
        """Ask everything as `identity`; returns the answers, one chunk each. Raises `Ours` if a party is silent."""
        tls = Tls(self.desk.world.tls(identity))
        by_party: dict[str, list[Question]] = {}
        for question in questions:
            by_party.setdefault(question.party, []).append(question)
        async with client_session(tls.client) as http:
            each = await asyncio.gather(*(self._in_turn(http, asked) for asked in by_party.values()))
        said = [one for answered in each for one in answered]
        return answers(name, [*said, *(unpacked for one in said for unpacked in _unpack(*one))])

    async def _in_turn(self, http: aiohttp.ClientSession, questions: Sequence[Question]) -> list[tuple[str, bytes]]:
        """Ask one party over one connection: a handshake costs more than all the questions."""
        return [await self._one(http, question) for question in questions]

    async def _one(self, http: aiohttp.ClientSession, question: Question) -> tuple[str, bytes]:
        world = self.desk.world
        data = None if question.body is None else msgspec.json.encode(question.body)
        where = f"{question.party} {question.method} {question.path}"
        try:
            async with http.request(
                question.method,
                world.url(question.party) + question.path,
                data=data,
                server_hostname=party(question.party).identity.host,
                timeout=_SECONDS,
            ) as response:
                said = "refused" if response.status >= HTTPStatus.BAD_REQUEST else "answered"
                head = f"{said} with {response.status} {dict(response.headers)}\n"
                return where, head.encode() + await bounded(response)
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise Ours("lab.capture", f"Start again: {where} got no answer, so the capture would be partial.") from None

    # ---- who asks what ----

    def curious(self) -> Iterator[Question]:
        """Ask for whatever could be there for the asking."""
        yield Question("gateway", "GET", "/v1/tasks")
        yield Question("court", "GET", "/v1/warrants")
        yield Question("auditor", "GET", "/v1/inspections")
        yield Question("carrier", "GET", "/v1/warrants")
        yield Question("ledger", "GET", "/checkpoint")
        for customer in ("acme", "globex"):
            yield Question(customer, "GET", "/v1/root")
            yield Question(customer, "GET", f"/v1/directory/{handset('priya').pin}")
            yield from (Question(customer, "POST", "/v1/read", Read(mid)) for mid in self._enterprise())

    def watching(self) -> Iterator[Question]:
        """Ask every party how it is."""
        for one in PARTIES:
            yield from (Question(one.name, "GET", path) for path in ("/metrics", "/healthz", "/readyz"))

    def as_agency(self, only: str = "") -> Iterator[Question]:
        """Ask for the product and the keys of every warrant, or of those on one person."""
        for served in self.warrants:
            if not only or served.target == handset(only).pin:
                yield Question("carrier", "GET", f"/v1/warrants/{served.jti}/product?after=0")
                yield from self._grants(served.jti, served.window.start, served.window.until)

    def beyond_the_window(self) -> Iterator[Question]:
        """Ask for a minute more on either side, and for each of them alone."""
        for served in self.warrants:
            start, until = served.window.start, served.window.until
            before, after = start - EPOCH_MS, until + EPOCH_MS
            for asked in ((before, until), (start, after), (before, start), (until, after)):
                yield from self._grants(served.jti, *asked)

    def orders(self) -> Iterator[Question]:
        """Order each customer to produce each of its messages."""
        for mid in self._enterprise():
            for customer in ("acme", "globex"):
                order = Order(f"order-{mid[-8:]}", Reason.THIRD_PARTY_DATA_REQUEST, mid=mid)
                yield Question(customer, "POST", "/v1/orders", order)

    def readdressed(self, to: str) -> Iterator[Question]:
        """Ask the carrier to wrap other people's content keys for somebody else: the header says so, falsely."""
        asks = []
        for sent in self.messages.values():
            header = sent.envelope.header
            if header.channel is Channel.CONSUMER and to not in {sent.note.sender, sent.note.to}:
                false = msgspec.structs.replace(header, to=handset(to).pin)
                asks.append(Ask(format_protected(false), sent.envelope.jwe.recipients[0]))
        if asks:
            yield Question("carrier", "POST", "/v1/admissions", Admissions(tuple(asks)))

    def _grants(self, jti: str, start: int, until: int) -> Iterator[Question]:
        """Ask everybody who holds a key tree for the keys of [start, until), ms."""
        for giver in ("carrier", "court") if self.desk.world.arrangement.escrow else ("carrier",):
            asked = AskGrant(jti, start, until, b64u(secrets.token_bytes(16)))
            yield Question(giver, "POST", "/v1/grants", asked)

    def _enterprise(self) -> list[str]:
        sent = self.messages.values()
        return [one.mid for one in sent if one.note.channel is Channel.ENTERPRISE]


async def ask_as_relay(interview: Interview) -> list[Source]:
    """Ask as the relay, in the minute of the messages: the carrier admits none that are older."""
    questions = [*interview.curious(), *interview.readdressed("mallory")]
    return [await interview.ask("answers:gateway", party("gateway").identity, questions)]


async def ask_all(interview: Interview) -> list[Source]:
    """Ask as everybody else who can ask while the warrants are in force."""
    world, curious = interview.desk.world, list(interview.curious())
    world.authority.issue(OTHER_AGENCY, world.tls(OTHER_AGENCY))
    # The other agency's key is pinned like the first one's: it must fail for want of a warrant and not of a key.
    key = StateDir(other_agency_folder(world)).key("hpke.key", HpkePrivateKey)
    world.pin(f"auditors/{OTHER_AGENCY.name}.jwk", msgspec.json.encode(key.public.jwk()))
    plan = {
        "operator": (OPERATOR, [*curious, *interview.watching()]),
        "court": (party("court").identity, [*curious, *interview.orders()]),
        "ledger": (party("ledger").identity, curious),
        "other-customer": (party("globex").identity, curious),
        "auditor-none": (OTHER_AGENCY, [*curious, *interview.watching(), *interview.as_agency()]),
        "auditor-wrong-subject": (AUDITOR, [*curious, *interview.as_agency("priya")]),
        "auditor-outside-window": (
            AUDITOR,
            [*curious, *interview.as_agency(), *interview.beyond_the_window()],
        ),
    }
    asked = (interview.ask(f"answers:{name}", who, questions) for name, (who, questions) in plan.items())
    return list(await asyncio.gather(*asked))


async def ask_again(interview: Interview) -> Source:
    """Ask as the agency whose warrants have expired, with nothing at hand but its key."""
    questions = [*interview.curious(), *interview.as_agency()]
    return await interview.ask("answers:auditor-expired", AUDITOR, questions)


def other_agency_folder(world: World) -> Path:
    """Return where the agency without a warrant keeps its key."""
    return world.root / "people" / OTHER_AGENCY.name


def _unpack(where: str, answer: bytes) -> Iterator[tuple[str, bytes]]:
    """Return the PDUs in an answer that is product: it carries them as base64url."""
    try:
        product = msgspec.json.decode(answer.partition(b"\n")[2], type=Product)
    except msgspec.MsgspecError:
        return
    for at, pdu in enumerate(product.pdus):
        yield f"{where}, PDU {at}", unb64u(pdu, "lab.capture")
