"""What the LI tests share: warrants made by hand with the real keys of a running world, and the log read from disk."""

import asyncio
import os
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import uuid_utils

from tiers.chassis.client import Peer
from tiers.chassis.outside import LedgerClient
from tiers.chassis.state import StateDir, read_folder
from tiers.lab.classroom import logbook
from tiers.lab.classroom.desk import Desk
from tiers.lab.world.cast import APPLICANT, handset, party
from tiers.lab.world.world import World
from tiers.ledger import verify as independent
from tiers.wire.api.carrier import Product, Served, ServeWarrant, WarrantStatus
from tiers.wire.api.gateway import ActivateTask, Done, Tasks
from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import Conflict, TiersError
from tiers.wire.identity import Identity, parse_identity
from tiers.wire.keys.jose import GeneralJws, SigningKey
from tiers.wire.keys.keytree import EPOCH_MS
from tiers.wire.lawful.release import AskGrant
from tiers.wire.lawful.trust import parse_trust
from tiers.wire.lawful.warrant import (
    MAX_WORD_MS,
    TYP,
    Claims,
    Delivery,
    Status,
    StatusStatement,
    Window,
    seal_of,
    sign_status,
)
from tiers.wire.log.checkpoint import ProofOfLogging
from tiers.wire.log.leaf import Author, Leaf, parse_leaf
from tiers.wire.message.envelope import Service

CARRIER, GATEWAY, COURT, AUDITOR = (party(name).identity for name in ("carrier", "gateway", "court", "auditor"))
JUDGE_KID = "judge/delhi"


def claims(world: World, target: str = "alice", start: int = 0, minutes: int = 10, **changes: object) -> Claims:
    """Claims on a handset for `minutes` from `start` minutes away, in force an hour before and after."""
    jti = str(uuid_utils.uuid4())
    now = world.clock.now() // EPOCH_MS * EPOCH_MS + start * EPOCH_MS
    base = Claims(
        jti=jti,
        iss="in",
        aud="in",
        sub=handset(target).pin,
        nbf=now // 1000 - 3600,
        exp=now // 1000 + minutes * 60 + 3600,
        window=Window(now, now + minutes * EPOCH_MS),
        services=(Service.BBM, Service.EMAIL),
        delivery=Delivery.BOTH,
        agency="cbi",
        legal_basis="Indian Telegraph Act 1885, section 5(2)",
        liid=f"X-{jti[:8]}",
        salt=b64u(os.urandom(32)),
    )
    return msgspec.structs.replace(base, **changes)


def claims_of(jws: GeneralJws) -> Claims:
    """What a warrant says, whoever signed it."""
    return msgspec.json.decode(unb64u(jws.payload, "test.payload"), type=Claims)


def nonce() -> str:
    """A fresh nonce."""
    return b64u(os.urandom(16))


@dataclass(slots=True)
class Hands:
    """Whoever holds every key and every certificate of a world, and does with them what nobody should."""

    desk: Desk

    @property
    def world(self) -> World:
        return self.desk.world

    @property
    def judge(self) -> SigningKey:
        return StateDir(self.world.state("court")).key("judge.key", SigningKey)

    def peer(self, who: str | Identity, name: str) -> Peer:
        """A party as somebody reaches it; who has no certificate yet gets one from the CA."""
        identity = parse_identity(who) if isinstance(who, str) else who
        folder = self.world.tls(identity)
        if not folder.exists():
            self.world.authority.issue(identity, folder)
        return self.desk.as_(identity).peer(name)

    def sign(self, said: Claims, judge: SigningKey | None = None) -> GeneralJws:
        """A warrant with both signatures; `judge` takes the judge's place."""
        payload = msgspec.json.encode(said)
        one = self.world.applicant_key().add_signature(payload, {"typ": TYP, "kid": str(APPLICANT)})
        two = (judge or self.judge).add_signature(payload, {"typ": TYP, "kid": JUDGE_KID})
        return GeneralJws(b64u(payload), (one, two))

    def word(
        self, said: Claims, status: Status = Status.APPROVED, serial: int = 1, judge: SigningKey | None = None
    ) -> str:
        """The court's word on a warrant, good for a day from now."""
        now = self.world.clock.now()
        statement = StatusStatement(said.jti, seal_of(said).commit(), status, serial, now, now + MAX_WORD_MS)
        return sign_status(statement, judge or self.judge, JUDGE_KID)

    async def say(self, said: Claims, status: Status = Status.APPROVED, serial: int = 1) -> None:
        """Tell the carrier, as the court does, what a warrant is now."""
        path = f"/v1/warrants/{said.jti}/status"
        await self.peer(COURT, "carrier").ask("POST", path, Done, WarrantStatus(self.word(said, status, serial)))

    async def serve(self, jws: GeneralJws) -> Served:
        with suppress(Conflict):
            await self.say(claims_of(jws))
        return await self.peer(APPLICANT, "carrier").ask("POST", "/v1/warrants", Served, ServeWarrant(jws))

    async def logged(self, said: Claims, by: Identity = CARRIER, kind: str = "warrant.served") -> ProofOfLogging:
        """Have `by` log a leaf about a warrant, good or bad: the ledger knows no warrants."""
        author, now = Author(by, "IN"), self.world.clock.now()
        leaf = author.leaf(kind, now, "cbi", seal_of(said).commit(), open_after=said.exp * 1000)
        trust = parse_trust(read_folder(self.world.root / "trust"))
        return (await LedgerClient(self.peer(by, "ledger"), lambda: trust).append(leaf)).proof

    async def order(self, jws: GeneralJws, said: Claims | None = None) -> ActivateTask:
        """What a carrier shows the relay: with the log's proof, and the court's word, on what the warrant says."""
        said = said or claims_of(jws)
        return ActivateTask(jws, await self.logged(said), self.word(said))

    async def task(self, body: ActivateTask | bytes, by: str | Identity = CARRIER) -> Done:
        path = f"/v1/tasks/{uuid_utils.uuid4()}"
        return await self.peer(by, "gateway").ask("PUT", path, Done, body)

    async def tasks(self) -> Tasks:
        """The tasks that the relay says the carrier has."""
        return await self.peer(CARRIER, "gateway").ask("GET", "/v1/tasks", Tasks)

    async def grant(self, asked: AskGrant, by: str | Identity = AUDITOR) -> bytes:
        return await self.peer(by, "carrier").ask_raw("POST", "/v1/grants", asked)

    async def product(self, jti: str, after: int = 0) -> Product:
        """A page of a warrant's product, as its agency gets it from the carrier."""
        path = f"/v1/warrants/{jti}/product?after={after}"
        return await self.peer(AUDITOR, "carrier").ask("GET", path, Product)

    async def delivered(self, jti: str, count: int) -> Product:
        """Ask until so many PDUs of a warrant have reached the mediation: copies travel behind the messages."""
        async with asyncio.timeout(20):
            while (page := await self.product(jti)).total < count:
                pass
        return page


async def verified_log(world: World) -> str:
    """Have the independent verifier check the whole log from its files, as its own process; returns its verdict."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*logbook.command(world.root), stdout=pipe, stderr=pipe)
    said, wrong = await process.communicate()
    assert (process.returncode, wrong) == (0, b"")
    return said.decode()


def leaves(world: World) -> list[Leaf]:
    """The leaves that the published checkpoint covers, read from the entry bundles of the tiles."""
    folder: Path = world.state("ledger")
    if not (folder / "checkpoint").exists():
        return []
    size = int((folder / "checkpoint").read_text().split("\n")[1])
    width = independent.WIDTH
    bundles = [independent._bundle(folder, first // width, min(width, size - first)) for first in range(0, size, width)]
    return [parse_leaf(entry) for bundle in bundles for entry in bundle]


async def logged_since(world: World, before: int, kind: str, commitment: str) -> list[Leaf]:
    """Wait until a leaf of that type about a warrant stands in the log; returns all about it from leaf `before` on."""
    async with asyncio.timeout(20):
        while True:
            found = [leaf for leaf in leaves(world)[before:] if leaf.commitment == commitment]
            if any(leaf.type == kind for leaf in found):
                return found
            await asyncio.sleep(0.05)


async def refused_and_logged(
    world: World, attempt: Awaitable[object], code: str, kind: str, party_: Identity = CARRIER
) -> Leaf:
    """The promise of this file's users: refused with its own code, and one leaf in a log that still verifies."""
    before = len(leaves(world))
    with pytest.raises(TiersError) as refusal:
        await attempt
    assert code == refusal.value.code
    await verified_log(world)
    new = [leaf for leaf in leaves(world)[before:] if leaf.type == kind]
    assert [(kind, code, party_.uri)] == [(leaf.type, leaf.detail, leaf.party) for leaf in new]
    return new[0]
