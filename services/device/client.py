"""A handset at work: enrol, activate, look up, send, receive. Wires keyring, store and session together.

Received messages are opened, kept, and only then acknowledged; sent ones are kept until the relay has
accepted them, and sent again, with the same `mid`, after a broken connection.
"""

# Long because what is pending, what waits to be opened and the session are one state that every step touches.

import asyncio
from contextlib import suppress
from dataclasses import replace

import aiohttp
import msgspec
import structlog
import uuid_utils

from tiers.chassis.client import Peer
from tiers.device.inbox import Inbox
from tiers.device.keyring import (
    ConsumerKeys,
    Contact,
    Draft,
    EnterpriseKeys,
    Keyring,
    forget_drained,
    names_key_servers,
    open_consumer,
    open_enterprise,
    seal_consumer,
    seal_enterprise,
)
from tiers.device.network import Address, Network, own_words
from tiers.device.session import Session, open_session, refusal
from tiers.device.store import HandsetStore, Message
from tiers.wire.api.carrier import Enrol, Enrolled
from tiers.wire.api.enterprise import Activated, Journal, Lookup
from tiers.wire.api.gateway import Done
from tiers.wire.custody import Card
from tiers.wire.enrolment import open_keys
from tiers.wire.enterprise import activation
from tiers.wire.enterprise.directory import verify_lookup
from tiers.wire.errors import Ours, TiersError, Yours
from tiers.wire.identity import Identity
from tiers.wire.keys.keytree import Node
from tiers.wire.message.envelope import Channel, Envelope, Service, format_envelope, parse_envelope
from tiers.wire.message.frames import Accepted, Ack, Deliver, Delivery, Drained, FromRelay, Refused, Send
from tiers.wire.message.proof import Request, sign_request

_log = structlog.get_logger()
_RETRY = 0.2
_FINAL = frozenset({"session.replaced", "session.signature", "device.unknown"})
"""What a relay says that is the same however often one asks."""


class Device:
    """One handset. `received` gets every message that is new to the user, once."""

    def __init__(self, store: HandsetStore, ring: Keyring, http: aiohttp.ClientSession, network: Network) -> None:
        self.received = Inbox()
        self.ring = ring
        self._connected = asyncio.Event()
        self._over: Exception | None = None
        self._store = store
        self._http = http
        self._gateway = network.gateway
        self._bes = Peer(http, network.bes.url, network.bes.identity) if network.bes else None
        self._clock = network.clock
        self._arrangement = network.arrangement
        self._jurisdiction = network.jurisdiction
        self._pending: dict[str, tuple[Envelope, asyncio.Future[None]]] = {}
        self._own: dict[str, Message] = {}
        """Notes to oneself that are kept and have not come back."""
        self._session: Session | None = None
        self._waiting: list[tuple[str, Envelope]] = []
        """What could not be opened yet because the key server does not answer, with its place in the mailbox."""

    async def enrol(self, carrier: Address, voucher: str) -> None:
        """Become a subscriber, with the shop's voucher: the carrier hands over this subscriber's keys from now on."""
        nodes = await self._enrol(carrier, voucher)
        self._keep(replace(self.ring, consumer=ConsumerKeys(carrier.identity.name, nodes)))

    async def enrol_escrow(self, court: Address, voucher: str) -> None:
        """Take this subscriber's part of the court's key tree, the other half of an escrow, by a voucher."""
        self._keep(replace(self.ring, escrow=await self._enrol(court, voucher)))

    async def _enrol(self, giver: Address, voucher: str) -> tuple[Node, ...]:
        ring, peer = self.ring, Peer(self._http, giver.url, giver.identity)
        body = msgspec.json.encode(Enrol(ring.pin, ring.sign.public.jwk(), ring.hpke.public.jwk(), voucher))
        proof = self._proof(giver.identity, "POST", "/v1/subscribers", body)
        done = await peer.ask("POST", "/v1/subscribers", Enrolled, body, proof)
        return open_keys(done, giver.identity, ring.pin, ring.hpke)

    def meet(self, card: Card) -> None:
        """Keep somebody's card: from now on messages to him are sealed to it, and his are checked against it.

        Raises `Yours` if it is another card than the one that this handset has of him.
        """
        known = [one for one in self.ring.cards if one.pin == card.pin]
        if known and known != [card]:
            raise Yours(
                "device.other_card", "Meet again and compare: this is another card than the one you were shown."
            )
        if not known:
            self._keep(replace(self.ring, cards=(*self.ring.cards, card)))

    async def activate(self, password: str) -> None:
        """Become an employee's device: exchange keys under the one-time password, and pin the customer's root."""
        ask = activation.request(password, self.ring.pin, self.ring.sign.public.jwk(), self.ring.hpke.public.jwk())
        done = await self._server().ask("POST", "/v1/activations", Activated, ask)
        pinned = activation.verify_answer(password, ask, done)
        self._keep(replace(self.ring, enterprise=EnterpriseKeys(pinned.org, pinned.root, pinned.entry.generation)))

    async def contact(self, pin: str) -> Contact:
        """Look an employee up, of this customer or of a partner; raises `Yours` unless it leads to the pinned root."""
        pinned = self.ring.enterprise
        if pinned is None:
            raise Yours("device.not_activated", "Activate this handset at its customer's key server first.")
        path, server = f"/v1/directory/{pin}", self._server()
        found = await server.ask("GET", path, Lookup, b"", self._proof(server.identity, "GET", path, b""))
        return Contact(*verify_lookup(found, pin, pinned.org, pinned.root))

    async def seal(self, channel: Channel, service: Service, to: str, content: bytes) -> Envelope:
        """Seal a message on the named channel. There is no default and no fall-back."""
        draft = Draft(to, service, content, str(uuid_utils.uuid7()), self._clock())
        if channel is Channel.CONSUMER:
            with own_words():
                return seal_consumer(self.ring, draft, self._arrangement.sealing(channel, self._jurisdiction))
        own = await self.contact(self.ring.pin)
        return seal_enterprise(self.ring, draft, own.bes, await self.contact(to), self._arrangement.enterprise)

    async def send(self, channel: Channel, service: Service, to: str, content: bytes) -> Envelope:
        """Seal, send and keep; returns once the relay has accepted it, raises what it was refused with."""
        envelope = await self.seal(channel, service, to, content)
        await self.submit(envelope)
        if (kept := self._store.keep(envelope, content)) is not None and to == self.ring.pin:
            self._own[kept.mid] = kept
        return envelope

    async def submit(self, envelope: Envelope) -> None:
        """Send a sealed envelope; returns once it is accepted. `run` must be running, and what ended it is raised."""
        await self._journal(envelope)
        if self._over is not None:
            raise self._over
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mid = envelope.header.mid
        self._pending[mid] = envelope, future
        try:
            if self._session is not None:
                with suppress(Ours):  # a broken session: `run` connects again and sends all that is pending
                    await self._session.send(Send(msgspec.Raw(format_envelope(envelope))))
            await future
        finally:
            del self._pending[mid]

    async def online(self) -> None:
        """Wait until a session is open; raises what ended the last one for good."""
        await self._connected.wait()
        if self._over is not None:
            raise self._over

    def start(self) -> asyncio.Task[None]:
        """Start `run`. Its end is told to whoever waits here, also where nobody looks at the task."""
        self._end(None)
        task = asyncio.create_task(self.run())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def run(self) -> None:
        """Hold a session, for ever: connect, send what is pending, receive; connect again when it breaks.

        What ends it for good is raised, here and wherever somebody waits for a message or an answer.
        """
        self._end(None)
        try:
            await self._hold()
        except Exception as error:
            self._end(error)
            raise

    def _end(self, error: Exception | None) -> None:
        self._over = error
        self.received.end(error)
        if error is None:
            self._connected.clear()
            return
        self._connected.set()
        for _, future in self._pending.values():
            if not future.done():
                future.set_exception(error)

    async def _hold(self) -> None:
        told = ""
        while True:
            try:
                async with open_session(self._http, self._gateway, self.ring, self._clock) as session:
                    told = ""
                    await self._converse(session)
            except (Ours, Yours) as error:
                if error.code in _FINAL:
                    raise
                if told != error.code:
                    _log.info("session.waiting", because=str(error))
                told = error.code
            finally:
                self._session = None
                self._connected.clear()
            await asyncio.sleep(_RETRY)

    async def _converse(self, session: Session) -> None:
        self._session = session
        self._connected.set()
        self._waiting.clear()  # the relay delivers again whatever was not acknowledged
        again = asyncio.create_task(self._try_again(session))
        try:
            for envelope, _ in list(self._pending.values()):
                await session.send(Send(msgspec.Raw(format_envelope(envelope))))
            while True:
                await self._handle(session, await session.receive())
        finally:
            again.cancel()

    async def _try_again(self, session: Session) -> None:
        """Open what waits, in order, once the key server answers."""
        with suppress(Ours):  # the session is over: `run` sees it, too
            while True:
                await asyncio.sleep(_RETRY)
                while self._waiting and await self._kept(self._waiting[0][1]):
                    place, _envelope = self._waiting.pop(0)
                    await session.send(Ack((place,)))

    async def _handle(self, session: Session, frame: FromRelay) -> None:
        match frame:
            case Accepted():
                for mid in frame.mids:
                    self._settle(mid, None)
            case Refused():
                self._settle(frame.mid, refusal(frame.code, frame.detail))
            case Deliver():
                ids = [message.id for message in frame.messages if await self._receive(message)]
                if ids:
                    await session.send(Ack(tuple(ids)))
            case Drained():
                # A relay that lies about the time costs this device no key of a minute that is still to come.
                self._keep(forget_drained(self.ring, min(frame.ts, self._clock())))
            case _:
                raise Yours("frame.unexpected", "The relay said something out of turn.")

    def _settle(self, mid: str, error: TiersError | None) -> None:
        _, future = self._pending.get(mid, (None, None))
        if future is None or future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    async def _receive(self, message: Delivery) -> bool:
        """Keep one message; returns whether it may be acknowledged. Behind one that waits, its channel waits."""
        try:
            envelope = parse_envelope(bytes(message.envelope))
        except Yours as error:
            _log.warning("message.malformed", code=error.code)
            return True
        behind = bool(self._waiting) and envelope.header.channel is Channel.ENTERPRISE
        if not behind and await self._kept(envelope):
            return True
        _log.warning("message.waits", mid=envelope.header.mid)
        self._waiting.append((message.id, envelope))
        return False

    async def _kept(self, envelope: Envelope) -> bool:
        """Open and keep; returns false where the key server was needed and does not answer."""
        content, unreadable = None, None
        try:
            if not self._store.has(envelope.header.mid):
                content = await self._open(envelope)
        except Ours:
            return False
        except TiersError as error:
            unreadable = error.code
        new = self._store.keep(envelope, content, unreadable)
        if (new := new or self._own.pop(envelope.header.mid, None)) is not None:
            self.received.put(new)
        return True

    async def _open(self, envelope: Envelope) -> bytes:
        if envelope.header.channel is Channel.CONSUMER:
            with own_words():
                return open_consumer(self.ring, envelope, self._arrangement.opening(envelope))
        sender = await self.contact(envelope.header.sender)
        content = open_enterprise(self.ring, envelope, sender, self._arrangement.enterprise)
        await self._journal(envelope)
        return content

    async def _journal(self, envelope: Envelope) -> None:
        """Give the customer its copy, still sealed, before an enterprise message goes out or is acknowledged."""
        if envelope.header.channel is Channel.ENTERPRISE and names_key_servers(self._arrangement.enterprise):
            body = msgspec.json.encode(Journal(msgspec.Raw(format_envelope(envelope))))
            proof = self._proof(self._server().identity, "POST", "/v1/journal", body)
            await self._server().ask("POST", "/v1/journal", Done, body, proof)

    def _server(self) -> Peer:
        if self._bes is None:
            raise Yours("device.no_customer", "Name the customer's key server of this handset.")
        return self._bes

    def _proof(self, to: Identity, method: str, path: str, body: bytes) -> str:
        return sign_request(self.ring.sign, self.ring.pin, to, Request(method, path, body), self._clock())

    def _keep(self, ring: Keyring) -> None:
        if ring != self.ring:
            self._store.save(ring)
            self.ring = ring
