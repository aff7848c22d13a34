"""Signatures: what OpenSSL would let through and we do not."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.encoding import b64u
from tiers.wire.errors import Yours
from tiers.wire.keys.jose import (
    GeneralJws,
    HpkeJwk,
    PublicJwk,
    Signature,
    SigningKey,
    VerifyKey,
    verify_compact,
    verify_signature,
)

P = 2**255 - 19
ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SMALL = [
    (y | sign << 255).to_bytes(32, "little") for y in (0, 1, P - 1, P, P + 1, ORDER_8, P - ORDER_8) for sign in (0, 1)
]
"""Each point of small order in each of its encodings, the non-canonical ones included."""
KEY = SigningKey(b"k" * 32)


def fits_everything(key: bytes) -> bool:
    """Whether the library verifies a constant signature for some of 64 texts: if not, the list above is wrong."""
    for r in SMALL:
        for at in range(64):
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(r + bytes(32), b"%d" % at)
            except InvalidSignature:
                continue
            return True
    return False


@pytest.mark.parametrize("key", SMALL, ids=bytes.hex)
def test_a_key_under_which_a_constant_signature_fits_is_refused_in_every_spelling(key):
    assert fits_everything(key)
    for made in (lambda: VerifyKey(key), lambda: VerifyKey.from_jwk(PublicJwk(x=b64u(key)))):
        with pytest.raises(Yours, match=r"^jwk\.malformed"):
            made()


@given(st.integers(P, 2**255 - 1), st.integers(0, 1))
def test_a_key_that_is_not_in_its_one_spelling_is_refused(y, sign):
    with pytest.raises(Yours, match=r"^jwk\.malformed"):
        VerifyKey((y | sign << 255).to_bytes(32, "little"))


STRANGER = Yours("code", "Sign with a key that is known here.")


@pytest.mark.parametrize("r", SMALL, ids=bytes.hex)
def test_a_signature_whose_r_is_of_small_order_is_refused_in_every_form(r):
    signature = r + bytes(32)
    compact = KEY.sign_compact({"typ": "x", "kid": "k"}, b"text").rpartition(".")[0] + "." + b64u(signature)
    header = compact.split(".")[0]
    whole = GeneralJws(b64u(b"text"), (Signature(header, b64u(signature)),))
    for verify in (
        lambda: KEY.public.verify(signature, b"text", "code"),
        lambda: verify_compact(compact, "x", {"k": KEY.public}, "code", STRANGER),
        lambda: verify_signature(whole, 0, KEY.public, "code"),
    ):
        with pytest.raises(Yours, match=r"^code: Make a new key"):
            verify()


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=50))
def test_a_key_that_was_generated_is_good(seed, text):
    key = SigningKey(seed)
    assert key.public.verify(key.sign(text), text, "code") == text


def test_a_jws_has_one_spelling():
    token = KEY.sign_compact({"typ": "x", "kid": "k"}, b"text")
    for other in (
        token + "=",
        token + "\n",
        " " + token,
        token[:-1] + chr(ord(token[-1]) + 1),
        token + ".",
        "." + token,
    ):
        with pytest.raises(Yours, match="^code"):
            verify_compact(other, "x", {"k": KEY.public}, "code", STRANGER)


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"Ed25519","typ":"x","kid":"evil","kid":"k"}',
        '{"alg":"none","alg":"Ed25519","typ":"x","kid":"k"}',
        '{"alg":"Ed25519","typ":"x","kid":"k","readers":[["a","b"]],"readers":[["c","d"]]}',
        '{ "alg":"Ed25519","typ":"x","kid":"k" }',
        '{"kid":"k","typ":"x","alg":"Ed25519"}',
        '{"alg":"Ed25519","typ":"x","kid":"\\u006b"}',
        '{"alg":"Ed25519","typ":"x","kid":"k","env":""}',
    ],
)
def test_a_signed_header_has_one_spelling(header):
    signed, payload = b64u(header.encode()), b64u(b"text")
    signature = b64u(KEY.sign(f"{signed}.{payload}".encode()))
    for verify in (
        lambda: verify_compact(f"{signed}.{payload}.{signature}", "x", {"k": KEY.public}, "code", STRANGER),
        lambda: verify_signature(GeneralJws(payload, (Signature(signed, signature),)), 0, KEY.public, "code"),
    ):
        with pytest.raises(Yours, match="^code: Spell the header"):
            verify()


def test_a_thumbprint_is_of_the_members_that_make_the_key():
    """RFC 8037, appendix A.3; for AKP there is alg, kty and pub, in this order."""
    assert VerifyKey(
        bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    ).thumbprint() == ("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
    one, other = HpkeJwk(pub="AA"), HpkeJwk(pub="AQ")
    assert one.thumbprint() != other.thumbprint()
    assert one.thumbprint() == "R1J8DRuk7z86hl6qAaNGBQjqHAqsEXCn_0g1YbCMyuc"
