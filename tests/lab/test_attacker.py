"""The attacker, on synthetic holdings: what opens is opened with the bytes that were found, and no more follows."""

import os
from dataclasses import dataclass, replace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiers.lab.attack.derive.attacker import Scene, close, derivation, start
from tiers.lab.attack.derive.scene import Case
from tiers.lab.attack.search.secrets import hybrid_secrets, node_secret
from tiers.lab.attack.search.shapes import JWE
from tiers.measure.search.encodings import squeeze
from tiers.measure.search.scan import Chunk, Found, Scanner, Source
from tiers.measure.search.spelling import Known, needles
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import Master, NodeJson, epoch_of, epoch_start, leaf, subscriber_root, window, wrap_key
from tiers.wire.lawful.grant import Payload, seal_grant
from tiers.wire.log.checkpoint import ProofOfLogging
from tiers.wire.message.content import sign_content
from tiers.wire.message.envelope import (
    CTY,
    TYP,
    Channel,
    Jwe,
    Protected,
    Service,
    format_jwe,
    format_protected,
    parse_protected,
)
from tiers.wire.message.sealing import ContentKey, HpkePrivateKey, encrypt_for, seal_content, wrap_for_carrier

ALICE, BOB, PRIYA, QUENTIN = "2100000a", "2100000b", "3100000a", "3100000b"
TS = epoch_start(8_000_000) + 5
EPOCH = epoch_of(TS)
KID = "org/S50000001/3100000b/1"


@dataclass(frozen=True)
class Lab:
    """Secrets, and two messages sealed under them."""

    master: Master
    hpke: HpkePrivateKey
    known: dict[tuple[str, ...], Known]
    consumer: Jwe
    enterprise: Jwe
    scene: Scene

    def found(self, *data: bytes) -> Found:
        chunks = tuple(Chunk(f"file {at}", 0, one) for at, one in enumerate(data))
        return Scanner(needles(self.known.values()), [JWE]).scan(Source("holdings", chunks))

    def reads(self, *data: bytes) -> set[str]:
        knowledge = close(start(self.found(*data), self.known, self.scene), self.scene)
        return {fact[1] for fact in knowledge if fact[0] == "plaintext"}


CEK = ContentKey(b"k" * 32)


def header(channel: Channel, sender: str, to: str, mid: str) -> Protected:
    return Protected(
        TYP, "A256GCM", mid, channel, Service.BBM, sender, to, TS, CTY[channel, Service.BBM], CEK.commitment
    )


@pytest.fixture
def lab() -> Lab:
    master, hpke = Master(os.urandom(32)), HpkePrivateKey(os.urandom(32))
    mids = [f"019a0000-0000-7000-8000-00000000000{n}" for n in (1, 2)]
    protected = format_protected(header(Channel.CONSUMER, ALICE, BOB, mids[0]))
    recipients = []
    for pin in (ALICE, BOB):
        key = wrap_key(leaf([subscriber_root(master, pin)], EPOCH), protected)
        recipients.append(wrap_for_carrier(f"carrier/in/{pin}/{EPOCH}", CEK, key))
    head = header(Channel.ENTERPRISE, PRIYA, QUENTIN, mids[1])
    sent = format_protected(Protected(**{**as_dict(head), "org": "S50000001"}))
    secrets = [Known(("master",), master.reveal()), *hybrid_secrets(KID, hpke.reveal())]
    secrets += [node_secret("alice", node) for node in window(subscriber_root(master, ALICE), EPOCH, EPOCH + 2)]
    cases = {
        protected: Case("bbm", "alice", "bob", Channel.CONSUMER, str(EPOCH)),
        sent: Case("bes", "priya", "quentin", Channel.ENTERPRISE, str(EPOCH)),
    }
    return Lab(
        master,
        hpke,
        {one.fact: one for one in secrets},
        seal_content(CEK, protected, recipients, b"hello"),
        seal_content(CEK, sent, [encrypt_for(KID, CEK, hpke.public)], signed(sent)),
        Scene(cases, (EPOCH, EPOCH + 1)),
    )


def signed(protected: str) -> bytes:
    key, readers = SigningKey(b"s" * 32), ((KID, "A" * 43),)
    return sign_content(key, f"org/S50000001/{PRIYA}/1", protected, Service.BBM, readers, b"hello")


def as_dict(head: Protected) -> dict[str, object]:
    return {name: getattr(head, name) for name in Protected.__struct_fields__}


def both(lab: Lab) -> bytes:
    return format_jwe(lab.consumer) + b"\n" + format_jwe(lab.enterprise)


def test_ciphertext_alone_opens_nothing(lab: Lab) -> None:
    assert lab.reads(both(lab)) == set()


def test_a_stolen_master_opens_every_consumer_message_and_no_other(lab: Lab) -> None:
    assert lab.reads(both(lab), lab.master.reveal()) == {"bbm"}


def test_the_master_opens_as_hex_too(lab: Lab) -> None:
    assert lab.reads(both(lab), lab.master.reveal().hex().encode()) == {"bbm"}


def test_a_key_without_the_message_opens_nothing(lab: Lab) -> None:
    assert lab.reads(lab.master.reveal(), lab.hpke.reveal()) == set()


def test_a_seed_opens_what_was_sealed_to_it(lab: Lab) -> None:
    assert lab.reads(both(lab), lab.hpke.reveal()) == {"bes"}


def test_both_halves_open_and_one_does_not(lab: Lab) -> None:
    mlkem, x25519 = lab.known["mlkem", KID].raw, lab.known["x25519", KID].raw
    assert lab.reads(both(lab), mlkem) == set()
    assert lab.reads(both(lab), x25519) == set()
    assert lab.reads(both(lab), mlkem, x25519) == {"bes"}


def test_a_node_opens_its_minutes_only(lab: Lab) -> None:
    later = Scene(lab.scene.messages, (EPOCH + 1,))
    (node,) = [one for one in lab.known.values() if one.fact[:2] == ("node", "alice")]
    assert lab.reads(both(lab), node.raw) == {"bbm"}
    knowledge = close(start(lab.found(both(lab), node.raw), lab.known, later), later)
    assert ("plaintext", "bbm") not in knowledge


def test_a_kid_is_not_believed(lab: Lab) -> None:
    false = format_jwe(lab.enterprise).replace(KID.encode(), b"org/S50000001/3100000c/1")
    assert lab.reads(false, lab.hpke.reveal()) == {"bes"}


def test_a_message_that_was_altered_is_not_opened(lab: Lab) -> None:
    jwe = format_jwe(lab.consumer)
    other = jwe.replace(b'"tag":"' + lab.consumer.tag.encode(), b'"tag":"' + b"A" * 22)
    assert lab.reads(other, lab.master.reveal()) == set()


PROOF = ProofOfLogging(0, "{}", (), "note")


def grant(lab: Lab, to: HpkePrivateKey) -> bytes:
    nodes = tuple(NodeJson.of(node) for node in window(subscriber_root(lab.master, ALICE), EPOCH, EPOCH + 1))
    payload = Payload("w-1", ALICE, EPOCH, EPOCH + 1, nodes, PROOF, PROOF)
    return seal_grant(payload, SigningKey(os.urandom(32)), "carrier/in", "auditor/cbi/1", to.public)


def test_a_grant_opens_with_its_key_whoever_signed_it(lab: Lab) -> None:
    key = HpkePrivateKey(os.urandom(32))
    known = lab.known | {one.fact: one for one in hybrid_secrets("auditor/cbi/1", key.reveal())}
    whole = Lab(lab.master, lab.hpke, known, lab.consumer, lab.enterprise, lab.scene)
    assert whole.reads(both(lab), grant(lab, key), key.reveal()) == {"bbm"}
    assert whole.reads(both(lab), grant(lab, key)) == set()
    assert whole.reads(both(lab), grant(lab, HpkePrivateKey(os.urandom(32))), key.reveal()) == set()


def holdings(lab: Lab) -> tuple[Lab, list[bytes]]:
    """What somebody might hold: keys, messages, a grant, and things that look like them and are false."""
    auditor, other = HpkePrivateKey(os.urandom(32)), ContentKey.draw()
    known = lab.known | {one.fact: one for one in hybrid_secrets("auditor/cbi/1", auditor.reveal())}
    key = wrap_key(leaf([subscriber_root(lab.master, ALICE)], EPOCH), lab.consumer.protected)
    kids = [one.header.kid for one in lab.consumer.recipients]
    header = parse_protected(lab.consumer.protected)
    redated = format_protected(msgspec.structs.replace(header, cmt=other.commitment))
    false = [
        msgspec.structs.replace(lab.consumer, recipients=tuple(wrap_for_carrier(kid, other, key) for kid in kids)),
        msgspec.structs.replace(lab.enterprise, recipients=(encrypt_for(KID, other, lab.hpke.public),)),
        seal_content(other, lab.consumer.protected, lab.consumer.recipients, b"another text"),
        seal_content(other, redated, [wrap_for_carrier(kids[0], other, key)], b"a third"),
        seal_content(CEK, lab.enterprise.protected, lab.enterprise.recipients, b"signed by nobody"),
    ]
    rubbish = replace(lab, master=Master(os.urandom(32)))
    keys = [lab.master.reveal(), lab.hpke.reveal(), auditor.reveal(), lab.known["mlkem", KID].raw]
    parts = [
        *keys,
        *map(format_jwe, (lab.consumer, lab.enterprise, *false)),
        grant(rubbish, auditor),
        grant(lab, auditor),
    ]
    return replace(lab, known=known), parts


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whoever_knows_more_never_reads_less(lab: Lab, data: st.DataObject) -> None:
    whole, parts = holdings(lab)
    more = data.draw(st.lists(st.sampled_from(range(len(parts))), unique=True))
    fewer = data.draw(st.lists(st.sampled_from(more), unique=True)) if more else []
    reads = [whole.reads(*(parts[at] for at in held)) for held in (fewer, more, data.draw(st.permutations(more)))]
    assert reads[0] <= reads[1] == reads[2]


def test_nothing_false_hides_what_is_true(lab: Lab) -> None:
    whole, parts = holdings(lab)
    for held in (parts, parts[::-1]):
        assert whole.reads(*held) == {"bbm", "bes"}


def test_the_derivation_tells_every_step_and_where_the_bytes_lay(lab: Lab) -> None:
    master = lab.master.reveal()
    knowledge = close(start(lab.found(both(lab), b"...." + master), lab.known, lab.scene), lab.scene)
    steps = derivation(knowledge, ("plaintext", "bbm"))
    first = next(at for at in range(len(master)) if squeeze(master[at : at + 1]))
    wanted = [
        f"found in file 1, offset {4 + first:#x}, raw",
        "root of",
        f"key of minute {EPOCH}",
        "found in file 0, offset 0x0, JWE",
        "key that wraps",
        "found in file 0, offset 0x0, JWE",
        "the content key that bbm commits to",
        "opens bbm",
    ]
    assert [number for number, step in enumerate(steps, 1) if step.startswith(f"{number}. ")] == list(range(1, 9))
    assert [] == [(part, step) for part, step in zip(wanted, steps, strict=True) if part not in step]
    assert lab.master.reveal().hex() not in " ".join(steps)


def test_there_is_no_derivation_of_what_is_not_known(lab: Lab) -> None:
    assert derivation({}, ("plaintext", "bbm")) == ()
