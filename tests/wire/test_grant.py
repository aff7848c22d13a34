import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.wire.encoding import b64u, unb64u
from tiers.wire.errors import TiersError
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import EPOCHS, Master, NodeJson, leaf, subscriber_root, window
from tiers.wire.lawful.evidence import verify_evidence
from tiers.wire.lawful.grant import JWE_TYP, MAX_GRANT, Grant, Payload, open_grant, seal_grant, seal_release
from tiers.wire.lawful.release import AskGrant, Release, check_release, terms
from tiers.wire.lawful.warrant import Claims, seal_of
from tiers.wire.log.checkpoint import LogSigner, PinnedLog, ProofOfLogging, WitnessSigner, verify_logged, verify_signed
from tiers.wire.log.leaf import Author, Leaf, encode_leaf
from tiers.wire.log.merkle import TreeHead, leaf_hash
from tiers.wire.message.sealing import ContentKey, HpkePrivateKey, encrypt_for, seal_content

SPEC = Path(__file__).parents[2] / "docs" / "spec"
PAGE = (SPEC / "grant.md").read_text(encoding="utf-8")


def seed(start: int) -> bytes:
    return bytes(range(start, start + 32))


CARRIER, AUDITOR = SigningKey(seed(32)), HpkePrivateKey(seed(64))
LOG = LogSigner("tiers.example/ledger/in", SigningKey(seed(96)))
WITNESS = WitnessSigner("tiers.example/witness/w1", SigningKey(seed(128)))
ROOT = subscriber_root(Master(seed(0)), "2100000a")
PIN = "2100000a"
EPOCH = 8_361_600
PINNED = PinnedLog(LOG.key, (WITNESS.key,))
# The warrant that the page's grant is released under is the one on its own page.
WARRANT = json.loads(re.search(r"```json\n(\{\n  \"payload\".*?)```", (SPEC / "warrant.md").read_text(), re.DOTALL)[1])
CLAIMS = msgspec.json.decode(unb64u(WARRANT["payload"], "test.payload"), type=Claims)
CARRIER_ = Author(Identity(Role.CARRIER, "in"), "IN")
ASK = AskGrant(CLAIMS.jti, 1_764_000_000_000, 1_764_000_300_000, "AAECAwQFBgcICQoLDA0ODw")
KEYS = {"auditor/cbi/1": AUDITOR.public.jwk()}


def logged(one: Leaf) -> ProofOfLogging:
    entry = encode_leaf(one)
    note = LOG.sign(TreeHead(1, leaf_hash(entry)))
    cosigned = note + WITNESS.cosign(verify_signed(note, LOG.key), 1_764_000_361)
    return ProofOfLogging(0, entry.decode(), (), cosigned)


def served(ts: int = 1_763_999_700_000) -> ProofOfLogging:
    return logged(CARRIER_.leaf("warrant.served", ts, "cbi", seal_of(CLAIMS).commit(), open_after=CLAIMS.exp * 1000))


ORDER = check_release(ASK, CLAIMS, "cbi", KEYS, served(), 1_764_000_360_000)
SHOWN = logged(ORDER.leaf(CARRIER_, 1_764_000_360_000))


def payload(start: int = EPOCH, end: int = EPOCH + 5) -> Payload:
    nodes = tuple(NodeJson.of(node) for node in window(ROOT, start, end))
    return Payload(CLAIMS.jti, PIN, start, end, nodes, SHOWN, served())


def seal(said: Payload, *, by: SigningKey = CARRIER, kid: str = "carrier/in") -> bytes:
    return seal_grant(said, by, kid, "auditor/cbi/1", AUDITOR.public)


def opened(raw: bytes, key: HpkePrivateKey = AUDITOR) -> Grant:
    return open_grant(raw, key, {"carrier/in": CARRIER.public})


GRANT = seal(payload())


def refusal(raw: bytes, key: HpkePrivateKey = AUDITOR) -> str:
    with pytest.raises(TiersError) as refused:
        opened(raw, key)
    return refused.value.code


def test_the_pages_grant_opens_to_the_pages_payload():
    jwe = re.search(r"```jwe\n(.*?)```", PAGE, re.DOTALL)
    shown = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[-1]
    assert jwe

    grant = opened(jwe[1].replace("\n", "").encode())

    said = msgspec.convert(json.loads(shown), Payload)
    nodes = tuple(map(NodeJson.of, grant.nodes))
    assert Payload(grant.jti, grant.sub, grant.start, grant.end, nodes, grant.evidence, grant.since) == said
    assert verify_evidence(grant.evidence, CLAIMS, PINNED).leaf.type == "grant.released"
    assert CARRIER.public.jwk().x in PAGE


@given(st.tuples(st.integers(0, EPOCHS), st.integers(0, EPOCHS)).filter(lambda pair: pair[0] != pair[1]).map(sorted))
def test_any_window_makes_the_round_trip_and_fits(span):
    start, end = span

    raw = seal(payload(start, end))
    grant = opened(raw)

    assert len(raw) < MAX_GRANT // 2
    assert (grant.start, grant.end) == (start, end)
    assert leaf(grant.nodes, start) == leaf([ROOT], start)


def test_a_grant_opens_for_its_auditor_alone():
    assert refusal(seal(payload()), HpkePrivateKey(b"x" * 32)) == "sealing.key"


def test_a_grant_is_the_carriers_word_and_nobody_elses():
    assert refusal(seal(payload(), by=SigningKey(b"x" * 32))) == "grant.signature"
    assert refusal(seal(payload(), kid="carrier/xx")) == "grant.carrier"


@pytest.mark.parametrize(
    ("start", "end"),
    [(EPOCH, EPOCH + 4), (EPOCH, EPOCH + 6), (EPOCH + 1, EPOCH + 5), (EPOCH, EPOCH), (EPOCH + 5, EPOCH), (-1, EPOCHS)],
)
def test_a_grant_that_opens_more_or_less_than_it_says_is_refused(start, end):
    said = msgspec.structs.replace(payload(), start=start, end=end)

    assert refusal(seal(said)) == "grant.cover"


def test_a_node_too_many_is_refused():
    said = payload()

    assert refusal(seal(msgspec.structs.replace(said, nodes=(*said.nodes, said.nodes[0])))) == "grant.cover"


def test_the_root_is_no_cover_of_five_minutes():
    assert refusal(seal(msgspec.structs.replace(payload(), nodes=(NodeJson.of(ROOT),)))) == "grant.cover"


def test_a_jws_of_another_type_is_no_grant():
    token = CARRIER.sign_compact({"typ": "warrant+jws", "kid": "carrier/in"}, msgspec.json.encode(payload()))

    assert refusal(_wrap(JWE_TYP, token.encode())) == "grant.signature"


def test_a_jwe_of_another_type_is_no_grant():
    assert refusal(_wrap("message+jwe", b"x")) == "grant.malformed"


@given(st.binary(max_size=200))
def test_whatever_is_sealed_to_an_auditor_it_is_refused_with_our_own_error(inside):
    assert refusal(_wrap(JWE_TYP, inside)) == "grant.signature"


@given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_whatever_bytes_come_they_are_refused_with_our_own_error(raw):
    assert refusal(raw)


@given(st.data())
def test_a_grant_with_any_byte_altered_is_refused(data):
    raw = bytearray(GRANT)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))

    try:
        grant = opened(bytes(raw))
    except TiersError:
        return
    # The recipient's name is the one member that no key authenticates: it says who may try, and changes nothing else.
    assert grant == opened(GRANT)


def test_no_grant_shows_its_keys():
    said = payload()

    assert said.nodes[0].key not in repr(said) + repr(opened(seal(said)))


def released(order: Release, by: ProofOfLogging) -> bytes:
    nodes = window(ROOT, order.start, order.end)
    return seal_release(order, verify_logged(by, PINNED), nodes, "carrier/in", CARRIER)


@pytest.mark.parametrize(
    ("ask", "of"),
    [
        ({"nonce": "BAECAwQFBgcICQoLDA0ODw"}, {}),
        ({"start": ASK.start + 60_000}, {}),
        ({"until": ASK.until - 60_000}, {}),
        ({}, {"sub": "2100000b"}),
        ({}, {"salt": "s" * 42 + "w"}),
    ],
    ids=["nonce", "from", "until", "target", "salt"],
)
def test_one_leaf_serves_one_release(ask: dict[str, object], of: dict[str, object]):
    changed, claims = msgspec.structs.replace(ASK, **ask), msgspec.structs.replace(CLAIMS, **of)
    other = check_release(changed, claims, "cbi", KEYS, served(), 1_764_000_360_000)

    assert opened(released(ORDER, SHOWN)).end == ORDER.end
    with pytest.raises(TiersError) as refused:
        released(other, SHOWN)

    assert refused.value.code == "grant.unlogged"


@pytest.mark.parametrize(("since", "code"), [(0, None), (59_999, None), (60_000, "grant.retroactive")])
def test_no_minute_is_granted_before_the_one_in_which_the_warrant_was_served(since: int, code: str | None):
    came = served(ASK.start + since)
    if code is None:
        assert check_release(ASK, CLAIMS, "cbi", KEYS, came, 1_764_000_360_000).since == came
        return
    with pytest.raises(TiersError) as refused:
        check_release(ASK, CLAIMS, "cbi", KEYS, came, 1_764_000_360_000)
    assert refused.value.code == code


@given(st.tuples(st.integers(0, EPOCHS - 1), st.integers(1, EPOCHS), st.text("ABC", min_size=22, max_size=22)))
def test_terms_differ_where_anything_differs(of):
    assert (terms(CLAIMS, *of) == terms(CLAIMS, EPOCH, EPOCH + 5, ASK.nonce)) == (of == (EPOCH, EPOCH + 5, ASK.nonce))


def _wrap(typ: str, inside: bytes) -> bytes:
    protected = b64u(msgspec.json.encode({"typ": typ, "enc": "A256GCM", "cty": "JOSE"}))
    cek = ContentKey.draw()
    return msgspec.json.encode(
        seal_content(cek, protected, [encrypt_for("auditor/cbi/1", cek, AUDITOR.public)], inside)
    )
