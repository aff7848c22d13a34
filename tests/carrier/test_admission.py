import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.carrier import MINUTE, NOW
from tiers.carrier.admission import Admission, Asked, pins, read
from tiers.carrier.keystore import Keystore
from tiers.wire.api.carrier import Ask, Refusal
from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import TiersError
from tiers.wire.keys.keytree import Master, epoch_of, wrap_key
from tiers.wire.message.envelope import Channel, Protected, Recipient, RecipientHeader, Service, format_protected
from tiers.wire.message.sealing import ContentKey, unwrap_from_carrier, wrap_for_carrier

ALICE, BOB, MALLORY = "2100000a", "2100000b", "2100000c"
KEYS = Keystore(Master(b"m" * 32))
SUBSCRIBERS = {ALICE, BOB, MALLORY}
EPOCH = epoch_of(NOW)
CEK = ContentKey(b"k" * 32)
HEADER = Protected(
    "message+jwe", "A256GCM", "0190a0b0-0000-7000-8000-000000000001", Channel.CONSUMER, Service.BBM, ALICE, BOB, NOW,
    "text/plain", CEK.commitment,
)  # fmt: skip


def ask(header: Protected = HEADER, *, kid: str | None = None, pin: str = ALICE) -> Ask:
    protected, epoch = format_protected(header), epoch_of(header.ts)
    key = wrap_key(KEYS.leaf(pin, epoch), protected)
    return Ask(protected, wrap_for_carrier(f"carrier/in/{header.sender}/{epoch}" if kid is None else kid, CEK, key))


def admit(*asks: Ask, current: int = EPOCH, subscribers=frozenset(SUBSCRIBERS)) -> list[Recipient | Refusal]:
    return Admission("in", KEYS).admit(read(asks), subscribers, current)


def code(answer: Recipient | Refusal) -> str:
    assert isinstance(answer, Refusal)
    return answer.code


def test_what_is_admitted_opens_with_the_receivers_key_for_that_message() -> None:
    asked = ask()

    (answer,) = admit(asked)

    assert isinstance(answer, Recipient)
    assert answer.header.kid == f"carrier/in/{BOB}/{EPOCH}"
    assert unwrap_from_carrier(answer, wrap_key(KEYS.leaf(BOB, EPOCH), asked.protected)) == CEK


def test_a_content_key_that_the_header_does_not_commit_to_is_not_admitted() -> None:
    (answer,) = admit(ask(msgspec.structs.replace(HEADER, cmt=ContentKey(b"o" * 32).commitment)))

    assert code(answer) == "admission.commitment"


def test_what_is_admitted_opens_with_nobody_elses_key() -> None:
    asked = ask()

    (answer,) = admit(asked)

    with pytest.raises(TiersError):
        unwrap_from_carrier(answer, wrap_key(KEYS.leaf(MALLORY, EPOCH), asked.protected))


@given(st.data())
def test_a_relay_that_alters_any_byte_of_a_header_is_refused(data) -> None:
    asked = ask()
    raw = bytearray(unb64u(asked.protected, "x"))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))

    (answer,) = admit(Ask(b64u(bytes(raw)), asked.recipient))

    assert isinstance(answer, Refusal)


@given(st.data())
def test_a_relay_that_alters_any_character_of_a_header_is_refused(data) -> None:
    asked = ask()
    at = data.draw(st.integers(0, len(asked.protected) - 1))
    other = data.draw(st.characters().filter(lambda one: one != asked.protected[at]))

    (answer,) = admit(Ask(asked.protected[:at] + other + asked.protected[at + 1 :], asked.recipient))

    assert isinstance(answer, Refusal)


@given(
    st.sampled_from(["mid", "service", "sender", "to", "ts"]),
    st.integers(0, 15),
    st.sampled_from([ALICE, BOB, MALLORY]),
)
def test_a_well_formed_header_other_than_the_one_sealed_is_refused_for_its_key(member, digit, pin) -> None:
    forged = {
        "mid": {"mid": f"0190a0b0-0000-7000-8000-00000000000{digit:x}"},
        "service": {"service": Service.EMAIL, "cty": "message/rfc822"},
        "sender": {"sender": pin},
        "to": {"to": pin},
        "ts": {"ts": NOW + digit},
    }[member]
    header = msgspec.structs.replace(HEADER, **forged)
    asked = ask()
    recipient = msgspec.structs.replace(
        asked.recipient,
        header=msgspec.structs.replace(asked.recipient.header, kid=f"carrier/in/{header.sender}/{EPOCH}"),
    )

    (answer,) = admit(Ask(format_protected(header), recipient))

    assert isinstance(answer, Recipient) if header == HEADER else code(answer) == "admission.key"


def test_a_relay_in_league_with_a_subscriber_cannot_have_a_message_translated_to_him() -> None:
    for_mallory = msgspec.structs.replace(HEADER, to=MALLORY)

    (answer,) = admit(Ask(format_protected(for_mallory), ask().recipient))

    assert code(answer) == "admission.key"


def test_a_relay_cannot_graft_a_content_key_onto_a_header_of_its_subscribers_own() -> None:
    own = msgspec.structs.replace(HEADER, sender=MALLORY, to=MALLORY)
    stolen = ask().recipient
    grafted = msgspec.structs.replace(
        stolen, header=msgspec.structs.replace(stolen.header, kid=f"carrier/in/{MALLORY}/{EPOCH}")
    )

    (answer,) = admit(Ask(format_protected(own), grafted))

    assert code(answer) == "admission.key"


@pytest.mark.parametrize(
    "kid",
    [
        f"carrier/in/{BOB}/{EPOCH}",
        f"carrier/xx/{ALICE}/{EPOCH}",
        f"carrier/in/{ALICE}/{EPOCH + 1}",
        f"carrier/in/{ALICE}/0{EPOCH}",
        f"org/S50000001/{ALICE}/1",
        "",
    ],
)
def test_the_recipient_is_the_senders_own_key_of_that_minute(kid) -> None:
    assert code(admit(ask(kid=kid))[0]) == "admission.recipient"


@pytest.mark.parametrize(("minutes", "admitted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_message_is_dated_within_a_minute_of_the_carriers_own_clock(minutes, admitted) -> None:
    (answer,) = admit(ask(msgspec.structs.replace(HEADER, ts=NOW + minutes * MINUTE)))

    assert isinstance(answer, Recipient) if admitted else code(answer) == "admission.epoch"


@pytest.mark.parametrize("stranger", [ALICE, BOB])
def test_both_ends_are_subscribers(stranger) -> None:
    assert code(admit(ask(), subscribers=SUBSCRIBERS - {stranger})[0]) == "admission.subscriber"


def test_an_enterprise_message_is_not_the_carriers() -> None:
    header = msgspec.structs.replace(HEADER, channel=Channel.ENTERPRISE, cty="JOSE", org="S50000001")

    assert code(admit(ask(header))[0]) == "admission.channel"


@pytest.mark.parametrize(("member", "size"), [("iv", 15), ("iv", 17), ("tag", 21), ("tag", 23), ("iv", 0)])
def test_a_recipient_of_another_length_is_refused(member, size) -> None:
    asked = ask()
    head = msgspec.structs.replace(asked.recipient.header, **{member: "A" * size})

    assert code(admit(Ask(asked.protected, Recipient(head, asked.recipient.encrypted_key)))[0]) == "envelope.recipient"


def test_a_hybrid_recipient_under_the_carriers_name_is_refused() -> None:
    head = RecipientHeader("HPKE-9-KE", f"carrier/in/{ALICE}/{EPOCH}", ek="A" * 1494)

    answer = admit(Ask(format_protected(HEADER), Recipient(head, "A" * 64)))[0]

    assert code(answer) == "admission.recipient"


def test_one_bad_ask_never_spoils_the_batch() -> None:
    answers = admit(Ask("", ask().recipient), ask(), Ask("?", ask().recipient), ask(kid="x"), ask())

    assert [type(answer) for answer in answers] == [Refusal, Recipient, Refusal, Refusal, Recipient]


def test_a_batch_names_everybody_once_so_that_strangers_are_looked_up_together() -> None:
    assert pins(read([ask(), ask(), Ask("?", ask().recipient)])) == {ALICE, BOB}


def test_leaves_of_minutes_that_no_message_may_name_are_forgotten() -> None:
    keys = Keystore(Master(b"m" * 32))
    admission = Admission("in", keys)
    for minute in range(5):
        header = msgspec.structs.replace(HEADER, ts=NOW + minute * MINUTE)
        admission.admit(read([ask(header)]), SUBSCRIBERS, EPOCH + minute)

    assert set(keys._leaves) == {EPOCH + 2, EPOCH + 3, EPOCH + 4}


TEXT = st.text(max_size=60)
MAYBE = st.just(msgspec.UNSET) | TEXT
HEADS = st.builds(RecipientHeader, st.sampled_from(["A256GCMKW", "HPKE-9-KE", "dir"]) | TEXT, TEXT, MAYBE, MAYBE, MAYBE)


@given(st.builds(Ask, TEXT | st.just(format_protected(HEADER)), st.builds(Recipient, HEADS, TEXT)))
def test_nothing_but_an_answer_ever_comes_of_an_ask(asked) -> None:
    (answer,) = admit(asked)

    assert isinstance(answer, Refusal)
    assert answer.code
    assert answer.detail


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=43, max_size=43))
def test_a_wrapped_key_of_the_right_shape_and_other_bytes_is_refused(wrapped) -> None:
    asked = ask()

    (answer,) = admit(Ask(asked.protected, Recipient(asked.recipient.header, wrapped)))

    assert code(answer) in {"admission.key", "envelope.recipient"} or wrapped == asked.recipient.encrypted_key


def test_a_refusal_repeats_no_secret() -> None:
    answers = admit(Ask(format_protected(HEADER), wrap_for_carrier(f"carrier/in/{ALICE}/{EPOCH}", CEK, _other())))

    assert repr(answers) == repr([Refusal(code(answers[0]), answers[0].detail)])
    assert b64u(CEK.reveal()) not in repr(answers)


def _other():
    return wrap_key(Keystore(Master(os.urandom(32))).leaf(ALICE, EPOCH), format_protected(HEADER))


def test_an_ask_that_was_read_is_never_changed_by_it() -> None:
    (asked,) = read([ask()])

    assert isinstance(asked, Asked)
    with pytest.raises(AttributeError):
        asked.epoch = EPOCH + 1  # type: ignore[misc]
