"""The real ledger and the real witness, each a process of its own, over mutual TLS."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import msgspec
import pytest

from tiers.chassis.client import Peer
from tiers.chassis.tls import Tls
from tiers.lab.world.pki import Authority
from tiers.lab.world.processes import free_ports
from tiers.ledger.app import ConsistencyProof, InclusionProof, Ledger
from tiers.ledger.verify import read_policy, verify_log
from tiers.wire.errors import Forbidden, Missing, Ours, Yours
from tiers.wire.identity import Identity, Role, parse_identity
from tiers.wire.log.checkpoint import (
    PinnedLog,
    ProofOfLogging,
    unb64,
    verify_logged,
    verify_witnessed,
)
from tiers.wire.log.leaf import Leaf, Seal, encode_leaf
from tiers.wire.log.merkle import TreeHead, leaf_hash, verify_consistency, verify_inclusion
from tiers.wire.log.policy import FILE, parse_policy, write_policy

ROOT = Path(__file__).parents[2]
LEDGER, WITNESS = parse_identity("ledger/in"), parse_identity("witness/w1")
PROGRAMS = {LEDGER: "tiers.ledger", WITNESS: "tiers.ledger.witness"}
SEAL = Seal(b"s" * 32, "0198a0f2-0000-7000-8000-000000000001", b"d" * 32)

pytestmark = pytest.mark.e2e


def now() -> int:
    return time.time_ns() // 1_000_000


def leaf_of(who: str = "carrier/in", **members) -> Leaf:
    basis = {"type": "warrant.expired", "ts": now(), "jurisdiction": "IN", "agency": "cbi"}
    party = parse_identity(who).uri
    return Leaf(**basis | {"party": party, "commitment": SEAL.commit()} | members)


class Town:
    """A ledger and a witness that run, and everybody who asks them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.trust = root / "trust"
        self.trust.mkdir()
        self.authority = Authority.create()
        self.ports = dict(zip((LEDGER, WITNESS), free_ports(2), strict=True))
        self.running: dict[Identity, subprocess.Popen[bytes]] = {}

    def tls(self, identity: Identity) -> Path:
        folder = self.root / "tls" / str(identity)
        if not folder.exists():
            self.authority.issue(identity, folder)
        return folder

    def state(self, identity: Identity) -> Path:
        return self.root / "state" / identity.role

    def start(self, identity: Identity) -> None:
        environ = {
            "PATH": os.environ["PATH"],
            "TIERS_LISTEN": f"127.0.0.1:{self.ports[identity]}",
            "TIERS_STATE": str(self.state(identity)),
            "TIERS_TLS": str(self.tls(identity)),
            "TIERS_TRUST": str(self.trust),
            "TIERS_NAME": identity.name,
            "NOTIFY_SOCKET": str(self.root / "notify"),
        }
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.bind(environ["NOTIFY_SOCKET"])
            channel.settimeout(30)
            command = [sys.executable, "-m", PROGRAMS[identity]]
            with (self.root / f"{identity.role}.log").open("ab") as log:
                self.running[identity] = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=log, stderr=log)
            assert channel.recv(32) == b"READY=1"
        (self.root / "notify").unlink()

    def stop(self, identity: Identity, number: int = signal.SIGTERM) -> int:
        process = self.running.pop(identity)
        process.send_signal(number)
        return process.wait(timeout=20)

    def exchange_keys(self) -> None:
        log = (self.state(LEDGER) / "log.vkey").read_text().strip()
        witness = (self.state(WITNESS) / "witness.vkey").read_text().strip()
        policy = write_policy(log, {"w1": witness}, 1, {"w1": f"https://127.0.0.1:{self.ports[WITNESS]}"})
        (self.trust / FILE).write_text(policy)

    @property
    def pinned(self) -> PinnedLog:
        return parse_policy((self.trust / FILE).read_text()).pinned

    def ask(self, who: str, work, party: Identity = LEDGER):
        """Run `work(peer)` as `who`."""

        async def asking():
            context = Tls(self.tls(parse_identity(who))).client
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
                return await work(Peer(session, f"https://127.0.0.1:{self.ports[party]}", party))

        return asyncio.run(asking())

    def log(self, leaf: Leaf, who: str = "carrier/in") -> ProofOfLogging:
        return self.ask(who, lambda peer: peer.ask("POST", "/v1/leaves", ProofOfLogging, encode_leaf(leaf)))

    def get(self, path: str, kind=None):
        return self.ask("operator/in", lambda peer: peer.ask("GET", path, kind) if kind else peer.ask_raw("GET", path))


@pytest.fixture
def town(tmp_path):
    town = Town(tmp_path)
    try:
        town.start(LEDGER)
        town.start(WITNESS)
        town.exchange_keys()
        yield town
    finally:
        for identity in list(town.running):
            town.stop(identity)


def test_a_leaf_is_logged_proven_and_read_back_by_anybody(town):
    leaf = leaf_of()
    proof = town.log(leaf)
    assert verify_logged(proof, town.pinned).leaf == leaf
    assert town.get("/checkpoint").decode() == proof.checkpoint
    assert town.get("/tile/0/000.p/1") == leaf_hash(encode_leaf(leaf))
    assert town.get("/tile/entries/000.p/1")[2:] == encode_leaf(leaf)


def test_the_same_leaf_again_has_the_same_index(town):
    leaf = leaf_of()
    assert [town.log(one).index for one in (leaf, leaf_of(agency="ncb"), leaf)] == [0, 1, 0]


def test_proofs_are_for_anybody_up_to_the_published_size(town):
    old = verify_witnessed(town.log(leaf_of()).checkpoint, town.pinned).checkpoint.head
    leaf = leaf_of(agency="ncb")
    new = verify_witnessed(town.log(leaf).checkpoint, town.pinned).checkpoint.head
    shown = town.get("/v1/proofs/inclusion?index=1&size=2", InclusionProof)
    verify_inclusion(leaf_hash(encode_leaf(leaf)), 1, new, [unb64(node, "x") for node in shown.proof])
    grown = town.get("/v1/proofs/consistency?first=1&second=2", ConsistencyProof)
    assert verify_consistency(old, new, [unb64(node, "x") for node in grown.proof]) == new == TreeHead(2, new.root)
    for path, code in (
        ("inclusion?index=0&size=3", "ledger.no_tree"),
        ("inclusion?index=2&size=2", "ledger.no_leaf"),
        ("consistency?first=2&second=1", "ledger.no_tree"),
        ("inclusion?index=-1&size=2", "ledger.query"),
        ("inclusion?index=1", "ledger.query"),
        ("inclusion?index=1&size=2&x=1", "ledger.query"),
    ):
        with pytest.raises(Yours) as caught:
            town.get(f"/v1/proofs/{path}", InclusionProof)
        assert caught.value.code == code


def test_whoever_logs_nothing_by_role_is_refused(town):
    for who in ("applicant/cbi", "judge/delhi", "operator/in", "witness/w1", "ledger/in"):
        with pytest.raises(Forbidden, match=r"^request\.role"):
            town.log(leaf_of(), who)


def test_nobody_logs_in_the_name_of_another_party(town):
    with pytest.raises(Forbidden, match=r"^leaf\.party"):
        town.log(leaf_of("court/in"))


def test_a_leaf_is_not_dated_back_or_ahead(town):
    for offset in (-301_000, 301_000):
        with pytest.raises(Yours, match=r"^leaf\.clock"):
            town.log(leaf_of(ts=now() + offset))


def test_a_seal_is_opened_after_its_date_only(town):
    sealed = town.log(leaf_of(type="warrant.served", open_after=now() + 600_000))
    opening = leaf_of(type="seal.opened", opens=SEAL.opening(sealed.index))
    with pytest.raises(Yours, match=r"^leaf\.sealed_until"):
        town.log(opening)
    late = town.log(leaf_of(type="warrant.expired", open_after=now() - 1))
    opened = town.log(leaf_of(type="seal.opened", opens=SEAL.opening(late.index)))
    assert verify_logged(opened, town.pinned).leaf.opens.jti == SEAL.jti
    with pytest.raises(Yours, match=r"^leaf\.not_sealed"):
        town.log(leaf_of(type="seal.opened", opens=SEAL.opening(99)))


def test_a_leaf_in_another_spelling_is_refused(town):
    body = msgspec.json.format(encode_leaf(leaf_of()))
    with pytest.raises(Yours, match=r"^leaf\.not_canonical"):
        town.ask("carrier/in", lambda peer: peer.ask_raw("POST", "/v1/leaves", body))


def test_what_is_no_tile_of_this_log_is_missing(town):
    town.log(leaf_of())
    for path in ("0/000.p/9", "0/001", "%2e%2e/log.key", "../log.key", "0/000.p/999"):
        with pytest.raises(Missing):
            town.get(f"/tile/{path}")


def test_an_empty_log_has_no_checkpoint(town):
    with pytest.raises(Missing, match=r"^ledger\.no_checkpoint"):
        town.get("/checkpoint")


def test_only_the_ledger_asks_the_witness(town):
    with pytest.raises(Forbidden, match=r"^request\.role"):
        town.ask("carrier/in", lambda peer: peer.ask_raw("POST", "/add-checkpoint", b"old 0\n\n"), WITNESS)


def test_without_its_witness_the_ledger_answers_nobody_and_the_retry_finds_the_leaf(town):
    town.log(leaf_of())
    town.stop(WITNESS)
    leaf = leaf_of(agency="ncb")
    for _ in range(2):
        with pytest.raises(Ours, match=r"^ledger\.unwitnessed"):
            town.log(leaf)
    assert town.get("/checkpoint").split(b"\n")[1] == b"1"
    town.start(WITNESS)
    assert town.log(leaf).index == 1


def test_a_ledger_without_a_witness_key_is_alive_and_not_ready(town):
    town.stop(LEDGER)
    (town.trust / FILE).unlink()
    town.start(LEDGER)
    assert town.get("/healthz") == b'{"status":"ok"}'
    with pytest.raises(Ours, match=r"^ledger\.no_policy"):
        town.get("/readyz")
    leaf = leaf_of()
    with pytest.raises(Ours, match=r"^ledger\.no_policy"):
        town.log(leaf)
    town.exchange_keys()
    assert town.get("/readyz") == b'{"status":"ok"}'
    assert town.log(leaf).index == 0


def test_killed_while_many_log_at_once_nothing_answered_is_lost(town):
    answered: list[ProofOfLogging] = []

    async def flood(peer: Peer) -> None:
        async def logger(name: str) -> None:
            leaf = leaf_of(agency=name)
            while LEDGER in town.running:
                try:
                    answered.append(await peer.ask("POST", "/v1/leaves", ProofOfLogging, encode_leaf(leaf)))
                except Ours:  # killed, or slower than a party waits: the same leaf again
                    continue
                leaf = leaf_of(agency=name)
                if len(answered) == 200:
                    town.stop(LEDGER, signal.SIGKILL)

        await asyncio.gather(*(logger(f"a{n}") for n in range(40)))

    town.ask("carrier/in", flood)
    town.start(LEDGER)

    async def again(peer: Peer) -> list[ProofOfLogging]:
        return [await peer.ask("POST", "/v1/leaves", ProofOfLogging, proof.leaf.encode()) for proof in answered]

    assert [proof.index for proof in town.ask("carrier/in", again)] == [proof.index for proof in answered]
    town.stop(LEDGER)
    assert verify_log(town.state(LEDGER), read_policy(town.trust / FILE), now()).size >= len(answered)


def test_both_stop_cleanly_and_their_keys_are_their_own(town):
    assert [town.stop(identity) for identity in (LEDGER, WITNESS)] == [0, 0]
    for path in (town.state(LEDGER) / "log.key", town.state(WITNESS) / "witness.key"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert not (town.state(WITNESS) / "log.key").exists()


def test_the_logs_of_both_hold_no_key(town):
    town.log(leaf_of())
    keys = [(town.state(LEDGER) / "log.key").read_bytes(), (town.state(WITNESS) / "witness.key").read_bytes()]
    logs = (town.root / "ledger.log").read_bytes() + (town.root / "witness.log").read_bytes()
    assert b"ledger.published" in logs
    assert [key in logs or key.hex().encode() in logs for key in keys] == [False, False]


def test_the_request_table_is_the_whole_policy():
    table = {(route.method, route.path): route.roles for route in Ledger.routes(object.__new__(Ledger))}
    writers = {Role.CARRIER, Role.GATEWAY, Role.COURT, Role.CUSTOMER, Role.AUDITOR}
    assert table.pop(("POST", "/v1/leaves")) == writers
    assert set(table.values()) == {frozenset({Role.ANYONE})}
    assert {method for method, _ in table} == {"GET"}
