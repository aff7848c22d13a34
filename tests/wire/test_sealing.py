"""Sealing, and what others make of it: jwcrypto, joserfc, Debian's jose, npm hpke, the public JOSE-HPKE vectors.

Of the sixteen public vectors the key-encryption ones (`-KE`) of six suites are checked. Two suites are over X448, which
the library's HPKE lacks. The eight integrated ones bind the JWE header as HPKE `aad`, which the library does not take.
"""

import json
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe as joserfc_jwe
from joserfc.jwk import OctKey
from jwcrypto import jwe as jwcrypto_jwe
from jwcrypto import jwk as jwcrypto_jwk

from tiers.lab.attack.derive.two_texts import KEYS, TEXTS, two_texts
from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import TiersError, TooLarge, Yours
from tiers.wire.keys.keytree import Master, WrapKey, epoch_of, leaf, subscriber_root, wrap_key
from tiers.wire.message.envelope import (
    MAX_PLAINTEXT,
    Channel,
    Envelope,
    Jwe,
    Protected,
    Recipient,
    RecipientHeader,
    Service,
    format_jwe,
    format_protected,
    parse_envelope,
    parse_protected,
)
from tiers.wire.message.sealing import (
    ContentKey,
    HpkeJwk,
    HpkePrivateJwk,
    HpkePrivateKey,
    HpkePublicKey,
    decrypt_with,
    encrypt_for,
    open_content,
    open_message,
    recipient_info,
    seal_content,
    unwrap_from_carrier,
    wrap_for_carrier,
)

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors" / "jose-hpke.json"
INTEROP = Path(__file__).parents[1] / "interop"
NOW = 1_764_000_000_000
MID = "0190a0b0-0000-7000-8000-000000000001"
ALICE, BOB, ORG = "2100000a", "2100000b", "S50000001"
TEXT = "Meet at six, ünder the bridge.".encode()
DEVICE, BES = HpkePrivateKey(b"d" * 32), HpkePrivateKey(b"b" * 32)
DEVICE_KID, BES_KID = f"org/{ORG}/{BOB}/1", f"org/{ORG}/bes/1"

P = 2**255 - 19
ORDER_8 = 325606250916557431795983626356110631294008115727848805560023387167927233504
OTHER_8 = 39382357235489614581723060781553021112529911719440698176882885853963445705823
CEK = ContentKey(b"k" * 32)
ENDS = ALICE, BOB
CONSUMER = format_protected(
    Protected(
        "message+jwe", "A256GCM", MID, Channel.CONSUMER, Service.BBM, ALICE, BOB, NOW, "text/plain", CEK.commitment
    )
)
ENTERPRISE = format_protected(
    Protected("message+jwe", "A256GCM", MID, Channel.ENTERPRISE, Service.BBM, *ENDS, NOW, "JOSE", CEK.commitment, ORG)
)


def message_key(pin: str) -> WrapKey:
    """One subscriber's key for the consumer message (docs/spec/keytree.md)."""
    return wrap_key(leaf([subscriber_root(Master(bytes(range(32))), pin)], epoch_of(NOW)), CONSUMER)


def consumer() -> Jwe:
    kids = {pin: f"carrier/in/{pin}/{epoch_of(NOW)}" for pin in (ALICE, BOB)}
    recipients = [wrap_for_carrier(kid, CEK, message_key(pin)) for pin, kid in kids.items()]
    return seal_content(CEK, CONSUMER, recipients, TEXT)


def enterprise() -> Jwe:
    recipients = [encrypt_for(DEVICE_KID, CEK, DEVICE.public), encrypt_for(BES_KID, CEK, BES.public)]
    return seal_content(CEK, ENTERPRISE, recipients, TEXT)


def oct_jwk(key: WrapKey) -> dict[str, str]:
    return {"kty": "oct", "alg": "A256GCMKW", "k": b64u(key.reveal())}


def own(whole: Jwe, at: int) -> dict[str, object]:
    """The same JWE for one of its recipients (RFC 7516, section 7.2.2)."""
    one = msgspec.to_builtins(whole.recipients[at])
    rest = {name: value for name, value in msgspec.to_builtins(whole).items() if name != "recipients"}
    return rest | one


def test_each_reader_opens_the_same_message():
    whole = consumer()

    for at, pin in enumerate((ALICE, BOB)):
        assert open_content(whole, unwrap_from_carrier(whole.recipients[at], message_key(pin))) == TEXT


def test_device_and_key_server_each_open_an_enterprise_message():
    whole = enterprise()

    for at, key in enumerate((DEVICE, BES)):
        assert open_content(whole, decrypt_with(whole.recipients[at], key)) == TEXT


def test_a_consumer_message_opens_with_its_message_key_in_jwcrypto():
    token = jwcrypto_jwe.JWE(algs=["A256GCMKW", "A256GCM"])
    token.deserialize(format_jwe(consumer()).decode(), jwcrypto_jwk.JWK(**oct_jwk(message_key(BOB))))

    assert token.payload == TEXT


@pytest.mark.parametrize(("at", "pin"), [(0, ALICE), (1, BOB)])
def test_a_consumer_message_opens_with_its_message_key_in_joserfc(at, pin):
    registry = joserfc_jwe.JWERegistry(
        algorithms=["A256GCMKW", "A256GCM"], strict_check_header=False, verify_all_recipients=False
    )

    opened = joserfc_jwe.decrypt_json(
        own(consumer(), at), OctKey.import_key(oct_jwk(message_key(pin))), registry=registry
    )

    assert opened.plaintext == TEXT


@pytest.mark.skipif(shutil.which("jose") is None, reason="Debian's jose is not installed (apt-get install jose)")
@pytest.mark.parametrize("pin", [ALICE, BOB])
def test_a_consumer_message_opens_with_its_message_key_in_debians_jose(tmp_path, pin):
    (tmp_path / "message.json").write_bytes(format_jwe(consumer()))
    (tmp_path / "key.jwk").write_text(json.dumps(oct_jwk(message_key(pin))))

    done = subprocess.run(
        ["jose", "jwe", "dec", "-i", "message.json", "-k", "key.jwk"], cwd=tmp_path, capture_output=True, check=True
    )

    assert done.stdout == TEXT


@pytest.mark.skipif(shutil.which("jose") is None, reason="Debian's jose is not installed (apt-get install jose)")
def test_debians_jose_opens_nothing_with_another_key(tmp_path):
    (tmp_path / "message.json").write_bytes(format_jwe(consumer()))
    (tmp_path / "key.jwk").write_text(json.dumps(oct_jwk(message_key("2100000c"))))

    done = subprocess.run(
        ["jose", "jwe", "dec", "-i", "message.json", "-k", "key.jwk"], cwd=tmp_path, capture_output=True, check=False
    )

    assert (done.returncode != 0, done.stdout) == (True, b"")


NODE = shutil.which("node")
NEEDS_NODE = pytest.mark.skipif(
    NODE is None or not (INTEROP / "node_modules" / "hpke").is_dir(),
    reason="Node or the packages of tests/interop are not installed (npm ci in tests/interop)",
)


def private_jwk(key: HpkePrivateKey) -> HpkePrivateJwk:
    return HpkePrivateJwk(pub=b64u(key.public.raw), priv=b64u(key.reveal()))


def open_in_node(whole: Jwe, key: HpkePrivateKey, kid: str) -> subprocess.CompletedProcess[bytes]:
    asked = {"jwe": msgspec.to_builtins(whole), "jwk": msgspec.to_builtins(private_jwk(key)), "kid": kid}
    return subprocess.run(
        [str(NODE), "open.mjs"], cwd=INTEROP, input=msgspec.json.encode(asked), capture_output=True, check=False
    )


@NEEDS_NODE
@pytest.mark.parametrize(("key", "kid"), [(DEVICE, DEVICE_KID), (BES, BES_KID)])
def test_an_enterprise_message_opens_with_the_private_jwk_in_an_implementation_not_ours(key, kid):
    done = open_in_node(enterprise(), key, kid)

    assert (done.stdout, done.returncode) == (TEXT, 0)


@NEEDS_NODE
def test_that_implementation_opens_nothing_with_another_jwk():
    done = open_in_node(enterprise(), HpkePrivateKey(b"x" * 32), BES_KID)

    assert (done.stdout, done.returncode != 0) == (b"", True)


P256, P384, P521 = ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()
SUITES = {
    "HPKE-0-KE": (P256, hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_128_GCM),
    "HPKE-1-KE": (P384, hpke.KEM.P384, hpke.KDF.HKDF_SHA384, hpke.AEAD.AES_256_GCM),
    "HPKE-2-KE": (P521, hpke.KEM.P521, hpke.KDF.HKDF_SHA512, hpke.AEAD.AES_256_GCM),
    "HPKE-3-KE": (None, hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_128_GCM),
    "HPKE-4-KE": (None, hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305),
    "HPKE-7-KE": (P256, hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
}
CANNOT = {
    "HPKE-5-KE": "no KEM over X448 in the library",
    "HPKE-6-KE": "no KEM over X448 in the library",
    **{
        f"HPKE-{number}": "integrated encryption needs HPKE aad, which the library does not take" for number in range(8)
    },
}
NEEDS_VECTORS = pytest.mark.skipif(not VECTORS.exists(), reason=f"{VECTORS.name} is missing beside the checkout")


def vectors() -> dict[str, dict[str, object]]:
    return {one["alg"]: one for one in json.loads(VECTORS.read_text())} if VECTORS.exists() else {}


def private_key(jwk: dict[str, str], curve: ec.EllipticCurve | None):
    secret = unb64u(jwk["d"], "x")
    if curve is None:
        return x25519.X25519PrivateKey.from_private_bytes(secret)
    return ec.derive_private_key(int.from_bytes(secret), curve)


@NEEDS_VECTORS
def test_every_public_vector_is_either_checked_or_excused():
    assert set(vectors()) == SUITES.keys() | CANNOT.keys()


@NEEDS_VECTORS
def test_the_excuses_still_hold():
    assert not hasattr(hpke.KEM, "X448")
    with pytest.raises(TypeError, match="aad"):
        hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_128_GCM).decrypt(
            b"", x25519.X25519PrivateKey.generate(), aad=b""
        )


@NEEDS_VECTORS
@pytest.mark.parametrize("form", ["flattened", "compact"])
@pytest.mark.parametrize("alg", sorted(SUITES))
def test_a_public_vector_opens_by_our_rules_of_key_encryption(alg, form):
    curve, *suite = SUITES[alg]
    vector = vectors()[alg]
    names = ("protected", "encrypted_key", "iv", "ciphertext", "tag")
    parts = vector[form] if form == "flattened" else dict(zip(names, vector["compact"].split("."), strict=True))
    header = json.loads(unb64u(parts["protected"], "x"))
    sealed = unb64u(header["ek"], "x") + unb64u(parts["encrypted_key"], "x")

    cek = hpke.Suite(*suite).decrypt(sealed, private_key(vector["jwk"], curve), info=recipient_info(header["enc"]))

    additional = parts["protected"] + (f".{parts['aad']}" if "aad" in parts else "")
    content = unb64u(parts["ciphertext"], "x") + unb64u(parts["tag"], "x")
    opened = AESGCM(cek).decrypt(unb64u(parts["iv"], "x"), content, additional.encode())
    assert opened.decode() == (
        "You can trust us to stick with you through thick and thin-to the bitter end. And you can trust us to "
        "keep any secret of yours-closer than you keep it yourself. But you cannot trust us to let you face "
        "trouble alone, and go off without a word. We are your friends, Frodo."
    )


def test_a_private_jwk_makes_the_round_trip_and_fits_its_public_half():
    jwk = private_jwk(DEVICE)

    again = HpkePrivateKey.from_jwk(msgspec.json.decode(msgspec.json.encode(jwk), type=HpkePrivateJwk))

    assert again == DEVICE
    assert (jwk.kty, jwk.alg, jwk.pub) == ("AKP", "HPKE-9-KE", DEVICE.public.jwk().pub)
    assert (len(unb64u(jwk.priv, "x")), len(unb64u(jwk.pub, "x"))) == (32, 1216)


def test_a_public_jwk_makes_the_round_trip():
    assert HpkePublicKey.from_jwk(DEVICE.public.jwk()) == DEVICE.public


@pytest.mark.parametrize(
    "jwk",
    [
        HpkePrivateJwk(pub="", priv=""),
        HpkePrivateJwk(pub="", priv=b64u(b"x" * 31)),
        HpkePrivateJwk(pub="", priv=b64u(b"x" * 32), alg="HPKE-0"),
        HpkePrivateJwk(pub="", priv=b64u(b"x" * 32), kty="OKP"),
    ],
)
def test_another_private_jwk_is_refused(jwk):
    with pytest.raises(Yours) as refused:
        HpkePrivateKey.from_jwk(jwk)

    assert refused.value.code == "jwk.malformed"


@given(st.binary(max_size=1300).map(b64u) | st.text(max_size=50))
def test_a_public_jwk_is_a_key_or_refused(pub):
    try:
        key = HpkePublicKey.from_jwk(HpkeJwk(pub=pub))
    except Yours as error:
        assert error.code == "jwk.malformed"
    else:
        assert key.jwk().pub == pub


def test_no_key_shows_itself():
    key = ContentKey(b"k" * 32)

    assert repr([key, DEVICE, message_key(BOB)]) == "[<ContentKey>, <HpkePrivateKey>, <WrapKey>]"


@pytest.mark.parametrize("make", [consumer, enterprise])
@given(data=st.data())
def test_a_message_with_any_byte_altered_opens_for_nobody(make, data):
    whole = make()
    member = data.draw(st.sampled_from(["protected", "iv", "ciphertext", "tag"]))
    raw = bytearray(unb64u(getattr(whole, member), "x"))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    altered = msgspec.structs.replace(whole, **{member: b64u(bytes(raw))})
    cek = (
        unwrap_from_carrier(whole.recipients[1], message_key(BOB))
        if make is consumer
        else decrypt_with(whole.recipients[0], DEVICE)
    )

    with pytest.raises(Yours) as refused:
        open_content(altered, cek)

    assert refused.value.code == "sealing.content"


@given(st.integers(0, 1119), st.integers(1, 255))
def test_an_encapsulated_key_with_any_byte_altered_opens_for_nobody(at, other):
    recipient = enterprise().recipients[0]
    ek = bytearray(unb64u(recipient.header.ek, "x"))
    ek[at] ^= other
    head = msgspec.structs.replace(recipient.header, ek=b64u(bytes(ek)))

    with pytest.raises(Yours) as refused:
        decrypt_with(Recipient(head, recipient.encrypted_key), DEVICE)

    assert refused.value.code == "sealing.key"


PARTS = st.just(msgspec.UNSET) | st.text(max_size=30) | st.binary(max_size=40).map(b64u)
HEADS = st.builds(RecipientHeader, st.sampled_from(["A256GCMKW", "HPKE-9-KE"]), st.text(), PARTS, PARTS, PARTS)


@given(st.builds(Recipient, HEADS, st.text(max_size=30) | st.binary(max_size=60).map(b64u)))
def test_whatever_a_recipient_says_it_is_refused_with_our_own_error(recipient):
    for opens, key in ((unwrap_from_carrier, message_key(BOB)), (decrypt_with, DEVICE)):
        with pytest.raises(TiersError) as refused:
            opens(recipient, key)
        assert refused.value.code == "sealing.key"


def test_the_biggest_content_is_sealed_and_one_byte_more_is_not():
    recipient = wrap_for_carrier(f"carrier/in/{ALICE}/{epoch_of(NOW)}", CEK, message_key(ALICE))

    assert parse_envelope(format_jwe(seal_content(CEK, CONSUMER, [recipient], bytes(MAX_PLAINTEXT))))
    with pytest.raises(TooLarge) as refused:
        seal_content(CEK, CONSUMER, [], bytes(MAX_PLAINTEXT + 1))
    assert refused.value.code == "envelope.too_large"


def test_no_two_messages_share_a_key_or_a_nonce():
    assert len({ContentKey.draw() for _ in range(50)}) == 50
    assert len({seal_content(CEK, CONSUMER, [], TEXT).iv for _ in range(50)}) == 50


def test_the_two_keys_of_one_ciphertext_are_told_apart_by_what_the_header_commits_to():
    first, second = KEYS
    header = msgspec.structs.replace(parse_protected(CONSUMER), cmt=first.commitment)
    jwe = two_texts(format_protected(header), [])

    assert open_content(jwe, first)[:16] == TEXTS[0]
    assert open_content(jwe, second)[16:32] == TEXTS[1]
    assert open_message(Envelope(header, jwe), first)[:16] == TEXTS[0]
    with pytest.raises(Yours, match=r"^sealing\.commitment"):
        open_message(Envelope(header, jwe), second)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_commitment_is_hkdf_and_no_two_keys_share_one(one, other):
    expanded = HKDFExpand(SHA256(), 32, b"tiers/v1 commit").derive(one)

    assert ContentKey(one).commitment == b64u(expanded)
    assert (ContentKey(one).commitment == ContentKey(other).commitment) == (one == other)


@pytest.mark.parametrize("small", [0, 1, P - 1, P, P + 1, 2 * P - 1, 2**255 - 1, ORDER_8, OTHER_8, 2**255, 2**255 + 1])
def test_a_key_with_an_x25519_half_that_protects_nothing_or_has_two_spellings_is_refused(small):
    raw = DEVICE.public.raw[:-32] + small.to_bytes(32, "little")

    with pytest.raises(Yours, match=r"^jwk\.malformed"):
        HpkePublicKey(raw)


def test_a_key_with_an_ml_kem_half_that_hides_nothing_is_refused():
    with pytest.raises(Yours, match=r"^jwk\.malformed"):
        HpkePublicKey(bytes(1152) + DEVICE.public.raw[1152:])


def test_an_encapsulated_key_of_small_order_opens_for_nobody():
    recipient = enterprise().recipients[0]
    ek = unb64u(recipient.header.ek, "x")[:-32]
    for small in (0, 1, P - 1, P, P + 1, ORDER_8, OTHER_8):
        head = msgspec.structs.replace(recipient.header, ek=b64u(ek + small.to_bytes(32, "little")))
        with pytest.raises(Yours, match=r"^sealing\.key"):
            decrypt_with(Recipient(head, recipient.encrypted_key), DEVICE)
