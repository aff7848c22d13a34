"""A note to oneself, on real processes: delivered once, copied once, read as any other, whatever is on file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kits.lawful import Hands
from tiers.device.store import Message
from tiers.lab.classroom.desk import Desk, Note, opened
from tiers.lab.classroom.regulator import Regulator
from tiers.lab.world import arrangement
from tiers.lab.world.world import booted
from tiers.wire.message.envelope import Channel, Envelope, Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]
WHO = "priya"  # she has keys on both channels


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    root: Path = tmp_path_factory.mktemp("oneself") / "w"
    elsewhere = arrangement.load(arrangement.DEFAULT).within("PK")
    async with booted(root, arrangement=elsewhere) as world, opened(world) as running:
        yield running


@pytest.fixture
def handed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The mids that the relay hands to the handset, as often as it does."""
    device, mids = desk.devices[WHO], list[str]()
    kept = device._kept

    async def count(envelope: Envelope) -> bool:
        mids.append(envelope.header.mid)
        return await kept(envelope)

    monkeypatch.setattr(device, "_kept", count)
    return mids


def shown(desk: Desk, mid: str) -> list[Message]:
    return [one for one in desk.devices[WHO]._store.messages() if one.mid == mid]


async def followed(desk: Desk, text: str) -> None:
    """Have a colleague's message come behind all that was sent before."""
    sent = await desk.send(Note("quentin", WHO, Channel.ENTERPRISE, Service.BBM, text))
    got = await desk.received(WHO, sent.mid)
    assert (got.content or b"").decode() == text


@pytest.mark.parametrize("channel", list(Channel))
async def test_a_note_to_oneself_is_received_whether_it_comes_back_before_it_is_kept_or_after(
    desk: Desk, channel: Channel
) -> None:
    for number in range(8):
        sent = await desk.send(Note(WHO, WHO, channel, Service.BBM, f"buy milk, {number}"))
        assert sent.mid == (await desk.received(WHO, sent.mid)).mid
    assert 0 == desk.devices[WHO].received.qsize()


@pytest.mark.parametrize("suspended", [False, True], ids=["nothing on file", "a suspension on file"])
@pytest.mark.parametrize("channel", list(Channel))
async def test_a_note_to_oneself_is_delivered_once_copied_once_and_inspected(
    desk: Desk, handed: list[str], channel: Channel, *, suspended: bool
) -> None:
    hands = Hands(desk)
    if suspended:  # the relay then reads what it hands out
        regulator = Regulator.appear(desk, f"pta-{channel}")
        await regulator.suspend(f"PTA/{channel}", (Channel.CONSUMER, Channel.ENTERPRISE), (Service.EMAIL,))
    desk.world.clock.turn(1)  # to the start of a minute: the inspection asks for what is over
    jti = await desk.apply(WHO, (Service.BBM,), minutes=3)
    await desk.decide(jti, "approval")
    await desk.serve(jti)

    sent = await desk.send(Note(WHO, WHO, channel, Service.BBM, f"buy milk, {channel}"))
    await followed(desk, "and bread")
    await desk.offline(WHO)
    await desk.online(WHO)
    await followed(desk, "and butter")  # what was not acknowledged would have come again before it
    assert 1 == handed.count(sent.mid)
    assert sent.mid == (await desk.received(WHO, sent.mid)).mid
    assert 0 == desk.devices[WHO].received.qsize()
    assert [f"buy milk, {channel}".encode()] == [one.content for one in shown(desk, sent.mid)]

    desk.world.clock.turn(1)
    findings = [one for one in (await desk.inspect(jti)).findings if one.mid == sent.mid]
    wanted = f"buy milk, {channel}" if channel is Channel.CONSUMER else None
    assert [(str(channel), wanted)] == [(one.channel, one.content) for one in findings]
    assert 6 == (await hands.product(jti)).total  # IRI and CC, of the note and of the two behind it
    await desk.decide(jti, "cancellation")
