"""What a carrier may ask of the relay, over real TLS: no task without a warrant, signed twice and logged."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import aiohttp
import msgspec
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from kits.interception import (
    APPLICANT,
    CARRIER,
    FORGER,
    MINUTE,
    NOW,
    OTHER_CARRIER,
    PEER,
    RELAY,
    TARGET,
    World,
    claims,
    header,
    logged,
    order,
    signed,
    valkey,
    word,
    world,
)
from kits.pki import issue
from tiers.chassis.client import Peer
from tiers.chassis.web import application
from tiers.gateway.interception.administration import TASKS
from tiers.store.fitness import patiently
from tiers.wire.api.gateway import ActivateTask, Done, EndTask, Tasks
from tiers.wire.encoding import b64u
from tiers.wire.errors import Conflict, Missing, Ours, TiersError
from tiers.wire.identity import Role
from tiers.wire.keys.jose import GeneralJws
from tiers.wire.lawful.warrant import Status, Window, seal_of
from tiers.wire.log.leaf import Author


@pytest.fixture(scope="module")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("store")) as url:
        yield url


@dataclass
class Gate:
    """The relay's request table, and a way to knock at it as anybody."""

    lab: World
    url: str
    folder: Path

    async def ask(self, method: str, path: str, body: object = None, *, who: str = "carrier/in") -> bytes:
        tls = issue(who, self.folder)
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls.client)) as session:
            return await Peer(session, self.url, RELAY).ask_raw(method, path, raw)

    async def refused(self, method: str, path: str, body: object = None, *, who: str = "carrier/in") -> str:
        with pytest.raises(TiersError) as caught:
            await self.ask(method, path, body, who=who)
        return caught.value.code

    async def tasks(self, who: str = "carrier/in") -> list[str]:
        answer = msgspec.json.decode(await self.ask("GET", "/v1/tasks", who=who), type=Tasks)
        return [task.xid for task in answer.tasks]


@pytest.fixture
async def gate(store_url: str, tmp_path: Path) -> AsyncIterator[Gate]:
    async def ready() -> None:
        return

    async with world(store_url, tmp_path) as lab:
        runner = web.AppRunner(application(lab.interception.routes(), CollectorRegistry(), ready))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=lab.gateway_tls.server)
        await site.start()
        port = runner.addresses[0][1]
        try:
            yield Gate(lab, f"https://127.0.0.1:{port}", tmp_path)
        finally:
            await runner.cleanup()


async def test_a_logged_warrant_sets_a_task(gate: Gate) -> None:
    xid = str(uuid4())

    answer = await gate.ask("PUT", f"/v1/tasks/{xid}", order(claims()))

    assert msgspec.json.decode(answer, type=Done) == Done()
    assert await gate.tasks() == [xid]
    assert [match.xid for match in gate.lab.interception.tasks.match(header(), NOW, 1)] == [xid]


async def test_the_same_order_again_changes_nothing(gate: Gate) -> None:
    xid, said = str(uuid4()), order(claims())

    await gate.ask("PUT", f"/v1/tasks/{xid}", said)
    await gate.ask("PUT", f"/v1/tasks/{xid}", said)

    assert await gate.tasks() == [xid]
    assert gate.lab.ledger.leaves == []


def forged() -> ActivateTask:
    said = claims()
    jws = signed(said, judge=FORGER)
    return ActivateTask(jws, logged(said), word(said))


def signed_once() -> ActivateTask:
    said = claims()
    jws = signed(said)
    return ActivateTask(GeneralJws(jws.payload, jws.signatures[:1]), logged(said), word(said))


def signed_by_the_applicant_twice() -> ActivateTask:
    said = claims()
    jws = signed(said)
    return ActivateTask(GeneralJws(jws.payload, (jws.signatures[0], jws.signatures[0])), logged(said), word(said))


def applicant_as_judge() -> ActivateTask:
    said = claims()
    jws = signed(said)
    own = APPLICANT.add_signature(msgspec.json.encode(said), {"typ": "warrant+jws", "kid": "judge/delhi"})
    return ActivateTask(GeneralJws(jws.payload, (jws.signatures[0], own)), logged(said), word(said))


def with_anothers_evidence() -> ActivateTask:
    return msgspec.structs.replace(order(claims()), evidence=order(claims()).evidence)


def with_evidence_of_something_else() -> ActivateTask:
    said = claims()
    jws = signed(said)
    return ActivateTask(jws, logged(said, kind="warrant.approved"), word(said))


def logged_by_somebody_else() -> ActivateTask:
    said = claims()
    jws = signed(said)
    return ActivateTask(jws, logged(said, party=OTHER_CARRIER), word(said))


def with_a_checkpoint_that_no_witness_saw() -> ActivateTask:
    good = order(claims())
    note = "\n".join(good.evidence.checkpoint.split("\n")[:-2]) + "\n"
    return msgspec.structs.replace(good, evidence=msgspec.structs.replace(good.evidence, checkpoint=note))


def with_a_leaf_that_the_log_does_not_hold() -> ActivateTask:
    good, other = order(claims()), order(claims())
    proof = msgspec.structs.replace(good.evidence, checkpoint=other.evidence.checkpoint)
    return msgspec.structs.replace(good, evidence=proof)


def served_after_its_window_began() -> ActivateTask:
    said = claims(nbf=NOW // 1000 - 90_000, window=Window(NOW - 24 * 60 * MINUTE, NOW + MINUTE))
    return ActivateTask(signed(said), logged(said), word(said))


def with_word(**changes: object) -> ActivateTask:
    said = claims()
    return ActivateTask(signed(said), logged(said), word(said, **changes))


def with_the_word_on_another_warrant() -> ActivateTask:
    return msgspec.structs.replace(order(claims()), status=word(claims()))


def with_the_word_of_the_same_jti() -> ActivateTask:
    said = claims()
    other = msgspec.structs.replace(said, sub=PEER)
    return ActivateTask(signed(said), logged(said), word(other))


REFUSED = {
    "nothing at all": (b"", "task.no_warrant"),
    "no warrant (Athens)": (b"{}", "task.no_warrant"),
    "a bare target (Athens)": (b'{"sub":"2100000a"}', "task.no_warrant"),
    "a forged judge": (forged(), "warrant.judge"),
    "one signature": (signed_once(), "warrant.signatures"),
    "one signature twice": (signed_by_the_applicant_twice(), "warrant.same_signature"),
    "the applicant as judge": (applicant_as_judge(), "warrant.four_eyes"),
    "another carrier's": (order(claims(aud=OTHER_CARRIER.name)), "warrant.carrier"),
    "another warrant's evidence": (with_anothers_evidence(), "leaf.wrong_commitment"),
    "evidence of something else": (with_evidence_of_something_else(), "evidence.type"),
    "logged by somebody else": (logged_by_somebody_else(), "evidence.party"),
    "an unwitnessed log": (with_a_checkpoint_that_no_witness_saw(), "checkpoint.unwitnessed"),
    "a leaf not in the log": (with_a_leaf_that_the_log_does_not_hold(), "merkle.not_included"),
    "a window that had begun": (served_after_its_window_began(), "warrant.past"),
    "no word of the court": (msgspec.structs.replace(order(claims()), status=""), "warrant.judge"),
    "a word on another warrant": (with_the_word_on_another_warrant(), "warrant.statement"),
    "a word on another of its jti": (with_the_word_of_the_same_jti(), "warrant.statement"),
    "a forged word": (with_word(judge=FORGER), "warrant.judge"),
    "a word that has run out": (with_word(at=NOW - 24 * 60 * MINUTE), "warrant.stale"),
    "a word for ever, a day old": (with_word(at=NOW - 24 * 60 * MINUTE, until=NOW * 2), "warrant.stale"),
    "a word of tomorrow": (with_word(at=NOW + 24 * 60 * MINUTE), "warrant.stale"),
    "a word that suspends": (with_word(status=Status.SUSPENDED), "warrant.suspended"),
    "a word that cancels": (with_word(status=Status.CANCELLED), "warrant.cancelled"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_task_without_a_logged_warrant_is_refused_with_its_own_code_and_a_leaf(gate: Gate, case: str) -> None:
    shown, code = REFUSED[case]

    assert await gate.refused("PUT", f"/v1/tasks/{uuid4()}", shown) == code
    assert gate.lab.ledger.said() == [("task.refused", code)]
    assert await gate.tasks() == []
    assert await gate.lab.store.exists(TASKS) == 0


async def test_a_refusal_names_neither_target_nor_agency_in_the_log(gate: Gate) -> None:
    await gate.refused("PUT", f"/v1/tasks/{uuid4()}", forged())
    (leaf,) = gate.lab.ledger.leaves

    assert TARGET not in msgspec.json.encode(leaf).decode()
    assert (leaf.agency, leaf.party) == ("unknown", RELAY.uri)


async def test_a_task_of_a_warrant_that_expired_is_refused(gate: Gate) -> None:
    said = claims()
    gate.lab.now = said.exp * 1000

    assert await gate.refused("PUT", f"/v1/tasks/{uuid4()}", order(said)) == "warrant.expired"
    assert gate.lab.ledger.said() == [("task.refused", "warrant.expired")]


async def test_an_xid_that_is_no_uuid_is_refused(gate: Gate) -> None:
    assert await gate.refused("PUT", "/v1/tasks/2100000A", order(claims())) == "task.xid"


async def test_a_refusal_stays_one_while_the_ledger_is_down_and_is_logged_later(gate: Gate) -> None:
    gate.lab.ledger.down = True
    assert await gate.refused("PUT", f"/v1/tasks/{uuid4()}", forged()) == "warrant.judge"
    gate.lab.ledger.down = False
    gate.lab.now += MINUTE

    await gate.lab.interception.tell_ledger()

    assert [(leaf.detail, leaf.count) for leaf in gate.lab.ledger.leaves] == [("warrant.judge", 1)]


async def test_however_often_somebody_knocks_the_log_gets_a_leaf_a_minute_with_a_count(
    gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = []
    for _ in range(3):
        for _ in range(60):
            assert await gate.refused("PUT", f"/v1/tasks/{uuid4()}", b"", who="operator/in") == "request.role"
        gate.lab.now += MINUTE
        await gate.lab.interception.tell_ledger()
        counts.append([leaf.count for leaf in gate.lab.ledger.leaves])

    assert counts == [[None, 59], [None, 59, 60], [None, 59, 60, 60]]
    assert {(leaf.type, leaf.agency, leaf.detail) for leaf in gate.lab.ledger.leaves} == {
        ("task.refused", "in", "request.role")
    }
    said = capsys.readouterr().out
    assert [4, 4] == [said.count("refusal.sealed"), sum(leaf.commitment in said for leaf in gate.lab.ledger.leaves)]


async def test_the_same_warrant_under_a_new_xid_sets_no_task_once_it_has_ended(gate: Gate) -> None:
    """A copy was made and sent: the court had cancelled, and the carrier's order was good for another XID."""
    said = claims()
    shown = order(said)
    first = str(uuid4())
    await gate.ask("PUT", f"/v1/tasks/{first}", shown)
    await gate.ask("DELETE", f"/v1/tasks/{first}", EndTask(word(said, 2, Status.CANCELLED)))

    for xid in (first, str(uuid4())):
        for replayed in (shown, msgspec.structs.replace(shown, status=word(said, 2))):
            assert await gate.refused("PUT", f"/v1/tasks/{xid}", replayed) == "task.old_word"
        later = msgspec.structs.replace(shown, status=word(said, 3))  # no court says so: cancelled is for good
        assert await gate.refused("PUT", f"/v1/tasks/{xid}", later) == "warrant.cancelled"
    gate.lab.relay()
    await gate.lab.interception.load()
    with pytest.raises(Conflict, match=r"task\.old_word"):
        await gate.lab.interception._activate(str(uuid4()), msgspec.json.encode(shown), CARRIER)
    assert gate.lab.interception.tasks.match(header(), NOW, 1) == ()


@pytest.mark.parametrize("again", ["an older word", "nonsense", "no word"])
async def test_a_second_end_with_less_to_show_makes_the_relay_forget_no_cancellation(gate: Gate, again: str) -> None:
    said, xid = claims(), str(uuid4())
    await gate.ask("PUT", f"/v1/tasks/{xid}", order(said))
    await gate.ask("DELETE", f"/v1/tasks/{xid}", EndTask(word(said, 3, Status.CANCELLED)))
    less = {"an older word": word(said), "nonsense": "nonsense", "no word": ""}[again]
    await gate.ask("DELETE", f"/v1/tasks/{xid}", EndTask(less))

    restarted = gate.lab.relay()
    await restarted.load()
    for other in (xid, str(uuid4())):
        assert await gate.refused("PUT", f"/v1/tasks/{other}", order(said, 2)) == "task.old_word"
        assert await gate.refused("PUT", f"/v1/tasks/{other}", order(said, 4)) == "warrant.cancelled"
        with pytest.raises(Conflict, match=r"task\.old_word"):
            await restarted._activate(other, msgspec.json.encode(order(said, 2)), CARRIER)


async def test_another_process_of_the_relay_heard_of_the_cancellation(gate: Gate) -> None:
    said, xid = claims(), str(uuid4())
    await gate.ask("PUT", f"/v1/tasks/{xid}", order(said))
    asked_here, other = gate.lab.interception, gate.lab.relay()
    await other.load()
    await other.end(xid, CARRIER, word(said, 4, Status.CANCELLED))
    await asked_here.end(xid, CARRIER, word(said, 2, Status.SUSPENDED))
    assert await gate.refused("PUT", f"/v1/tasks/{xid}", order(said, 3)) == "task.old_word"


async def test_a_record_whose_word_cannot_be_read_is_of_a_task_that_has_ended(gate: Gate) -> None:
    said, xid = claims(), str(uuid4())
    await gate.ask("PUT", f"/v1/tasks/{xid}", order(said))
    await gate.ask("DELETE", f"/v1/tasks/{xid}", EndTask(word(said, 2, Status.CANCELLED)))
    raw = await gate.lab.store.hget(TASKS, xid)
    await gate.lab.store.hset(TASKS, xid, raw.replace(b'"word":"', b'"word":"x'))
    gate.lab.relay()
    await gate.lab.interception.load()
    assert not gate.lab.interception.tasks.is_active(xid)
    with pytest.raises(Conflict, match=r"task\.old_word"):
        await gate.lab.interception._activate(xid, msgspec.json.encode(order(said)), CARRIER)


async def test_a_task_ends_with_the_courts_word_and_goes_on_with_a_newer_one(gate: Gate) -> None:
    said, xid = claims(), str(uuid4())
    await gate.ask("PUT", f"/v1/tasks/{xid}", ActivateTask(signed(said), logged(said), word(said, until=NOW + MINUTE)))
    tasks = gate.lab.interception.tasks

    assert tasks.match(header(), NOW + MINUTE - 1, 1) != ()
    assert tasks.match(header(), NOW + MINUTE, 1) == ()
    await gate.ask("PUT", f"/v1/tasks/{xid}", order(said, 2))
    assert tasks.match(header(), NOW + MINUTE, 1) != ()
    assert await gate.refused("PUT", f"/v1/tasks/{xid}", order(said, 1)) == "task.old_word"

    gate.lab.now = NOW + 24 * 60 * MINUTE
    await gate.lab.interception.tick()
    assert not tasks.is_active(xid)


async def test_the_relay_itself_logs_what_it_copies_when_the_minute_is_over(gate: Gate) -> None:
    said, lab = claims(), gate.lab
    await lab.leads()
    lab.now = NOW + 20_000
    xid, other = str(uuid4()), str(uuid4())
    await gate.ask("PUT", f"/v1/tasks/{xid}", order(said))
    await gate.ask("DELETE", f"/v1/tasks/{xid}", EndTask(word(said, 2, Status.SUSPENDED)))
    await gate.ask("PUT", f"/v1/tasks/{other}", order(said, 3))
    await lab.interception.tell_ledger()
    assert lab.ledger.leaves == []

    lab.relay()  # what is owed survives
    await lab.leads()
    lab.now = NOW + MINUTE
    await lab.interception.tell_ledger()
    await lab.interception.tell_ledger()

    assert ["task.activated", "task.deactivated", "task.activated"] == [leaf.type for leaf in lab.ledger.leaves]
    assert {RELAY.uri} == {leaf.party for leaf in lab.ledger.leaves}
    assert {seal_of(said).commit()} == {leaf.commitment for leaf in lab.ledger.leaves}
    assert all(NOW + MINUTE <= leaf.ts < NOW + MINUTE + 10 for leaf in lab.ledger.leaves)


async def test_a_relay_elsewhere_logs_where_it_is(gate: Gate) -> None:
    lab = gate.lab.interception
    lab._outside = replace(lab._outside, author=Author(RELAY, "GR"))
    refusals = gate.lab.interception._refusals
    refusals._outside = replace(refusals._outside, author=Author(RELAY, "GR"))
    await gate.lab.leads()
    await gate.ask("PUT", f"/v1/tasks/{uuid4()}", order(claims()))
    await gate.refused("PUT", f"/v1/tasks/{uuid4()}", forged())
    gate.lab.now += MINUTE
    await gate.lab.interception.tell_ledger()

    assert [("task.refused", "GR"), ("task.activated", "GR")] == [
        (leaf.type, leaf.jurisdiction) for leaf in gate.lab.ledger.leaves
    ]


async def test_a_refusal_that_waited_long_for_the_ledger_is_dated_anew_and_holds_up_nothing(gate: Gate) -> None:
    gate.lab.ledger.clock = lambda: gate.lab.now
    gate.lab.ledger.down = True
    assert await gate.refused("PUT", f"/v1/tasks/{uuid4()}", forged()) == "warrant.judge"
    gate.lab.ledger.down = False
    gate.lab.now += 10 * MINUTE

    await gate.lab.interception.tell_ledger()

    assert [("task.refused", gate.lab.now)] == [(leaf.type, leaf.ts) for leaf in gate.lab.ledger.leaves]


@pytest.mark.parametrize(
    "who", ["auditor/cbi", "court/in", "operator/in", "gateway/2", "customer/S50000001", "judge/delhi"]
)
async def test_nobody_but_a_carrier_lists_tasks_and_the_attempt_is_logged(gate: Gate, who: str) -> None:
    assert await gate.refused("GET", "/v1/tasks", who=who) == "task.listing"
    assert gate.lab.ledger.said() == [("task.refused", "task.listing")]


async def test_a_carrier_that_asks_for_more_than_xids_is_refused_and_logged(gate: Gate) -> None:
    await gate.ask("PUT", f"/v1/tasks/{uuid4()}", order(claims()))

    assert await gate.refused("GET", "/v1/tasks?details=sub") == "task.listing"
    assert gate.lab.ledger.said() == [("task.refused", "task.listing")]


async def test_a_list_holds_the_callers_own_xids_and_no_target(gate: Gate) -> None:
    xid = str(uuid4())
    await gate.ask("PUT", f"/v1/tasks/{xid}", order(claims()))

    raw = await gate.ask("GET", "/v1/tasks")

    assert TARGET.encode() not in raw
    assert msgspec.json.decode(raw) == {"tasks": [{"xid": xid, "until": NOW + 60 * MINUTE}]}
    assert await gate.tasks(who="carrier/other") == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("role", sorted(set(Role) - {Role.CARRIER, Role.ANYONE}))
async def test_nobody_but_a_carrier_sets_or_ends_a_task(gate: Gate, method: str, role: Role) -> None:
    assert await gate.refused(method, f"/v1/tasks/{uuid4()}", order(claims()), who=f"{role}/x") == "request.role"


async def test_an_unknown_task_and_one_of_another_carrier_look_the_same(gate: Gate) -> None:
    xid = str(uuid4())
    await gate.ask("PUT", f"/v1/tasks/{xid}", order(claims()))

    for path, who in ((f"/v1/tasks/{uuid4()}", "carrier/in"), (f"/v1/tasks/{xid}", "carrier/other")):
        with pytest.raises(Missing, match=r"task\.unknown"):
            await gate.ask("DELETE", path, who=who)
    assert await gate.tasks() == [xid]


async def test_an_ended_task_copies_nothing_and_stays_ended_after_a_restart(gate: Gate) -> None:
    xid = str(uuid4())
    await gate.ask("PUT", f"/v1/tasks/{xid}", order(claims()))
    await gate.ask("DELETE", f"/v1/tasks/{xid}")
    await gate.ask("DELETE", f"/v1/tasks/{xid}")
    assert gate.lab.interception.tasks.match(header(), NOW, 1) == ()

    gate.lab.relay()
    await gate.lab.interception.load()

    assert gate.lab.interception.tasks.match(header(), NOW, 1) == ()
    assert gate.lab.interception.tasks.get(xid) is not None


async def test_a_task_survives_a_restart_of_the_relay(gate: Gate) -> None:
    xid = str(uuid4())
    await gate.ask("PUT", f"/v1/tasks/{xid}", order(claims()))

    gate.lab.relay()
    assert gate.lab.interception.tasks.match(header(), NOW, 1) == ()
    await gate.lab.interception.load()

    assert [match.xid for match in gate.lab.interception.tasks.match(header(), NOW, 1)] == [xid]


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("target", "warrant.applicant"),
        ("judge", "warrant.judge"),
        ("proof", "leaf.wrong_commitment"),
        ("word", "warrant.judge"),
        ("all", "task.record"),
    ],
)
async def test_what_somebody_wrote_into_the_store_is_not_active_after_a_restart(
    gate: Gate, what: str, code: str
) -> None:
    """Athens again: the store is reached, and a task is put where the relay keeps its own."""
    lab, xid = gate.lab, str(uuid4())
    said = claims()
    await gate.ask("PUT", f"/v1/tasks/{xid}", order(said))
    raw = await lab.store.hget(TASKS, xid)
    record = msgspec.json.decode(raw)
    warrant = record["shown"]["warrant"]
    match what:
        case "target":
            warrant["payload"] = b64u(msgspec.json.encode(msgspec.structs.replace(said, sub=PEER)))
        case "judge":
            warrant["signatures"][1] = msgspec.to_builtins(signed(said, judge=FORGER).signatures[1])
        case "proof":
            record["shown"]["evidence"] = msgspec.to_builtins(logged(claims()))
        case "word":
            record["shown"]["status"] = word(said, judge=FORGER)
        case _:
            record = {"target": PEER}
    await lab.store.hset(TASKS, xid, msgspec.json.encode(record))

    lab.relay()
    await lab.interception.load()

    assert lab.interception.tasks.match(header(TARGET, PEER), NOW, 1) == ()
    assert lab.ledger.said() == [("task.refused", code)]


async def test_a_relay_that_starts_before_its_store_waits_for_it(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not accept a message before it knows whom it has to copy."""
    xid = str(uuid4())
    await gate.ask("PUT", f"/v1/tasks/{xid}", order(claims()))
    lab = gate.lab
    lab.relay()
    answers, ask = iter([Ours("store.unavailable", "Loading.")]), lab.bus.store.ask
    shards, waiting = iter([Ours("store.unavailable", "Try again.")]), lab.mailboxes.waiting

    async def late(*command: str) -> object:
        if error := next(answers, None):
            raise error
        return await ask(*command)

    async def later() -> set[str]:
        if error := next(shards, None):
            raise error
        return await waiting()

    monkeypatch.setattr(lab.bus.store, "ask", late)
    monkeypatch.setattr(lab.mailboxes, "waiting", later)
    await patiently(lab.interception.load)

    assert lab.interception.tasks.is_active(xid)


async def test_an_order_that_could_not_be_written_down_is_not_followed(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_args: object) -> None:
        raise Ours("store.unavailable", "Gone.")

    monkeypatch.setattr(gate.lab.interception._store, "ask", gone)
    with pytest.raises(Ours, match=r"store\.unavailable"):
        await gate.ask("PUT", f"/v1/tasks/{uuid4()}", order(claims()))

    assert gate.lab.interception.tasks.match(header(), NOW, 1) == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.binary(max_size=400))
async def test_whatever_is_sent_instead_of_an_order_is_refused_as_one_without_a_warrant(
    gate: Gate, noise: bytes
) -> None:
    assert await gate.refused("PUT", f"/v1/tasks/{uuid4()}", noise) == "task.no_warrant"


def test_the_table_says_who_may_ask_what(gate: Gate) -> None:
    rows = [(route.method, route.path, route.roles) for route in gate.lab.interception.routes()]

    assert rows[:2] == [("PUT", "/v1/tasks/{xid}", {Role.CARRIER}), ("DELETE", "/v1/tasks/{xid}", {Role.CARRIER})]
    assert Role.ANYONE not in rows[2][2]
    assert CARRIER.role in rows[2][2]
