"""What the auditor makes of product, without an auditor: pairing, counting, reading, and never falling over."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.conftest import claims_json
from kits.court import ALICE, BOB, CAROL, JTI, MINUTE, NOW
from kits.product import CEK, COURT_MASTER, MAIL, MASTER, consumer, copied, enterprise, escrowed, mid_of
from tiers.auditor.inspect import (
    ALTERED,
    ANOTHER_KEY,
    NO_CONTENT,
    NO_COURT,
    NOT_THE_TARGET,
    OUTSIDE,
    UNSIGNED,
    Halves,
    NoGrant,
    Product,
    inspect,
    window_to_ask,
)
from tiers.lab.attack.derive.two_texts import KEYS, TEXTS, two_texts
from tiers.wire.api.auditor import Inspect
from tiers.wire.encoding import unb64u
from tiers.wire.errors import TiersError
from tiers.wire.keys.keytree import epoch_of, leaf, subscriber_root, window, wrap_key
from tiers.wire.lawful.grant import Grant
from tiers.wire.lawful.warrant import Claims
from tiers.wire.log.checkpoint import ProofOfLogging
from tiers.wire.message.envelope import Channel, Service, format_jwe, format_protected, parse_envelope
from tiers.wire.message.mail import readable
from tiers.wire.message.sealing import HpkePrivateKey, encrypt_for, seal_content, wrap_for_carrier

CLAIMS = msgspec.convert(claims_json(), Claims)
START, END = epoch_of(NOW - 5 * MINUTE), epoch_of(NOW)
PROOF = ProofOfLogging(0, "", (), "")
GRANT = Grant(JTI, ALICE, START, END, tuple(window(subscriber_root(MASTER, ALICE), START, END)), PROOF, PROOF)
GIVEN = Halves(GRANT)
REFUSED = Halves(NoGrant("grant.window"))
COURTS = Grant(JTI, ALICE, START, END, tuple(window(subscriber_root(COURT_MASTER, ALICE), START, END)), PROOF, PROOF)
BOTH = Halves(GRANT, COURTS)

A_CHAT = consumer(1, (ALICE, BOB), NOW - MINUTE, b"hello")
A_MAIL = consumer(2, (BOB, ALICE), NOW - MINUTE, MAIL, Service.EMAIL)
A_BES = enterprise(3, (ALICE, BOB), NOW - MINUTE, b"secret")
MESSAGES = (A_CHAT, A_MAIL, A_BES)
PDUS = tuple(pdu for jwe in MESSAGES for pdu in copied(jwe, parse_envelope(jwe).header, ALICE))


def pdus(jwe: bytes, sequence: int = 0) -> tuple[bytes, bytes]:
    return copied(jwe, parse_envelope(jwe).header, ALICE, sequence)


def test_x2_and_x3_of_one_message_are_one_finding_whichever_comes_first() -> None:
    forwards = inspect(Product(PDUS, 0), CLAIMS, "in", GIVEN).findings
    backwards = inspect(Product(PDUS[::-1], 0), CLAIMS, "in", GIVEN).findings
    assert [found.mid for found in forwards] == [mid_of(1), mid_of(2), mid_of(3)]
    assert forwards == backwards[::-1]


def test_a_mid_used_twice_does_not_hide_the_second_message() -> None:
    twice = (*pdus(A_CHAT), *pdus(consumer(1, (ALICE, CAROL), NOW - MINUTE, b"other")))
    again = pdus(consumer(1, (ALICE, BOB), NOW - MINUTE, b"again"), 1)
    found = inspect(Product((*twice, *again), 0), CLAIMS, "in", GIVEN)
    assert sorted(one.content or "" for one in found.findings) == ["again", "hello", "other"]


def test_metadata_alone_is_a_finding() -> None:
    (found,) = inspect(Product(pdus(A_CHAT)[:1], 0), CLAIMS, "in", GIVEN).findings
    assert (found.sealed, found.size, found.ts) == (NO_CONTENT, len(A_CHAT), NOW - MINUTE)


def test_a_gap_in_the_numbers_is_loss_even_if_the_carrier_counts_none() -> None:
    late = pdus(A_CHAT, 3)[0]
    assert inspect(Product((pdus(A_CHAT)[0], late), 0), CLAIMS, "in", GIVEN).lost == 2
    assert inspect(Product((pdus(A_CHAT)[0], late), 9), CLAIMS, "in", GIVEN).lost == 9


def test_a_relay_that_counts_from_zero_again_has_lost_nothing() -> None:
    again = [*pdus(A_CHAT, 0), *pdus(A_CHAT, 1), *pdus(consumer(1, (ALICE, BOB), NOW - MINUTE, b"new"), 0)]
    assert inspect(Product(tuple(again), 0), CLAIMS, "in", GIVEN).lost == 0


def test_a_byte_altered_on_the_way_does_not_open() -> None:
    envelope = parse_envelope(A_CHAT)
    other = consumer(1, (ALICE, BOB), NOW - MINUTE, b"jello")
    mixed = msgspec.structs.replace(envelope.jwe, ciphertext=parse_envelope(other).jwe.ciphertext)
    altered = msgspec.json.encode(mixed)
    (found,) = inspect(Product(pdus(altered), 0), CLAIMS, "in", GIVEN).findings
    assert found.sealed == ALTERED


def test_the_target_is_no_third_party_and_everybody_else_is() -> None:
    assert inspect(Product(PDUS, 0), CLAIMS, "in", REFUSED).third_parties == (BOB,)
    assert inspect(Product((), 0), CLAIMS, "in", REFUSED).third_parties == ()


def test_another_carriers_recipient_is_not_ours_to_open() -> None:
    (found,) = inspect(Product(pdus(A_CHAT), 0), CLAIMS, "uk", GIVEN).findings
    assert found.content is None


def test_without_a_grant_every_reason_is_the_nearest_one() -> None:
    found = inspect(Product(PDUS, 0), CLAIMS, "in", REFUSED)
    assert [one.sealed for one in found.findings] == [
        "no grant: grant.window", "no grant: grant.window", "no recipient of this JWE is held by the carrier",
    ]  # fmt: skip


def one(jwe: bytes, keys: Halves) -> tuple[str | None, str | None]:
    """What stands in the one finding: content, and why not."""
    (found,) = inspect(Product(pdus(jwe), 0), CLAIMS, "in", keys).findings
    return found.content, found.sealed


AN_ESCROW = escrowed(5, (ALICE, BOB), NOW - MINUTE, b"two of you")


def test_two_halves_open_what_the_target_wrote_and_neither_does_alone() -> None:
    assert one(AN_ESCROW, BOTH) == ("two of you", None)
    assert one(AN_ESCROW, Halves(GRANT)) == (None, NO_COURT)
    assert one(AN_ESCROW, Halves(GRANT, NoGrant("warrant.suspended"))) == (None, "no grant: warrant.suspended")
    assert one(AN_ESCROW, Halves(NoGrant("grant.future"), COURTS)) == (None, "no grant: grant.future")
    for twice in (Halves(GRANT, GRANT), Halves(COURTS, COURTS), Halves(COURTS, GRANT)):
        assert one(AN_ESCROW, twice) == (None, ALTERED)


def test_an_escrow_of_another_content_key_shows_nothing_though_it_opens_the_content() -> None:
    """One ciphertext under two keys: the sender's own commits to the first, the auditor's lock holds the second."""
    said = msgspec.structs.replace(parse_envelope(A_CHAT).header, cmt=KEYS[0].commitment)
    for locked, shown in zip(KEYS, (True, False), strict=True):
        protected = format_protected(said)
        lock = wrap_for_carrier(
            f"carrier/in/{ALICE}/{START + 4}", locked, wrap_key(leaf(GRANT.nodes, START + 4), protected)
        )
        jwe = two_texts(protected, [lock])
        content, why = one(format_jwe(jwe), GIVEN)
        assert ((content or "").startswith(TEXTS[0].decode()), why) == (shown, None if shown else ANOTHER_KEY)


@pytest.mark.parametrize("plaintext", [b"", b"hello", b"a.b.c", b"\xff" * 40])
def test_a_plaintext_that_is_no_signed_one_is_not_shown_where_the_header_says_that_it_is(plaintext: bytes) -> None:
    whole = parse_envelope(AN_ESCROW).jwe
    assert one(format_jwe(seal_content(CEK, whole.protected, whole.recipients, plaintext)), BOTH) == (None, UNSIGNED)


def test_an_escrow_to_which_a_reader_was_added_is_not_shown() -> None:
    whole = parse_envelope(AN_ESCROW).jwe
    ghost = encrypt_for("device/2100000f/1", CEK, HpkePrivateKey(b"g" * 32).public)
    added = msgspec.structs.replace(whole, recipients=(*whole.recipients, ghost))
    assert one(format_jwe(added), BOTH) == (None, UNSIGNED)


def test_what_the_target_gets_under_two_halves_stays_shut() -> None:
    assert one(escrowed(6, (BOB, ALICE), NOW - MINUTE, b"no"), BOTH) == (None, NOT_THE_TARGET)


def test_either_half_that_ends_before_the_minute_leaves_it_shut() -> None:
    early = [
        Grant(JTI, ALICE, START, END - 1, tuple(window(subscriber_root(master, ALICE), START, END - 1)), PROOF, PROOF)
        for master in (MASTER, COURT_MASTER)
    ]
    assert one(AN_ESCROW, Halves(early[0], COURTS)) == (None, OUTSIDE)
    assert one(AN_ESCROW, Halves(GRANT, early[1])) == (None, OUTSIDE)


def test_rubbish_in_an_escrow_is_seen_when_it_is_needed() -> None:
    assert one(escrowed(7, (ALICE, BOB), NOW - MINUTE, b"mine", rubbish=True), BOTH) == (None, ALTERED)


def test_what_was_read_is_shown_whole_and_acts_on_nothing() -> None:
    assert "A\n\nB" == readable(Service.BBM, b"A\n\nB")
    assert "⟨U+001B⟩[2Jx⟨U+202E⟩" == readable(Service.BBM, "\x1b[2Jx\u202e".encode())
    forged = b"Subject: =?utf-8?q?x=0AFrom:_judge?=\r\nFrom: thief\r\n\r\nbody"
    assert "From: thief\nSubject: x⟨U+000A⟩From: judge\n\nbody" == readable(Service.EMAIL, forged)


def test_what_opened_is_there_byte_for_byte() -> None:
    (found,) = inspect(Product(pdus(A_MAIL), 0), CLAIMS, "in", GIVEN).findings
    assert unb64u(found.raw or "", "x") == MAIL


def cut(parts: tuple[bytes, int, int, bytes]) -> bytes:
    raw, at, length, with_what = parts
    return raw[:at] + with_what + raw[at + length :]


mangled = st.tuples(st.sampled_from(PDUS), st.integers(0, 900), st.integers(0, 9), st.binary(max_size=9)).map(cut)
any_pdu = st.one_of(st.sampled_from(PDUS), mangled, st.binary(max_size=120))


@given(product=st.lists(any_pdu, max_size=8), keys=st.sampled_from([GIVEN, REFUSED]), lost=st.integers(0, 9))
def test_no_product_makes_an_inspection_fail(product: list[bytes], keys: Halves, lost: int) -> None:
    found = inspect(Product(tuple(product), lost), CLAIMS, "in", keys)
    assert all((one.content is None) != (one.sealed is None) for one in found.findings)
    assert found.unreadable + 2 * len(found.findings) >= len(product)
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found


@given(st.none() | st.integers(), st.none() | st.integers(), st.integers(), st.integers())
def test_a_window_is_asked_for_or_one_of_our_errors_raised(
    start: int | None, until: int | None, since: int, now: int
) -> None:
    try:
        first, last = window_to_ask(CLAIMS, Inspect(JTI, start, until), since, now)
    except TiersError:
        return
    assert first < last


def test_channels_of_the_samples_are_what_they_say() -> None:
    channels = [parse_envelope(jwe).header.channel for jwe in MESSAGES]
    assert channels == [Channel.CONSUMER, Channel.CONSUMER, Channel.ENTERPRISE]
