"""The pytest plugin, as somebody else's tests would use it: what is asserted are the bytes that are really held."""

import pytest

from tiers.lab.classroom.desk import Desk, Note
from tiers.lab.plugin import Assertion
from tiers.wire.message.envelope import Channel, Service

pytestmark = pytest.mark.e2e


async def test_the_employer_reads_what_the_state_cannot(
    tiers_desk: Desk, assert_readable: Assertion, assert_sealed: Assertion
) -> None:
    note = Note("priya", "quentin", Channel.ENTERPRISE, Service.BBM, "The board meets at ten in the small room")
    sent = await tiers_desk.send(note)
    await tiers_desk.received("quentin")

    await assert_readable(sent, by="customer")
    await assert_sealed(sent, to="state")


async def test_a_failure_names_the_leaking_place_and_offset(tiers_desk: Desk, assert_sealed: Assertion) -> None:
    note = Note("alice", "bob", Channel.CONSUMER, Service.BBM, "Meet me under the station clock at noon")
    sent = await tiers_desk.send(note)
    await tiers_desk.received("bob")

    with pytest.raises(AssertionError, match=r"carrier's master key: found in .*master\.key, offset 0x0"):
        await assert_sealed(sent, to="carrier-keys")
