"""The envelope parser: one spelling, a named refusal for each mistake, and the quick look never sees it otherwise."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.encoding import b64u
from tiers.wire.errors import TiersError, TooLarge
from tiers.wire.message import envelope as module
from tiers.wire.message.envelope import (
    MAX_ENVELOPE,
    BesKid,
    CarrierKid,
    Channel,
    DeviceKid,
    Envelope,
    Jwe,
    Protected,
    Recipient,
    RecipientHeader,
    Service,
    check_recipient,
    find_recipient,
    format_envelope,
    format_kid,
    format_protected,
    parse_envelope,
    parse_kid,
    parse_protected,
)
from tiers.wire.message.spelling import is_spelled

MID = "019b76da-a800-7000-8000-000000000001"
TS = 1_767_225_600_000


def octets(n: int, fill: int = 7) -> str:
    return b64u(bytes([fill]) * n)


def head(channel: str = "consumer", **changed: Any) -> dict[str, Any]:
    """Protected header members, in order."""
    consumer = channel == "consumer"
    members: dict[str, Any] = {
        "typ": "message+jwe",
        "enc": "A256GCM",
        "mid": MID,
        "channel": channel,
        "service": "bbm",
        "from": "2100000a",
        "to": "2100000b",
        "ts": TS,
        "cty": "text/plain" if consumer else "JOSE",
        "cmt": "A" * 43,
    }
    return members | ({} if consumer else {"org": "S50000001"}) | changed


def wrapped(kid: str = "carrier/in/2100000a/8415360", **changed: Any) -> dict[str, Any]:
    members = {"alg": "A256GCMKW", "kid": kid, "iv": octets(12), "tag": octets(16)} | changed
    return {"header": members, "encrypted_key": octets(32)}


def sealed(kid: str = "org/S50000001/2100000b/1", **changed: Any) -> dict[str, Any]:
    return {"header": {"alg": "HPKE-9-KE", "kid": kid, "ek": octets(1120)} | changed, "encrypted_key": octets(48)}


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def raw(protected: dict[str, Any] | str | None = None, **changed: Any) -> bytes:
    """An envelope as bytes; a protected header may be given as its JSON text."""
    text = protected if isinstance(protected, str) else compact(protected or head())
    members: dict[str, Any] = {
        "protected": b64u(text.encode()),
        "recipients": [wrapped()],
        "iv": octets(12),
        "ciphertext": octets(40),
        "tag": octets(16),
    }
    return compact(members | changed).encode()


ENTERPRISE = [sealed(), sealed("org/S50000001/bes/1")]
GOOD = {
    "consumer": raw(),
    "consumer mail": raw(head(service="email", cty="message/rfc822")),
    "admitted": raw(recipients=[wrapped(), wrapped("carrier/in/2100000b/8415360")]),
    "enterprise": raw(head("enterprise"), recipients=ENTERPRISE),
    "two customers": raw(head("enterprise"), recipients=[*ENTERPRISE, sealed("org/S50000002/bes/3")]),
    "empty": raw(ciphertext=""),
}


def refusal(data: bytes | str) -> str:
    with pytest.raises(TiersError) as caught:
        parse_envelope(data)
    assert MID not in caught.value.detail
    return caught.value.code


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD.keys())
def test_a_well_formed_envelope_comes_out_as_it_went_in(data: bytes) -> None:
    parsed = parse_envelope(data)
    assert format_envelope(parsed) == data
    assert format_protected(parsed.header) == parsed.jwe.protected
    assert parse_envelope(data.decode()) == parsed
    assert is_spelled(data)


def test_the_members_are_read() -> None:
    parsed = parse_envelope(GOOD["enterprise"])
    assert parsed.header == Protected(
        "message+jwe",
        "A256GCM",
        MID,
        Channel.ENTERPRISE,
        Service.BBM,
        "2100000a",
        "2100000b",
        TS,
        "JOSE",
        "A" * 43,
        "S50000001",
    )
    assert [one.header.kid for one in parsed.jwe.recipients] == ["org/S50000001/2100000b/1", "org/S50000001/bes/1"]


def without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}


TEXT = compact(head())
HEADERS = {
    "another mid version": (head(mid=MID.replace("-7", "-4", 1)), "envelope.malformed"),
    "mid in capitals": (head(mid=MID.upper()), "envelope.malformed"),
    "mid and a line feed": (head(mid=MID + "\n"), "envelope.malformed"),
    "pin in capitals": (head(to="2100000B"), "envelope.malformed"),
    "pin of seven": (head(**{"from": "2100000"}), "envelope.malformed"),
    "two pins in one": (head(**{"from": "2100000a 2100000b"}, to=""), "envelope.malformed"),
    "a pin in the mid": (head(mid=f"{MID} 2100000a", **{"from": "2100000b"}, to="-"), "envelope.malformed"),
    "no org, said": (head("enterprise", org="-"), "envelope.malformed"),
    "an empty org": (head("enterprise", org=""), "envelope.malformed"),
    "org of seven": (head("enterprise", org="S5000000"), "envelope.malformed"),
    "org in the commitment": (head("enterprise", org="", cmt="S50000001 " + "A" * 43), "envelope.commitment"),
    "unknown channel": (head(channel="other"), "envelope.malformed"),
    "unknown service": (head(service="sms"), "envelope.malformed"),
    "time before 2010": (head(ts=1_262_303_999_999), "envelope.malformed"),
    "time after the tree": (head(ts=2_268_936_960_000), "envelope.malformed"),
    "time as a text": (head(ts=str(TS)), "envelope.malformed"),
    "time as a float": (TEXT.replace(str(TS), f"{TS}.0"), "envelope.malformed"),
    "member missing": (without(head(), "cty"), "envelope.malformed"),
    "member too many": (head(x=1), "envelope.malformed"),
    "org in a consumer message": (head(org="S50000001"), "envelope.header"),
    "no org in an enterprise message": (without(head("enterprise"), "org"), "envelope.header"),
    "malformed org": (head("enterprise", org="S5000001"), "envelope.malformed"),
    "another typ": (head(typ="JWE"), "envelope.header"),
    "another enc": (head(enc="A128GCM"), "envelope.header"),
    "cty of the other service": (head(cty="message/rfc822"), "envelope.header"),
    "two members exchanged": (compact(dict(reversed(head().items()))), "envelope.spelling"),
    "a space": (TEXT.replace(",", ", ", 1), "envelope.spelling"),
    "an escape": (TEXT.replace("bbm", r"bb\u006d"), "envelope.spelling"),
    "a member twice": (TEXT[:-1] + ',"cty":"text/plain"}', "envelope.spelling"),
    "no JSON": ("nonsense", "envelope.malformed"),
    "an array": ("[]", "envelope.malformed"),
    "deep": ("[" * 2000, "envelope.malformed"),
}


@pytest.mark.parametrize(("protected", "code"), HEADERS.values(), ids=HEADERS.keys())
def test_each_mistake_in_the_protected_header_has_its_code(protected: dict[str, Any] | str, code: str) -> None:
    data = raw(protected)
    assert refusal(data) == code
    with pytest.raises(TiersError, match=code):
        parse_protected(json.loads(data)["protected"])


WHOLE = raw().decode()
ENVELOPES = {
    "no JSON": ("nonsense", "envelope.malformed"),
    "nothing": ("", "envelope.malformed"),
    "deep": ("[" * 2000, "envelope.malformed"),
    "no UTF-8": (b"\xff" + raw(), "envelope.malformed"),
    "a lone surrogate": ('{"protected":"\ud800"}', "envelope.malformed"),
    "member missing": (WHOLE.replace(',"tag":"' + octets(16) + '"}', "}"), "envelope.malformed"),
    "member too many": (WHOLE[:-1] + ',"aad":""}', "envelope.malformed"),
    "a space": (WHOLE.replace(",", ", ", 1), "envelope.spelling"),
    "a space behind": (WHOLE + " ", "envelope.spelling"),
    "an escape": (WHOLE.replace("carrier", r"carr\u0069er"), "envelope.spelling"),
    "exchanged members": (compact(dict(reversed(json.loads(WHOLE).items()))), "envelope.spelling"),
    "a member twice": (WHOLE[:-1] + ',"iv":"' + octets(12) + '"}', "envelope.spelling"),
    "no recipient": (raw(recipients=[]), "envelope.recipients"),
    "five recipients": (raw(recipients=[wrapped(f"carrier/in/2100000a/{n}") for n in range(5)]), "envelope.recipients"),
    "a recipient twice": (raw(recipients=[wrapped(), wrapped()]), "envelope.recipients"),
    "a short iv": (raw(iv=octets(11)), "envelope.malformed"),
    "a long tag": (raw(tag=octets(17)), "envelope.malformed"),
    "standard base64": (raw(ciphertext="ab+/"), "envelope.malformed"),
    "padding": (raw(ciphertext="QQ=="), "envelope.malformed"),
    "unused bits in the ciphertext": (raw(ciphertext="QR"), "envelope.malformed"),
    "a length that base64 does not have": (raw(ciphertext="QQQQQ"), "envelope.malformed"),
    "unused bits in the tag": (raw(tag=octets(16)[:-1] + "x"), "envelope.malformed"),
    "umlauts": (raw(ciphertext="ä" * 4), "envelope.malformed"),
    "unused bits in the protected header": (raw(protected=octets(40)[:-1] + "_"), "envelope.malformed"),
    "unknown alg": (raw(recipients=[wrapped(alg="dir")]), "envelope.recipient"),
    "alg of the other kind": (raw(recipients=[wrapped(alg="HPKE-9-KE")]), "envelope.recipient"),
    "ek on a wrapped key": (raw(recipients=[wrapped(ek="")]), "envelope.recipient"),
    "no tag": (raw(recipients=[wrapped() | {"header": without(wrapped()["header"], "tag")}]), "envelope.recipient"),
    "a short key": (raw(recipients=[wrapped() | {"encrypted_key": octets(31)}]), "envelope.recipient"),
    "a long ek": (raw(recipients=[sealed(ek=octets(1121))]), "envelope.recipient"),
    "unused bits in a key": (raw(recipients=[wrapped() | {"encrypted_key": "A" * 42 + "d"}]), "envelope.recipient"),
    "unused bits in an ek": (raw(recipients=[sealed(ek=octets(1120)[:-1] + "d")]), "envelope.recipient"),
    "no base64 in an iv": (raw(recipients=[wrapped(iv="!" * 16)]), "envelope.recipient"),
    "a number for a text": (raw(iv=7), "envelope.malformed"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "code"), ENVELOPES.values(), ids=ENVELOPES.keys())
def test_each_mistake_in_the_envelope_has_its_code(data: bytes | str, code: str) -> None:
    assert refusal(data) == code
    if isinstance(data, str) and "\ud800" not in data:
        assert refusal(data.encode()) == code


def test_every_length_has_a_maximum() -> None:
    with pytest.raises(TooLarge):
        parse_envelope(b" " * (MAX_ENVELOPE + 1))
    longest = octets(65_536)
    assert parse_envelope(raw(ciphertext=longest)).jwe.ciphertext == longest
    assert refusal(raw(ciphertext=octets(65_537))) == "envelope.too_large"
    signed = octets(92_160)
    assert len(parse_envelope(raw(head("enterprise"), recipients=ENTERPRISE, ciphertext=signed)).jwe.ciphertext) == len(
        signed
    )
    assert refusal(raw(head("enterprise"), recipients=ENTERPRISE, ciphertext=octets(92_161))) == "envelope.too_large"


KIDS = {
    "carrier/in/2100000a/8415360": CarrierKid("in", "2100000a", 8_415_360),
    "carrier/in/2100000a/0": CarrierKid("in", "2100000a", 0),
    "org/S50000001/2100000b/3": DeviceKid("S50000001", "2100000b", 3),
    "org/S50000001/bes/12": BesKid("S50000001", 12),
}


@pytest.mark.parametrize(("text", "kid"), KIDS.items())
def test_a_kid_is_read_and_written(text: str, kid: CarrierKid | DeviceKid | BesKid) -> None:
    assert parse_kid(text) == kid
    assert format_kid(kid) == text


@pytest.mark.parametrize(
    "kid",
    ["", "carrier", "carrier/in/2100000a/01", "carrier/in/2100000A/1", "carrier/IN/2100000a/1", "org/S5/bes/1",
     "org/S50000001/bes/-1", "org/S50000001/bes/1/", "org/S50000001/bes/1\n", " org/S50000001/bes/1",
     "carrier/in/2100000a/1234567890"],
)  # fmt: skip
def test_a_kid_has_one_spelling(kid: str) -> None:
    with pytest.raises(TiersError, match=r"envelope\.kid"):
        parse_kid(kid)


def test_a_recipient_is_found_by_what_its_kid_says() -> None:
    parsed = parse_envelope(GOOD["enterprise"])
    found = find_recipient(parsed, lambda kid: isinstance(kid, BesKid))
    assert found == parsed.jwe.recipients[1]
    assert find_recipient(parsed, lambda kid: isinstance(kid, CarrierKid)) is None


def slowly(data: bytes) -> Envelope | str:
    """Parse without the quick look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "is_spelled", lambda _raw: False)
        return quickly(data)


def quickly(data: bytes) -> Envelope | str:
    try:
        return parse_envelope(data)
    except TiersError as error:
        return error.code


def agree(data: bytes) -> Envelope | str:
    quick = quickly(data)
    assert quick == slowly(data)
    return quick


@given(st.sampled_from(sorted(GOOD.values())), st.data())
def test_one_octet_changed_is_seen_the_same_by_the_quick_look_and_the_slow_one(
    good: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(good) - 1))
    octet = data.draw(st.sampled_from(b'"{}[]:,/\\ \n\x00\xc3AQgwbcd019-_=+'))
    agree(good[:at] + bytes([octet]) + good[at + 1 :])
    agree(good[:at] + bytes([octet]) + good[at:])
    agree(good[:at] + good[at + 1 :])


TEXTS = st.one_of(
    st.text(alphabet="ABQgwx_-", max_size=30),
    st.text(max_size=20),
    st.sampled_from([octets(12), octets(16), octets(32)]),
)
RECIPIENTS = st.builds(
    Recipient,
    st.builds(
        RecipientHeader,
        st.sampled_from(["A256GCMKW", "HPKE-9-KE", "dir"]),
        st.one_of(st.sampled_from(sorted(KIDS)), TEXTS),
        st.one_of(st.just(msgspec.UNSET), TEXTS),
        st.one_of(st.just(msgspec.UNSET), TEXTS),
        st.one_of(st.just(msgspec.UNSET), TEXTS, st.just(octets(1120))),
    ),
    TEXTS,
)
PROTECTED = st.one_of(
    TEXTS, st.sampled_from([b64u(compact(head(name)).encode()) for name in ("consumer", "enterprise")])
)
JWES = st.builds(Jwe, PROTECTED, st.lists(RECIPIENTS, max_size=5).map(tuple), TEXTS, TEXTS, TEXTS)


@given(JWES)
def test_any_jwe_is_seen_the_same_by_the_quick_look_and_the_slow_one(jwe: Jwe) -> None:
    try:
        data = msgspec.json.encode(jwe)
    except UnicodeEncodeError:
        return
    seen = agree(data)
    if isinstance(seen, Envelope):
        assert format_envelope(seen) == data


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_nothing_but_our_own_errors_ever_escapes_from_an_envelope(data: bytes | str) -> None:
    with pytest.raises(TiersError, match=r"^envelope\."):
        parse_envelope(data)


@given(st.text(max_size=300))
def test_nothing_but_our_own_errors_ever_escapes_from_a_header_or_a_kid(text: str) -> None:
    for parse in (parse_protected, parse_protected_json, parse_kid):
        try:
            parse(text)
        except TiersError as error:
            assert error.code.startswith("envelope.")


def parse_protected_json(text: str) -> Protected:
    return parse_protected(b64u(text.encode(errors="replace")))


@given(st.builds(Recipient, st.builds(RecipientHeader, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS), TEXTS))
def test_a_recipient_with_all_members_is_none(recipient: Recipient) -> None:
    with pytest.raises(TiersError, match=r"envelope\.recipient"):
        check_recipient(recipient)
