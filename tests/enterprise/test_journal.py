import msgspec
import pytest
import uuid_utils
from hypothesis import given
from hypothesis import strategies as st

from kits.enterprise import ACME, ALICE, BOB, ERIN, GINA, GLOBEX, NOW, Contact, outcome, seal
from tiers.chassis.state import StateDir
from tiers.enterprise.journal import bes_generation, check_copy, check_opens, open_copy, verify_copy
from tiers.enterprise.keystore import KeyStore
from tiers.wire.api.enterprise import AddPartner, Journal, Opened, Read, Revoke, Rotate, Rotated
from tiers.wire.api.gateway import Done
from tiers.wire.enterprise.directory import BesKey, Entry
from tiers.wire.errors import Conflict, Forbidden, Missing, TiersError, TooMany, Yours
from tiers.wire.keys.jose import SigningKey
from tiers.wire.message.envelope import Channel, Envelope, Recipient, Service, format_jwe, parse_envelope
from tiers.wire.message.sealing import (
    ContentKey,
    HpkePrivateKey,
    decrypt_with,
    encrypt_for,
    seal_content,
    wrap_for_carrier,
)

SIGN, DEVICE, BES = SigningKey(b"s" * 32), HpkePrivateKey(b"d" * 32), HpkePrivateKey(b"b" * 32)


CEK = ContentKey(b"k" * 32)


def contact(pin: str, org: str = ACME, generation: int = 1) -> Contact:
    bes = BesKey(org, generation, BES.public.jwk(), NOW)
    return Contact(Entry(org, pin, 1, DEVICE.public.jwk(), SIGN.public.jwk(), NOW), bes)


def sealed(**changed):
    sender, to = changed.pop("sender_contact", contact(ALICE)), changed.pop("to_contact", contact(BOB))
    return parse_envelope(seal(SIGN, sender, to, b"hello", NOW, **changed)[1])


@pytest.fixture
async def bob(acme):
    return await acme.hire(BOB)


@pytest.mark.usefixtures("bob")
async def test_the_customer_reads_what_its_device_journalled(acme, alice):
    mid, envelope = await alice.write(BOB, b"the plan")
    await alice.journal(envelope)
    assert await acme.read(mid) == Opened(mid, ALICE, BOB, NOW, "the plan")


async def test_a_copy_from_each_end_is_one_copy(acme, alice, bob):
    mid, envelope = await alice.write(BOB, b"the plan")
    for device in (alice, bob, alice):
        assert await device.journal(envelope) == Done()
    assert acme.store.copy(mid) == envelope


async def test_another_message_with_the_same_mid_is_refused_and_the_first_stays(acme, alice, bob):
    mid, first = await alice.write(BOB, b"one")
    _, second = await alice.write(BOB, b"two", mid=mid)
    await alice.journal(first)
    with pytest.raises(Conflict, match=r"^journal\.other_copy"):
        await bob.journal(second)
    assert (await acme.read(mid)).content == "one"


async def test_a_copy_that_names_a_reader_whom_nobody_agreed_on_is_refused_and_not_kept(acme, alice, bob):
    mine, ghost = await alice.look_up(ALICE), HpkePrivateKey.generate().public.jwk()
    third = BesKey("S99999999", 1, ghost, NOW)
    mid, envelope = await alice.write(BOB, b"the plan", servers={mine.bes, third})
    for device in (alice, bob):
        with pytest.raises(Yours, match=r"^journal\.readers"):
            await device.journal(envelope)
    assert acme.store.copy(mid) is None


def test_a_copy_names_its_readers_each_once():
    twice = {BesKey(ACME, generation, BES.public.jwk(), NOW) for generation in (1, 2)}
    assert check_copy(sealed(), ALICE, ACME, 2)
    with pytest.raises(Yours, match=r"^journal\.readers"):
        check_copy(sealed(servers=twice), ALICE, ACME, 2)


@pytest.mark.usefixtures("bob")
async def test_the_journal_stays_sealed_on_disk(acme, alice):
    _, envelope = await alice.write(BOB, b"CANARY-9f2c")
    await alice.journal(envelope)
    assert b"CANARY-9f2c" not in b"".join(path.read_bytes() for path in acme.folder.iterdir())


@pytest.mark.usefixtures("bob")
async def test_mail_of_eight_bits_is_readable_too(acme, alice):
    mid, envelope = await alice.write(BOB, b"Subject: x\r\n\r\n\xe9\r\n", service=Service.EMAIL)
    await alice.journal(envelope)
    assert (await acme.read(mid)).content == "Subject: x\r\n\r\n\\xe9\r\n"


async def test_both_customers_read_a_message_between_them(town, acme, globex, alice):
    gina = await globex.hire(GINA)
    await town.exchange_roots()
    mid, envelope = await alice.write(GINA, b"between us")
    await alice.journal(envelope)
    await gina.journal(envelope)
    assert await acme.read(mid) == await globex.read(mid) == Opened(mid, ALICE, GINA, NOW, "between us")


async def test_a_partners_old_key_is_remembered_when_its_device_is_long_gone(town, acme, globex, alice):
    gina = await globex.hire(GINA)
    await town.exchange_roots()
    mid, envelope = await gina.write(ALICE, b"before I left")
    await alice.look_up(GINA)
    await alice.journal(envelope)
    await globex.administer("POST", "/v1/revocations", Done, Revoke(GINA))
    assert (await acme.read(mid)).content == "before I left"


async def test_a_partners_author_is_asked_for_when_it_was_never_looked_up(town, acme, globex, alice):
    gina = await globex.hire(GINA)
    await town.exchange_roots()
    mid, envelope = await gina.write(ALICE, b"unheard of")
    await alice.journal(envelope)
    assert (await acme.read(mid)).content == "unheard of"


async def test_an_author_whom_nobody_knows_any_more_is_said_to_be_so(town, acme, globex, alice):
    gina = await globex.hire(GINA)
    await town.exchange_roots()
    mid, envelope = await gina.write(ALICE, b"gone")
    await alice.journal(envelope)
    await globex.hire(GINA)  # generation 2: generation 1 was never seen here
    with pytest.raises(Missing, match=r"^read\.author"):
        await acme.read(mid)
    await globex.administer("POST", "/v1/revocations", Done, Revoke(GINA))
    with pytest.raises(Missing, match=r"^read\.author"):
        await acme.read(mid)


async def test_what_an_old_partner_root_signed_proves_nothing_under_a_new_one(town, acme, globex, alice):
    gina = await globex.hire(GINA)
    await town.exchange_roots()
    mid, envelope = await gina.write(ALICE, b"old root")
    await alice.look_up(GINA)
    await alice.journal(envelope)
    other = AddPartner(SigningKey(b"n" * 32).public.jwk(), globex.url)
    await acme.administer("PUT", f"/v1/partners/{GLOBEX}", Done, other)
    with pytest.raises(TiersError, match=r"^directory\.signature"):
        await acme.read(mid)


@pytest.mark.usefixtures("bob")
async def test_after_a_rotation_old_and_new_messages_open(acme, alice):
    old, first = await alice.write(BOB, b"old")
    await alice.journal(first)
    await acme.administer("POST", "/v1/rotations", Rotated, Rotate())
    new, second = await alice.write(BOB, b"new")
    await alice.journal(second)
    assert [(await acme.read(mid)).content for mid in (old, new)] == ["old", "new"]


@pytest.mark.usefixtures("bob")
async def test_the_kill_switch_shuts_old_messages_for_the_customer_and_not_new_ones(acme, alice):
    old, first = await alice.write(BOB, b"old")
    await alice.journal(first)
    rotated = await acme.administer("POST", "/v1/rotations", Rotated, Rotate(destroy=True))
    assert (rotated.generation, rotated.destroyed) == (2, (1,))
    assert [path.name for path in sorted(acme.folder.glob("bes-*.key"))] == ["bes-2.key"]
    with pytest.raises(Forbidden, match=r"^read\.key_destroyed"):
        await acme.read(old)
    new, second = await alice.write(BOB, b"new")
    await alice.journal(second)
    assert (await acme.read(new)).content == "new"


async def test_the_files_are_the_state_so_a_restart_changes_no_key(acme):
    acme.keys.rotate(destroy=True)
    acme.keys.rotate(destroy=False)
    again = KeyStore(StateDir(acme.folder), ACME, lambda: NOW + 1)
    assert (again.generation, again.statement, again.root) == (3, acme.keys.statement, acme.keys.root)
    assert again.key(2) == acme.keys.key(2)
    with pytest.raises(TiersError, match=r"^read\.key_destroyed"):
        again.key(1)


@pytest.mark.usefixtures("bob")
async def test_an_envelope_that_names_no_key_of_ours_is_refused(globex, alice):
    mine, theirs = await alice.look_up(ALICE), await alice.look_up(BOB)
    stranger = BesKey(GLOBEX, 1, globex.keys.key(1).public.jwk(), NOW)
    unborn = msgspec.structs.replace(mine.bes, generation=2)
    for servers in (set(), {stranger}, {unborn}):
        _, envelope = seal(alice.sign, mine, theirs, b"x", NOW, servers=servers)
        with pytest.raises(Yours, match=r"^journal\.not_ours"):
            await alice.journal(envelope)


@pytest.mark.usefixtures("bob")
async def test_only_the_two_ends_journal_a_message(acme, alice):
    erin = await acme.hire(ERIN)
    mid, envelope = await alice.write(BOB, b"x")
    with pytest.raises(Forbidden, match=r"^journal\.not_yours"):
        await erin.journal(envelope)
    assert acme.store.copy(mid) is None


async def test_only_the_device_itself_journals_and_only_what_it_signed_for(acme, alice, bob):
    mid, envelope = await alice.write(BOB, b"x")
    bob.pin = ALICE  # Bob's key, Alice's name
    with pytest.raises(Yours, match=r"^request\.proof"):
        await bob.journal(envelope)
    with pytest.raises(Yours, match=r"^request\.proof"):
        await alice.ask("POST", "/v1/journal", Done, Journal(msgspec.Raw(envelope)), proof=False)
    await acme.administer("POST", "/v1/revocations", Done, Revoke(ALICE))
    with pytest.raises(Yours, match=r"^request\.proof"):
        await alice.journal(envelope)
    assert acme.store.copy(mid) is None


@pytest.mark.parametrize("envelope", [b"1", b"{}", b'"x"', b"null", b'{"protected":1}'])
async def test_what_is_no_envelope_is_not_journalled(alice, envelope):
    with pytest.raises(Yours, match=r"^envelope\.malformed"):
        await alice.journal(envelope)


async def test_an_employee_who_signs_as_somebody_else_is_caught_at_the_reading_or_before(acme, alice, bob):
    mine, theirs = await alice.look_up(ALICE), await alice.look_up(BOB)
    mid, forged = seal(bob.sign, mine, theirs, b"I, Alice, resign", NOW)
    await bob.journal(forged)
    with pytest.raises(Yours, match=r"^content\.signature"):
        await acme.read(mid)
    _, named = seal(bob.sign, mine, theirs, b"I, Alice, resign", NOW, kid=theirs.kid)
    with pytest.raises(Yours, match=r"^journal\.does_not_open"):
        await bob.journal(named)


@pytest.mark.usefixtures("bob")
async def test_only_the_customers_own_administrator_reads(acme, alice):
    mid, envelope = await alice.write(BOB, b"x")
    await alice.journal(envelope)
    for who in (
        f"administrator/{GLOBEX}",
        f"customer/{GLOBEX}",
        "court/in",
        "carrier/in",
        "auditor/cbi",
        "operator/in",
    ):
        with pytest.raises(Forbidden, match=r"^request\."):
            await acme.ask(who, "POST", "/v1/read", Opened, Read(mid))


@pytest.mark.usefixtures("bob")
async def test_reading_leaves_a_trace_and_no_content(acme, alice, events):
    mid, envelope = await alice.write(BOB, b"CANARY-51d0")
    await alice.journal(envelope)
    opened = await acme.read(mid)
    assert {"mid": mid, "by": f"administrator/{ACME}"}.items() <= next(
        event for event in events if event["event"] == "message.read"
    ).items()
    assert "CANARY" not in repr(events) + repr(opened)


async def test_what_nobody_journalled_is_missing(acme):
    with pytest.raises(Missing, match=r"^journal\.unknown"):
        await acme.read(str(uuid_utils.uuid7()))


@pytest.mark.parametrize(
    ("copy", "caller", "newest", "code"),
    [
        (sealed(), ALICE, 1, None),
        (sealed(), BOB, 1, None),
        (sealed(), ERIN, 1, "journal.not_yours"),
        (sealed(sender_contact=contact(ALICE, GLOBEX)), ALICE, 1, "journal.org"),
        (sealed(sender_contact=contact(ALICE, GLOBEX)), BOB, 1, None),
        (sealed(servers=set()), ALICE, 1, "journal.not_ours"),
        (sealed(servers={contact(ALICE, generation=2).bes}), ALICE, 1, "journal.not_ours"),
        (sealed(servers={contact(ALICE, generation=0).bes}), ALICE, 1, "journal.not_ours"),
        (sealed(servers={contact(ALICE, generation=2).bes}), ALICE, 2, None),
    ],
)
def test_which_copies_are_kept(copy, caller, newest, code):
    if code is None:
        assert check_copy(copy, caller, ACME, newest) == copy
        return
    with pytest.raises(Yours) as caught:
        check_copy(copy, caller, ACME, newest)
    assert caught.value.code == code


def test_a_consumer_message_is_none_of_the_customers_business():
    from tiers.wire.keys.keytree import WrapKey
    from tiers.wire.message.envelope import CTY, TYP, Envelope, Protected, format_protected

    header = Protected(TYP, "A256GCM", str(uuid_utils.uuid7()), Channel.CONSUMER, Service.BBM, ALICE, BOB, NOW,
                       CTY[Channel.CONSUMER, Service.BBM], CEK.commitment)  # fmt: skip
    recipient = wrap_for_carrier(f"carrier/in/{ALICE}/1", CEK, WrapKey(b"w" * 32))
    jwe = seal_content(CEK, format_protected(header), [recipient], b"hi")
    with pytest.raises(Yours, match=r"^journal\.consumer"):
        check_copy(Envelope(header, jwe), ALICE, ACME, 1)


def test_a_copy_opens_with_the_generation_that_it_names_and_shows_nothing_in_its_repr():
    asked = []

    def find(generation):
        asked.append(generation)
        return BES

    copy = open_copy(sealed(servers={contact(ALICE, generation=3).bes}), ACME, find)
    assert asked == [3]
    assert verify_copy(copy, SIGN.public).content == "hello"
    assert "hello" not in repr(copy)


@given(st.sampled_from([ALICE, BOB, ERIN]), st.sampled_from([ACME, GLOBEX]), st.integers(0, 3), st.integers(0, 3))
def test_nothing_but_our_own_errors_escapes_from_a_journal_decision(caller, org, named, newest):
    copy = sealed(servers={contact(ALICE, generation=named).bes})
    done = outcome(lambda: check_copy(copy, caller, org, newest))
    good = caller in (ALICE, BOB) and org == ACME and 1 <= named <= newest
    assert (done == copy) == good
    assert good or done.code.startswith("journal.")
    assert not good or bes_generation(copy, org) == named


@given(st.binary(max_size=200))
def test_nothing_but_our_own_errors_escapes_from_what_was_sealed(plaintext):
    whole = sealed()
    cek = decrypt_with(whole.jwe.recipients[1], BES)
    jwe = seal_content(cek, whole.jwe.protected, whole.jwe.recipients, plaintext)
    with pytest.raises(Yours, match=r"^journal\.does_not_open"):
        check_opens(Envelope(whole.header, jwe), ACME, lambda _: BES)


def spoiled(envelope: bytes, how: str) -> bytes:
    """A message that its receiver opens, and whose copy for the customer is not the same message."""
    whole = parse_envelope(envelope).jwe
    ours, cek = whole.recipients[1], ContentKey.draw()
    kid = ours.header.kid
    other = {
        "another content key": encrypt_for(kid, cek, BES.public),
        "rubbish": Recipient(ours.header, "A" * 64),
        "another reader's": Recipient(msgspec.structs.replace(whole.recipients[0].header, kid=kid), "A" * 64),
    }[how]
    return format_jwe(msgspec.structs.replace(whole, recipients=(whole.recipients[0], other)))


@pytest.mark.parametrize("how", ["another content key", "rubbish", "another reader's"])
async def test_a_copy_that_does_not_open_is_refused_to_both_ends_and_not_kept(acme, alice, bob, events, how):
    mid, envelope = await alice.write(BOB, b"the plan")
    for device in (alice, bob):
        with pytest.raises(Yours, match=r"^journal\.does_not_open"):
            await device.journal(spoiled(envelope, how))
    assert acme.store.copy(mid) is None
    await bob.journal(envelope)
    assert (await acme.read(mid)).content == "the plan"


async def test_what_was_journalled_before_the_kill_switch_is_delivered_after_it(acme, alice, bob):
    _, kept = await alice.write(BOB, b"kept")
    _, late = await alice.write(BOB, b"late")
    await alice.journal(kept)
    await acme.administer("POST", "/v1/rotations", Rotated, Rotate(destroy=True))
    assert await bob.journal(kept) == Done()
    with pytest.raises(Forbidden, match=r"^read\.key_destroyed"):
        await bob.journal(late)


@pytest.mark.parametrize(("off", "fits"), [(0, True), (121_000, False), (-121_000, False), (-3_600_000, False)])
async def test_a_sender_journals_what_it_sends_now(town, acme, alice, bob, off, fits):
    mine, theirs = await alice.look_up(ALICE), await alice.look_up(BOB)
    _, envelope = seal(alice.sign, mine, theirs, b"x", town.clock.now + off)
    if fits:
        assert await alice.journal(envelope) == Done()
    else:
        with pytest.raises(Yours, match=r"^journal\.misdated"):
            await alice.journal(envelope)


@pytest.mark.parametrize(("days", "fits"), [(0, True), (6, True), (8, False), (-1, False)])
async def test_a_receiver_journals_what_a_mailbox_may_have_kept(town, acme, alice, bob, days, fits):
    mine, theirs = await alice.look_up(ALICE), await alice.look_up(BOB)
    _, envelope = seal(alice.sign, mine, theirs, b"x", town.clock.now - days * 24 * 3_600_000)
    if fits:
        assert await bob.journal(envelope) == Done()
    else:
        with pytest.raises(Yours, match=r"^journal\.misdated"):
            await bob.journal(envelope)


async def test_a_device_has_a_quota_of_its_own_and_a_new_one_every_day(town, acme, alice, bob, monkeypatch):
    monkeypatch.setattr("tiers.enterprise.journal.MAX_COPIES", 2)

    async def hand_in() -> None:
        _, envelope = await alice.write(BOB, b"x")
        await alice.journal(envelope)

    await hand_in()
    _, envelope = await alice.write(BOB, b"again")
    for _ in range(2):  # the same once more is no further copy
        await alice.journal(envelope)
    with pytest.raises(TooMany, match=r"^journal\.quota"):
        await hand_in()
    await alice.journal(envelope)
    _, other = await bob.write(ALICE, b"bob has his own")
    await bob.journal(other)
    town.clock.now += 24 * 3_600_000
    await hand_in()
