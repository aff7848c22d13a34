"""What tests and scripts need of the classroom, in one place (docs/testing.md); it works with pytest and without.

    async with booted(Path("world")) as world, opened(world) as desk:
        sent = await desk.send(Note("alice", "bob", Channel.CONSUMER, Service.BBM, "Meet me under the clock at noon"))
        await desk.received("bob")
        await assert_sealed(desk, sent, to="court")

The pytest plugin gives the same as fixtures: `tiers_desk`, `tiers_assert_sealed` and the others.
"""

from tiers.lab.assertions import AssertReadable, AssertSealed, assert_readable, assert_sealed
from tiers.lab.attack.vantages import CAPTURES, VANTAGES, Vantage
from tiers.lab.classroom.desk import Desk, Note, Sent, opened
from tiers.lab.world.world import World, booted
from tiers.wire.message.envelope import Channel, Service

__all__ = [
    "CAPTURES",
    "VANTAGES",
    "AssertReadable",
    "AssertSealed",
    "Channel",
    "Desk",
    "Note",
    "Sent",
    "Service",
    "Vantage",
    "World",
    "assert_readable",
    "assert_sealed",
    "booted",
    "opened",
]
