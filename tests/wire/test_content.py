"""What is signed inside a message: by whom, for which envelope, to be read by whom."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.encoding import b64u
from tiers.wire.errors import TiersError, Yours
from tiers.wire.keys.jose import SigningKey
from tiers.wire.message.content import CONTENT_TYPE, TYP, read_content, readers_of, sign_content, verify_content
from tiers.wire.message.envelope import Channel, Envelope, Jwe, Protected, Service, format_protected
from tiers.wire.message.sealing import ContentKey, HpkePrivateKey, encrypt_for

ALICE, MALLORY = SigningKey(b"a" * 32), SigningKey(b"m" * 32)
KID, OTHER_KID = "org/S50000001/a11ce001/1", "org/S50000001/b0b00001/1"
TEXT = "größer".encode()
CEK = ContentKey(b"k" * 32)
KEYS = {kid: HpkePrivateKey(kid[-6:].encode().rjust(32)).public for kid in (OTHER_KID, "org/S50000001/bes/1")}
GHOST = "org/S50000001/f0000001/1"
THUMBPRINTS = {kid: key.jwk().thumbprint() for kid, key in KEYS.items()}


def envelope(service: Service = Service.BBM, **changed: object) -> Envelope:
    """An enterprise envelope, without its content."""
    mid = "0190a0b0-0000-7000-8000-000000000001"
    ends = ("a11ce001", "b0b00001", 1_764_000_000_000)
    header = Protected("", "", mid, Channel.ENTERPRISE, service, *ends, "JOSE", CEK.commitment, "S50000001")
    header = msgspec.structs.replace(header, **changed)
    recipients = tuple(encrypt_for(kid, CEK, key) for kid, key in KEYS.items())
    return Envelope(header, Jwe(format_protected(header), recipients, "", "", ""))


TO_BOB = envelope()
READERS = readers_of(TO_BOB.jwe.recipients, THUMBPRINTS)


def signed(key=ALICE, kid=KID, within=TO_BOB, service=Service.BBM, content=TEXT, readers=READERS) -> bytes:
    return sign_content(key, kid, within.jwe.protected, service, readers, content)


def verify(plaintext: bytes, within: Envelope = TO_BOB) -> bytes:
    return verify_content(plaintext, within, KID, ALICE.public, THUMBPRINTS)


def raw(header: dict[str, object]) -> bytes:
    return ALICE.sign_compact(header, TEXT).encode()


@pytest.mark.parametrize("service", Service)
@given(content=st.binary(max_size=200))
def test_what_a_device_signs_is_what_a_reader_gets(service, content):
    within = envelope(service)
    plaintext = signed(within=within, service=service, content=content)
    assert verify(plaintext, within) == content
    assert read_content(plaintext, within, THUMBPRINTS) == (content, KID)


ENV = b64u(hashlib.sha256(TO_BOB.jwe.protected.encode()).digest())
OF_ENVELOPE = {"cty": CONTENT_TYPE[Service.BBM], "readers": READERS}


@pytest.mark.parametrize(
    ("plaintext", "code"),
    [
        (signed(MALLORY), "content.signature"),
        (signed(MALLORY, OTHER_KID), "content.sender"),
        (signed(kid="org/S50000001/a11ce001/2"), "content.sender"),
        (signed(within=envelope(to="c0000001")), "content.envelope"),
        (signed(service=Service.EMAIL), "content.type"),
        (b"\xff" + signed(), "content.malformed"),
        (b"hello", "content.signature"),
        (b"", "content.signature"),
        (signed() + b"=", "content.signature"),
        (signed() + b"\n", "content.signature"),
        (signed().replace(b".", b"..", 1), "content.signature"),
        (raw({"typ": "request+jws", "kid": KID}), "content.signature"),
        (raw({"typ": TYP, "kid": KID, "zip": "DEF", **OF_ENVELOPE}), "content.signature"),
        (raw({"typ": TYP, "kid": KID, **OF_ENVELOPE}), "content.envelope"),
        (signed(readers=()), "content.signature"),
        (raw({"typ": TYP, "kid": KID, "cty": CONTENT_TYPE[Service.BBM], "env": ENV}), "content.readers"),
        (signed(readers=READERS[:1]), "content.readers"),
        (signed(readers=(*READERS, (GHOST, ""))), "content.readers"),
        (signed(readers=(*READERS, READERS[-1])), "content.readers"),
        (signed(readers=tuple((kid, THUMBPRINTS[OTHER_KID]) for kid, _ in READERS)), "content.readers"),
        (signed(readers=tuple((kid, "") for kid, _ in READERS)), "content.readers"),
    ],
)
def test_each_lie_about_an_author_or_a_reader_has_its_own_code(plaintext, code):
    with pytest.raises(Yours) as caught:
        verify(plaintext)
    assert caught.value.code == code


def test_who_may_read_is_refused_by_those_too_who_cannot_check_the_signature():
    for plaintext in (b"hello", signed(readers=READERS[:1]), signed(within=envelope(to="c0000001"))):
        with pytest.raises(Yours):
            read_content(plaintext, TO_BOB, {})


def test_a_reader_whom_somebody_added_after_the_sender_signed_is_refused():
    ghost = encrypt_for(GHOST, CEK, HpkePrivateKey(b"g" * 32).public)
    jwe = msgspec.structs.replace(TO_BOB.jwe, recipients=(*TO_BOB.jwe.recipients, ghost))
    for opened in (
        lambda: verify(signed(), Envelope(TO_BOB.header, jwe)),
        lambda: read_content(signed(), Envelope(TO_BOB.header, jwe), {}),
    ):
        with pytest.raises(Yours, match=r"^content\.readers"):
            opened()


def test_the_order_of_the_readers_says_nothing():
    jwe = msgspec.structs.replace(TO_BOB.jwe, recipients=TO_BOB.jwe.recipients[::-1])
    assert verify(signed(), Envelope(TO_BOB.header, jwe)) == TEXT


def test_a_receiver_cannot_pass_a_message_on_as_if_it_were_written_to_somebody_else():
    with pytest.raises(Yours, match=r"^content\.envelope"):
        verify(signed(), envelope(to="c0000001"))


def test_an_unsigned_content_is_what_was_sealed():
    assert read_content(TEXT, envelope(cty="text/plain"), {}) == (TEXT, "")


@given(st.binary(max_size=300))
def test_nothing_but_our_own_errors_escapes_from_a_plaintext(plaintext):
    for opened in (lambda: verify(plaintext), lambda: read_content(plaintext, TO_BOB, {})):
        with pytest.raises(TiersError):
            opened()


@given(st.data())
def test_a_changed_byte_anywhere_is_caught(data):
    plaintext = signed()
    at = data.draw(st.integers(0, len(plaintext) - 1))
    put = data.draw(st.integers(0, 255).filter(lambda one: one != plaintext[at]))
    with pytest.raises(TiersError):
        verify(plaintext[:at] + bytes([put]) + plaintext[at + 1 :])


@given(st.sampled_from(b"=+/ \n\t.ABZaz09"), st.data())
def test_whoever_lacks_the_senders_key_reads_what_a_verifier_reads_or_nothing(put, data):
    plaintext = signed()
    at = data.draw(st.integers(0, len(plaintext)))
    spoiled = plaintext[:at] + bytes([put]) + plaintext[at:]
    try:
        assert read_content(spoiled, TO_BOB, {}) == (verify(spoiled), KID)
    except TiersError as error:
        assert error.code.startswith("content.")


def test_the_content_is_in_no_error():
    with pytest.raises(Yours) as caught:
        verify(signed(MALLORY, content=b"CANARY-7b1e"))
    assert "CANARY" not in repr(caught.value) + caught.value.detail
