"""No stranger fills a mailbox, and no mid keeps what is remembered of it alive."""

from hypothesis import given
from hypothesis import strategies as st

from kits.relay import ALICE, BOB, CAROL, World
from tiers.gateway.mailbox.promises import MAX_BYTES, MAX_MESSAGES, REPEAT_S, START
from tiers.gateway.mailbox.streams import buckets
from tiers.gateway.path.quota import FORGET_MS, SHARE, Quota
from tiers.wire.message.frames import Accepted, Refused

MOST = MAX_BYTES // SHARE
NOW = 1_400_000_040_000


@given(st.lists(st.integers(1, 140_000), max_size=300))
def test_a_sender_never_leaves_more_than_its_share_with_a_receiver(sizes: list[int]) -> None:
    quota, left, count = Quota(), 0, 0
    for size in sizes * 20:
        if quota.fits(ALICE, BOB, size, NOW):
            quota.spend(ALICE, BOB, size, NOW)
            left, count = left + size, count + 1
    assert left <= MOST
    assert count <= MAX_MESSAGES // SHARE
    assert quota.fits(CAROL, BOB, 1, NOW)
    assert quota.fits(ALICE, CAROL, 1, NOW)
    assert quota.fits(ALICE, BOB, 1, NOW + FORGET_MS + 1)


def test_a_share_is_no_larger_for_being_taken_over_days() -> None:
    quota, day, left = Quota(), 24 * 3600 * 1000, 0
    for number in range(6 * MAX_MESSAGES // SHARE // 5):  # more than a share, in six days
        at = NOW + 5 * day * number // (MAX_MESSAGES // SHARE)
        if quota.fits(ALICE, BOB, 1, at):
            quota.spend(ALICE, BOB, 1, at)
            left += 1
    assert left == MAX_MESSAGES // SHARE


def test_a_receiver_who_has_read_is_written_to_again() -> None:
    quota = Quota()
    for _ in range(MAX_MESSAGES // SHARE):
        quota.spend(ALICE, BOB, 1, NOW)
    assert not quota.fits(ALICE, BOB, 1, NOW)
    assert not quota.look(ALICE, BOB, MAX_MESSAGES // SHARE)
    assert quota.look(ALICE, BOB, 10)
    assert quota.fits(ALICE, BOB, 1, NOW)


async def test_a_stranger_who_floods_a_mailbox_is_refused_and_others_still_get_through(world: World) -> None:
    await world.enrol(ALICE, BOB, CAROL)
    alice, carol = await world.open(ALICE), await world.open(CAROL)
    code, sent = "", 0
    while not code:
        await alice.send(world.consumer(ALICE, BOB, b"x" * 65_000))
        sent += 1
        while not isinstance(frame := await alice.hear(), Refused | Accepted):
            pass
        code = frame.code if isinstance(frame, Refused) else ""
    assert code == "sender.quota"
    assert sent <= MAX_BYTES // SHARE // 65_000 + 1
    await carol.send(world.consumer(CAROL, BOB))
    await carol.accepted()
    bob = await world.open(BOB)
    await bob.receive(await world.mailboxes.held(BOB))  # and once he has read, there is room again
    await world.delivery.idle()
    await alice.send(world.consumer(ALICE, BOB))
    await alice.accepted()
    assert 1 >= len(await world.mailboxes.read(BOB, START, 9))


@given(st.integers(0, 2**48 - 1), st.integers(NOW, NOW + 10 * 366 * 24 * 3600 * 1000), st.integers(0, REPEAT_S * 1000))
def test_a_mid_is_found_again_and_no_bucket_outlives_our_clock(ms: int, now: int, later: int) -> None:
    mid = f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7000-8000-000000000000"
    first, again = buckets(mid, now)[0], buckets(mid, now + later)
    near_then, near_now = not first.startswith("at"), not again[0].startswith("at")
    if near_then == near_now:
        assert first in again
    far = buckets(mid, now + 10 * REPEAT_S * 1000)
    assert first not in far or abs(ms - now) > 8 * REPEAT_S * 1000
