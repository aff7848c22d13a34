"""Twenty points and more: bytes, a log that lies, an arrangement of one's own, a planted fault. Data, and its lots."""

import json
import re
import secrets
from pathlib import Path

import msgspec

from tiers.lab.exercises.exercise import Exercise, Given, Work
from tiers.lab.page.verdicts import judge_in
from tiers.lab.world.arrangement import parse_arrangement
from tiers.wire.encoding import b64u
from tiers.wire.errors import TiersError
from tiers.wire.keys.keytree import WrapKey
from tiers.wire.message.envelope import Channel, parse_envelope
from tiers.wire.message.sealing import ContentKey, seal_content, wrap_for_carrier

_WORDS = ("lantern", "copper", "monsoon", "ledger", "harbour", "saffron", "granite", "whistle", "orchid", "tunnel")
_PLACE = re.compile(r"found in (.*?), .*?offset (0x[0-9a-f]+)")


# ---- one byte ----


def _one_byte(work: Work) -> bool:
    return any(_broken(one["envelope"], answer.strip()) for one in work.of("accepted") for answer in work.answers)


def _broken(envelope: str, answer: str) -> bool:
    """Whether an answer is the envelope with one byte changed, and is refused without any key."""
    pairs = zip(envelope.encode(), answer.encode(), strict=False)
    if len(envelope.encode()) != len(answer.encode()) or sum(one != other for one, other in pairs) != 1:
        return False
    try:
        parse_envelope(answer.encode())
    except TiersError:
        return True
    return False


# ---- somebody else's JOSE tool ----


async def _sealed_words(_folder: Path) -> Given:
    """Seal four words to a key that is handed out: a plain JWE (RFC 7516), for any tool that knows A256GCMKW."""
    text = " ".join(secrets.choice(_WORDS) for _ in range(4))
    key, cek = WrapKey(secrets.token_bytes(32)), ContentKey.draw()
    protected = b64u(b'{"enc":"A256GCM"}')
    jwe = seal_content(cek, protected, [wrap_for_carrier("exercise/1", cek, key)], text.encode())
    jwk = {"kty": "oct", "alg": "A256GCMKW", "kid": "exercise/1", "k": b64u(key.reveal())}
    return Given(f"The JWE:\n{msgspec.json.encode(jwe).decode()}\n\nThe key:\n{json.dumps(jwk)}", text)


def _matches(work: Work) -> bool:
    return work.says(work.secret)


# ---- a log that lies ----

_HONEST = (
    ("warrant.applied", "court"), ("warrant.approved", "court"), ("warrant.served", "carrier"),
    ("task.activated", "carrier"), ("grant.released", "carrier"),
)  # fmt: skip


async def _lying_log(_folder: Path) -> Given:
    """Write a log of three warrants in which one party did something before it had logged the right to."""
    seals = [secrets.token_hex(4) for _ in range(3)]
    entries = [[seal, what, who] for seal in seals for what, who in _HONEST]
    liar = secrets.randbelow(len(seals))
    missing = secrets.choice(("warrant.approved", "warrant.served"))
    kept = [one for one in entries if one[:2] != [seals[liar], missing]]
    who = "carrier"  # it served without an approval, or tapped without having logged the warrant
    first = "warrant.served" if missing == "warrant.approved" else "task.activated"
    lines = [f"{at:>2}  {what:<18} {party:<8} {seal}" for at, (seal, what, party) in enumerate(kept)]
    index = next(at for at, one in enumerate(kept) if one[:2] == [seals[liar], first])
    return Given("leaf  what  who  commitment\n" + "\n".join(lines), f"{who} {index}")


# ---- a planted fault ----


async def _planted(folder: Path) -> Given:
    """Measure a world of its own with a fault in one party, and leave the matrix in a file."""
    from tiers.lab.cli.demo import measure_once  # noqa: PLC0415 - an attack is loaded when it is asked for
    from tiers.lab.faults.registry import LEAKS  # noqa: PLC0415 - as above
    from tiers.measure.matrix.render import as_json  # noqa: PLC0415 - as above

    leaks = [name for name, fault in LEAKS.items() if fault.party in {"carrier", "acme", "gateway"}]
    while True:  # what leaks metadata only is found at no offset: then another
        leak = secrets.choice(leaks)
        matrix = await measure_once(folder / "planted", "", leak)
        wrong = {(one.vantage, one.message) for one in matrix.agreement.disagreements}
        steps = [step for cell in matrix.cells if (cell.vantage, cell.message) in wrong for step in cell.derivation]
        places = sorted({f"{LEAKS[leak].party} {found[2]}" for step in steps if (found := _PLACE.search(step))})
        if places:
            break
    path = folder / "planted.json"
    path.write_text(as_json(matrix), encoding="utf-8")
    return Given(f"A party of another world leaks. Its measured matrix: {path}", json.dumps(places))


def _names_the_leak(work: Work) -> bool:
    return work.says(*json.loads(work.secret or "[]"))


# ---- an arrangement of one's own ----


def _window_and_no_thief(work: Work) -> bool:
    """Whether some answer is an arrangement in which a warrant opens its window, and one stolen key opens nothing."""
    return any(_safe(answer) for answer in work.answers)


def _safe(answer: str) -> bool:
    try:
        arranged = parse_arrangement("answer", answer)
    except TiersError:
        return False
    inside = judge_in(arranged.side(Channel.CONSUMER).custody, Channel.CONSUMER, granted=True)
    outside = judge_in(arranged.side(Channel.CONSUMER).custody, Channel.CONSUMER, granted=False)
    thieves = [inside[who].reads for who in ("carrier-keys", "court", "other-subscriber", "other-employee")]
    return inside["auditor"].reads and not outside["auditor"].reads and not any(thieves)


EXERCISES = (
    Exercise(
        "one-byte",
        "One byte",
        "hard",
        20,
        "Take an envelope of your own and change one byte so that whoever reads it without a key must refuse it.",
        (
            "Most changes only show to whoever has the key. Some show to everybody.",
            "There is one spelling for a message: see Verify in the view Bytes.",
            "In Bytes, “Copy it, or change it”. Change a letter of a member's name, such as “iv”, and paste all of it.",
        ),
        _one_byte,
        asks="The changed envelope",
    ),
    Exercise(
        "jose",
        "Somebody else's tool",
        "hard",
        20,
        "Open an envelope with a JOSE library that is not ours. What does it say?",
        (
            "The formats are standards: RFC 7516 and RFC 7518.",
            "Any library that knows A256GCMKW and A256GCM opens it.",
            "Save both as files. On Debian: jose jwe dec -i jwe.json -k key.jwk. Or npm's jose: generalDecrypt.",
        ),
        _matches,
        asks="The four words",
        given=_sealed_words,
    ),
    Exercise(
        "lying-log",
        "Log first, act second",
        "hard",
        20,
        "In this log somebody acted before the right to act was logged. Name the party and the leaf of the act.",
        (
            "Follow each commitment by itself.",
            "The order is: applied, approved, served, activated, released.",
            "One commitment lacks a leaf. Name the next one's party and number.",
        ),
        _matches,
        asks="Party and leaf, such as court 3",
        given=_lying_log,
    ),
    Exercise(
        "own-arrangement",
        "A window, and no single thief",
        "hard",
        30,
        "Write an arrangement in which the auditor reads a warrant's window, and a thief of any one key reads nothing.",
        (
            "Whoever can open a lock alone can be robbed alone.",
            "What if it takes two?",
            "Build it in the view Build, save it as TOML, and paste it.",
        ),
        _window_and_no_thief,
        asks="The arrangement (TOML)",
    ),
    Exercise(
        "planted",
        "A planted fault",
        "hard",
        30,
        "Some party of another world leaks. Find what its matrix shows, and name the party and the offset of a find.",
        (
            "Look for cells in which declared and measured differ.",
            "Their derivations say what was found where.",
            "One find is enough: name the party that leaks, and where it was found.",
        ),
        _names_the_leak,
        asks="Party and offset, such as carrier 0x7f00aa",
        given=_planted,
    ),
)
