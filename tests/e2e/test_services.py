"""The four services, both ways, on real processes; and what a warrant brings of each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tiers.lab.classroom.desk import Desk, Note, opened
from tiers.lab.classroom.story import INSIDE, Story, play
from tiers.lab.world.cast import ACME, GLOBEX
from tiers.lab.world.world import booted
from tiers.wire.errors import TiersError
from tiers.wire.message.envelope import Channel, Service
from tiers.wire.message.mail import read_mail

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

BOTH_WAYS = [
    ("BBM", Note("alice", "bob", Channel.CONSUMER, Service.BBM, "ping")),
    ("BBM back", Note("bob", "alice", Channel.CONSUMER, Service.BBM, "pong")),
    ("BIS mail", Note("alice", "bob", Channel.CONSUMER, Service.EMAIL, "dear Bob", "Hello")),
    ("BIS mail back", Note("bob", "alice", Channel.CONSUMER, Service.EMAIL, "dear Alice", "Re: Hello")),
    ("BES BBM", Note("priya", "quentin", Channel.ENTERPRISE, Service.BBM, "ping")),
    ("BES BBM back", Note("quentin", "priya", Channel.ENTERPRISE, Service.BBM, "pong")),
    ("BES mail", Note("priya", "quentin", Channel.ENTERPRISE, Service.EMAIL, "dear Quentin", "Hello")),
    ("BES mail back", Note("quentin", "priya", Channel.ENTERPRISE, Service.EMAIL, "dear Priya", "Re: Hello")),
    ("between customers", Note("priya", "gita", Channel.ENTERPRISE, Service.EMAIL, "dear Gita", "Hello")),
    ("between customers, back", Note("gita", "priya", Channel.ENTERPRISE, Service.BBM, "hello Priya")),
    ("an employee's consumer message", Note("priya", "bob", Channel.CONSUMER, Service.BBM, "psst")),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    root: Path = tmp_path_factory.mktemp("services") / "w"
    async with booted(root) as world, opened(world) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(desk: Desk) -> Story:
    return await play(desk, lambda _title, _sentence: None)


@pytest.mark.parametrize("note", [pytest.param(note, id=name) for name, note in BOTH_WAYS])
async def test_the_four_services_work_both_ways(desk: Desk, note: Note) -> None:
    sent = await desk.send(note)

    got = await desk.received(note.to)

    assert sent.mid == got.mid
    assert got.content is not None
    expected = (note.subject, note.text) if note.service is Service.EMAIL else note.text
    mail = read_mail(got.content)
    assert expected == ((mail.subject, mail.text) if note.service is Service.EMAIL else got.content.decode())


async def test_the_auditor_reads_exactly_the_messages_inside_the_window(story: Story) -> None:
    found = story.inspections["alice"]

    inside = [story.messages[key].mid for key in ("bbm", "bis-mail")]
    assert inside == [finding.mid for finding in found.findings]
    assert all(finding.content is not None for finding in found.findings)
    assert INSIDE["bbm"].text == found.findings[0].content
    assert 0 == found.lost


async def test_for_an_enterprise_subscriber_the_auditor_gets_metadata_and_a_jwe_that_no_grant_opens(
    story: Story,
) -> None:
    found = {finding.mid: finding for finding in story.inspections["priya"].findings}

    for key in ("bes-bbm", "bes-mail", "bes-cross"):
        finding = found[story.messages[key].mid]
        header = story.messages[key].envelope.header
        assert finding.content is None
        assert "no recipient of this JWE is held by the carrier" == finding.sealed
        assert (header.sender, header.to, header.ts) == (finding.sender, finding.to, finding.ts)
    assert story.messages["employee-bbm"].note.text == found[story.messages["employee-bbm"].mid].content


@pytest.mark.parametrize("minutes", [-1, 1], ids=["the minute before", "the minute after"])
async def test_no_grant_reaches_a_minute_outside_the_window(desk: Desk, story: Story, minutes: int) -> None:
    jti = story.warrants["alice"]
    start = story.messages["bbm"].envelope.header.ts // 60_000 * 60_000 + minutes * 60_000

    found = await desk.inspect(jti, start, start + 60_000)

    assert "grant.window" == found.grant_refused
    assert [None, None] == [finding.content for finding in found.findings]


async def test_a_customer_reads_its_own_traffic_and_nobody_elses(desk: Desk, story: Story) -> None:
    bes, cross = story.messages["bes-bbm"], story.messages["bes-cross"]

    assert bes.note.text == (await desk.read(ACME, bes.mid)).content
    assert cross.note.text in (await desk.read(ACME, cross.mid)).content
    assert cross.note.text in (await desk.read(GLOBEX, cross.mid)).content
    with pytest.raises(TiersError):
        await desk.read(GLOBEX, bes.mid)
