"""What the LI tests share: warrants made by hand with the real keys of a running world, and the log read from disk."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import uuid_utils

from tiers.chassis.client import Peer
from tiers.chassis.ledger_client import LedgerClient
from tiers.chassis.state import StateDir, read_folder
from tiers.lab.classroom import logbook
from tiers.lab.classroom.desk import Desk
from tiers.lab.world.cast import APPLICANT, handset, party
from tiers.lab.world.world import World
from tiers.ledger import verify as independent
from tiers.wire.api.carrier import AskGrant, Product, Served, ServeWarrant
from tiers.wire.api.gateway import ActivateTask, Done, Tasks
from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import TiersError
from tiers.wire.identity import Identity, parse_identity
from tiers.wire.keys.jose import GeneralJws, SigningKey
from tiers.wire.keys.keytree import EPOCH_MS
from tiers.wire.lawful.evidence import Evidence, evidence
from tiers.wire.lawful.trust import parse_trust
from tiers.wire.lawful.warrant import TYP, Claims, Delivery, Window
from tiers.wire.log.leaf import Leaf, Seal, parse_leaf
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
    )
    return msgspec.structs.replace(base, **changes)


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

    async def serve(self, jws: GeneralJws) -> Served:
        return await self.peer(APPLICANT, "carrier").ask("POST", "/v1/warrants", Served, ServeWarrant(jws))

    async def logged(self, jws: GeneralJws, jti: str, by: Identity = CARRIER, kind: str = "warrant.served") -> Evidence:
        """Have `by` log a leaf about a warrant, good or bad: the ledger knows no warrants."""
        seal = Seal(os.urandom(32), jti, hashlib.sha256(unb64u(jws.payload, "test.payload")).digest())
        now = self.world.clock.now()
        leaf = Leaf(
            type=kind, ts=now, jurisdiction="IN", agency="cbi", party=by.uri, commitment=seal.commit(),
            open_after=now + 86_400_000,
        )  # fmt: skip
        trust = parse_trust(read_folder(self.world.root / "trust"))
        client = LedgerClient(self.peer(by, "ledger"), lambda: trust)
        return evidence((await client.append(leaf)).proof, seal)

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
