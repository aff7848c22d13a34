import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.api.enterprise import Activate, Activated
from tiers.wire.enterprise import activation
from tiers.wire.enterprise.directory import BES_TYP, ENTRY_TYP, PARTNER_TYP, BesKey, Entry, Partner, sign_statement
from tiers.wire.errors import TiersError, Unauthenticated, Yours
from tiers.wire.keys.jose import PublicJwk, SigningKey
from tiers.wire.message.sealing import HpkeJwk, HpkePrivateKey

SPEC = Path(__file__).parents[2] / "docs" / "spec"
ORG, PIN, NOW = "S50000001", "a11ce001", 1_764_000_000_000
ROOT, SIGN = SigningKey(b"R" * 32), SigningKey(b"D" * 32).public.jwk()
HPKE, BES = HpkePrivateKey(b"H" * 32).public.jwk(), HpkePrivateKey(b"B" * 32).public.jwk()
ENTRY, BES_KEY = Entry(ORG, PIN, 1, HPKE, SIGN, NOW), BesKey(ORG, 1, BES, NOW)
PARTNER = Partner("S50000002", SigningKey(b"G" * 32).public.jwk())
PASSWORD = activation.format_password(bytes(range(10)))
KEY = activation.activation_key(PASSWORD)
ASKED = activation.request(PASSWORD, PIN, SIGN, HPKE)


def signed(statement, typ=ENTRY_TYP, org=ORG, root=ROOT) -> str:
    return sign_statement(root, org, typ, statement)


def answer(**changed) -> Activated:
    members = {"org": ORG, "root": ROOT.public.jwk(), "bes": signed(BES_KEY, BES_TYP), "entry": signed(ENTRY)}
    return activation.answer(KEY, **members | changed)


def block(page: str, kind: str) -> str:
    text = (SPEC / page).read_text(encoding="utf-8")
    return re.search(rf"```{kind}\n(.*?)\n```", text, re.DOTALL)[1]


def shortened(value):
    if isinstance(value, dict):
        return {name: shortened(member) for name, member in value.items()}
    return f"{value[:12]}…{value[-12:]}" if isinstance(value, str) and len(value) > 100 else value


@pytest.mark.parametrize(
    ("page", "kind", "made"),
    [
        ("activation.md", "request", ASKED),
        ("activation.md", "answer", answer()),
        ("directory.md", "entry", ENTRY),
        ("directory.md", "bes", BES_KEY),
        ("directory.md", "partner", PARTNER),
    ],
)
def test_the_examples_of_the_specifications_are_real(page, kind, made):
    assert json.loads(block(page, kind)) == shortened(msgspec.to_builtins(made))


def test_the_password_the_key_and_the_partner_statement_of_the_examples_are_real():
    assert block("activation.md", "password") == PASSWORD
    assert block("activation.md", "key") == KEY.reveal().hex()
    assert block("directory.md", "partner-jws") == signed(PARTNER, PARTNER_TYP)


def test_the_mac_is_the_one_that_the_page_spells_out():
    import hashlib
    import hmac

    from tiers.wire.encoding import b64u

    parts = ["tiers/v1 activate", PIN, "OKP", "Ed25519", SIGN.x, "AKP", "HPKE-9-KE", HPKE.pub]
    message = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in parts)
    key = hmac.new(PASSWORD.encode(), b"tiers/v1 activation key", hashlib.sha256).digest()
    assert b64u(hmac.new(key, message, hashlib.sha256).digest()) == ASKED.mac


@given(st.binary(min_size=10, max_size=10))
def test_a_password_is_sixteen_characters_that_nobody_mixes_up(raw):
    password = activation.format_password(raw)
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{16}", password)
    assert int(
        "".join(f"{'0123456789ABCDEFGHJKMNPQRSTVWXYZ'.index(one):05b}" for one in password), 2
    ) == int.from_bytes(raw)


@pytest.mark.parametrize("raw", [b"", bytes(9), bytes(11)])
def test_a_password_of_another_length_is_a_mistake_of_ours(raw):
    with pytest.raises(ValueError, match="10 bytes"):
        activation.format_password(raw)


@pytest.mark.parametrize("typed", ["000g40r40m30e209", "000G-40R4-0M30-E209", " OOOG 4OR4 OM3O E2O9 "])
def test_what_people_do_to_a_password_is_forgiven(typed):
    assert activation.activation_key(typed) == KEY


def test_i_and_l_are_one():
    assert activation.activation_key("ILil111111111111") == activation.activation_key("1" * 16)


@pytest.mark.parametrize("typed", ["", "0" * 15, "0" * 17, "U" + "0" * 15, "é" + "0" * 15])
def test_what_can_be_no_password_is_said_to_be_none(typed):
    with pytest.raises(Yours, match=r"^activation\.typed"):
        activation.activation_key(typed)


def test_both_ends_of_a_good_activation_believe_each_other():
    assert activation.verify_request(KEY, ASKED) == ASKED
    pinned = activation.verify_answer(PASSWORD, ASKED, answer())
    assert pinned == activation.Pinned(ORG, ROOT.public, BES_KEY, ENTRY)


OTHER_SIGN, OTHER_HPKE = SigningKey(b"d" * 32).public.jwk(), HpkePrivateKey(b"h" * 32).public.jwk()
ROGUE = SigningKey(b"r" * 32)


@pytest.mark.parametrize(
    "changed", [{"pin": "b0b00001"}, {"sign": OTHER_SIGN}, {"hpke": OTHER_HPKE}, {"mac": "A" + ASKED.mac[1:]}]
)
def test_every_member_of_a_request_is_under_the_mac(changed):
    with pytest.raises(Unauthenticated, match=r"^activation\.password"):
        activation.verify_request(KEY, msgspec.structs.replace(ASKED, **changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"org": "S50000002"},
        {"root": ROGUE.public.jwk()},
        {"bes": signed(msgspec.structs.replace(BES_KEY, hpke=OTHER_HPKE), BES_TYP)},
        {"entry": signed(msgspec.structs.replace(ENTRY, generation=2))},
        {"mac": "A" + answer().mac[1:]},
    ],
)
def test_every_member_of_an_answer_is_under_the_mac(changed):
    with pytest.raises(Yours, match=r"^activation\.answer"):
        activation.verify_answer(PASSWORD, ASKED, msgspec.structs.replace(answer(), **changed))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"root": ROGUE.public.jwk()}, "directory.signature"),
        ({"bes": signed(BES_KEY, BES_TYP, root=ROGUE)}, "directory.signature"),
        ({"entry": signed(ENTRY, root=ROGUE)}, "directory.signature"),
        ({"bes": signed(ENTRY)}, "directory.signature"),
        ({"org": "S50000002"}, "directory.root"),
        ({"entry": signed(msgspec.structs.replace(ENTRY, pin="b0b00001"))}, "activation.entry"),
        ({"entry": signed(msgspec.structs.replace(ENTRY, sign=OTHER_SIGN))}, "activation.entry"),
        ({"entry": signed(msgspec.structs.replace(ENTRY, hpke=OTHER_HPKE))}, "activation.entry"),
        ({"entry": signed(msgspec.structs.replace(ENTRY, org="S50000002"))}, "directory.org"),
    ],
)
def test_a_server_that_knows_the_password_still_has_to_be_consistent(changed, code):
    with pytest.raises(Yours) as caught:
        activation.verify_answer(PASSWORD, ASKED, answer(**changed))
    assert caught.value.code == code


def test_a_request_is_never_an_answer():
    """The same members under the other label are another MAC."""
    assert activation._mac(KEY, "tiers/v1 activate", "x") != activation._mac(KEY, "tiers/v1 activated", "x")
    assert activation._mac(KEY, "ab", "c") != activation._mac(KEY, "a", "bc")


def test_no_repr_shows_a_password_or_its_key():
    assert repr(KEY) == "<ActivationKey>"
    assert PASSWORD not in repr(ASKED) + repr(answer())


jwks = st.builds(PublicJwk, x=st.text(), kty=st.text(), crv=st.text())
hpkes = st.builds(HpkeJwk, pub=st.text(), kty=st.text(), alg=st.text())


@given(st.text(), st.builds(Activate, st.text(), jwks, hpkes, st.text()))
def test_nothing_but_our_own_errors_escapes_from_a_request(password, asked):
    with pytest.raises(TiersError):
        activation.verify_request(activation.activation_key(password), asked)


@given(st.text() | st.just(PASSWORD), st.builds(Activated, st.text(), jwks, st.text(), st.text(), st.text()))
def test_nothing_but_our_own_errors_escapes_from_an_answer(password, said):
    with pytest.raises(TiersError):
        activation.verify_answer(password, ASKED, said)
    with pytest.raises(TiersError):  # one that knows the password and sends nonsense
        activation.verify_answer(PASSWORD, ASKED, activation.answer(KEY, said.org, said.root, said.bes, said.entry))
