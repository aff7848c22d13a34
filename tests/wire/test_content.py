import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.errors import TiersError, Yours
from tiers.wire.keys.jose import SigningKey, VerifyKey
from tiers.wire.message.content import CONTENT_TYPE, TYP, sign_content, verify_content
from tiers.wire.message.envelope import Service

ALICE, MALLORY = SigningKey(b"a" * 32), SigningKey(b"m" * 32)
KID, OTHER_KID = "org/S50000001/a11ce001/1", "org/S50000001/b0b00001/1"
HEADER = "eyJ0eXAiOiJtZXNzYWdlK2p3ZSJ9"
TEXT = "größer".encode()


def find(kid: str) -> VerifyKey:
    return {KID: ALICE.public, OTHER_KID: MALLORY.public}.get(kid) or nobody()


def nobody() -> VerifyKey:
    raise Yours("content.sender", "unknown")


@pytest.mark.parametrize("service", Service)
@given(content=st.binary(max_size=200))
def test_what_a_device_signs_is_what_a_reader_gets(service, content):
    plaintext = sign_content(ALICE, KID, HEADER, service, content)
    assert verify_content(plaintext, HEADER, service, KID, find) == content


@pytest.mark.parametrize(
    ("plaintext", "code"),
    [
        (sign_content(MALLORY, KID, HEADER, Service.BBM, TEXT), "content.signature"),
        (sign_content(MALLORY, OTHER_KID, HEADER, Service.BBM, TEXT), "content.sender"),
        (sign_content(ALICE, "org/S50000001/a11ce001/2", HEADER, Service.BBM, TEXT), "content.sender"),
        (sign_content(ALICE, KID, HEADER + "A", Service.BBM, TEXT), "content.envelope"),
        (sign_content(ALICE, KID, HEADER, Service.EMAIL, TEXT), "content.type"),
        (b"\xff" + sign_content(ALICE, KID, HEADER, Service.BBM, TEXT), "content.malformed"),
        (b"hello", "content.signature"),
        (b"", "content.signature"),
        (ALICE.sign_compact({"typ": "request+jws", "kid": KID}, TEXT).encode(), "content.signature"),
        (
            ALICE.sign_compact({"typ": TYP, "kid": KID, "cty": CONTENT_TYPE[Service.BBM]}, TEXT).encode(),
            "content.envelope",
        ),
    ],
)
def test_each_lie_about_an_author_has_its_own_code(plaintext, code):
    with pytest.raises(Yours) as caught:
        verify_content(plaintext, HEADER, Service.BBM, KID, find)
    assert caught.value.code == code


def test_a_receiver_cannot_pass_a_message_on_as_if_it_were_written_to_somebody_else():
    plaintext = sign_content(ALICE, KID, HEADER, Service.BBM, TEXT)
    with pytest.raises(Yours, match=r"^content\.envelope"):
        verify_content(plaintext, HEADER[:-1] + "x", Service.BBM, KID, find)


@given(st.binary(max_size=300))
def test_nothing_but_our_own_errors_escapes_from_a_plaintext(plaintext):
    with pytest.raises(TiersError):
        verify_content(plaintext, HEADER, Service.BBM, KID, find)


@given(st.data())
def test_a_changed_byte_anywhere_is_caught(data):
    plaintext = sign_content(ALICE, KID, HEADER, Service.BBM, TEXT)
    at = data.draw(st.integers(0, len(plaintext) - 1))
    put = data.draw(st.integers(0, 255).filter(lambda one: one != plaintext[at]))
    with pytest.raises(TiersError):
        verify_content(plaintext[:at] + bytes([put]) + plaintext[at + 1 :], HEADER, Service.BBM, KID, find)


def test_the_content_is_in_no_error():
    plaintext = sign_content(MALLORY, KID, HEADER, Service.BBM, b"CANARY-7b1e")
    with pytest.raises(Yours) as caught:
        verify_content(plaintext, HEADER, Service.BBM, KID, find)
    assert "CANARY" not in repr(caught.value) + caught.value.detail
