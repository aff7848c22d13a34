"""A matrix of somebody's own system: what really opens, compared with what is declared; nobody passes unseen."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, InvalidToken

from tiers.measure import Message, Misused, NotWhole, Secret, Vantage, canary, measure, opens, register, system
from tiers.measure.capture.files import folder
from tiers.measure.matrix.matrix import Content, Matrix
from tiers.measure.matrix.render import FORMATS
from tiers.measure.search.scan import Source

KEY, OTHER = Secret("office key", Fernet.generate_key()), Secret("home key", Fernet.generate_key())
PLAIN, SHUT = canary("plain"), canary("shut")
SEALED = Fernet(KEY.raw).encrypt(SHUT.raw)
MESSAGES = [Message("open", "A note on a postcard", PLAIN), Message("shut", "A note in an envelope", SHUT, SEALED)]
POLICY = """
[messages]
shut = "A note in an envelope"
[groups]
[holdings]
ciphertext = "every envelope"
texts = "every text"
"office key" = "the key of the office"
[vantages.postman]
title = "The postman"
says = "He carries both."
holds = ["ciphertext"]
reads = []
[vantages.clerk]
title = "The clerk"
says = "He has the key, and the envelopes."
holds = ["ciphertext", "office key"]
reads = ["shut"]
"""


BOTH = POLICY.replace("[messages]", '[messages]\nopen = "A note on a postcard"')


def unfernet(key: bytes, sealed: bytes) -> bytes | None:
    try:
        return Fernet(key).decrypt(sealed)
    except InvalidToken:
        return None


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    register(opens("office key", unfernet))
    yield
    system.DEEDS.clear()


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    out = {name: tmp_path / name for name in ("bag", "drawer")}
    for path in out.values():
        path.mkdir()
    (out["bag"] / "letters").write_bytes(b"to the office: " + SEALED + b"\n")
    (out["drawer"] / "key.hex").write_text(KEY.raw.hex())
    return out


def vantages(places: dict[str, Path]) -> list[Vantage]:
    def take(name: str) -> Source:
        return folder(name, places[name])

    bag = {"bag": lambda: take("bag")}
    return [Vantage("postman", bag), Vantage("clerk", bag | {"drawer": lambda: take("drawer")}, control=KEY)]


def measured(places: dict[str, Path], policy: str | None = None) -> Matrix:
    return measure(MESSAGES[1:], vantages(places), [KEY], policy)


def test_who_has_the_key_reads_and_it_is_told_how(places: dict[str, Path]) -> None:
    matrix = measured(places)
    assert matrix.cell("postman", "shut").content is Content.SEALED
    clerk = matrix.cell("clerk", "shut")
    assert clerk.content is Content.READS
    assert clerk.derivation[0].startswith("1. office key: found in drawer, key.hex, offset 0x0, hex")
    assert clerk.derivation[1].startswith("2. shut, shut: found in bag, letters, offset 0xf")
    assert clerk.derivation[2] == "3. office key opens shut (from 1, 2)"
    assert matrix.agreement.holds


def test_policy_closure_and_bytes_are_compared(places: dict[str, Path]) -> None:
    assert measured(places, POLICY).agreement.holds
    (wrong,) = measured(places, POLICY.replace('reads = ["shut"]', "")).agreement.disagreements
    assert (wrong.vantage, wrong.declared, wrong.closure, wrong.measured) == ("clerk", "sealed", "reads", "reads")
    (places["bag"] / "the key").write_bytes(KEY.raw)
    (wrong,) = measured(places, POLICY).agreement.disagreements
    assert (wrong.vantage, wrong.declared, wrong.closure, wrong.measured) == ("postman", "sealed", "sealed", "reads")


def test_two_keys_may_open_the_same_and_each_follows_by_itself(places: dict[str, Path]) -> None:
    register(opens("home key", lambda key, sealed: unfernet(KEY.raw, sealed) if key == OTHER.raw else None))
    (places["drawer"] / "key.hex").write_bytes(OTHER.raw)
    people = [vantages(places)[0], Vantage("clerk", vantages(places)[1].captures, control=OTHER)]
    policy = POLICY.replace("office key", "home key")
    matrix = measure(MESSAGES[1:], people, [KEY, OTHER], policy)
    assert matrix.agreement.holds
    assert matrix.cell("clerk", "shut").derivation[2] == "3. home key opens shut (from 1, 2)"


def test_who_holds_one_text_is_declared_by_its_name(places: dict[str, Path]) -> None:
    (places["bag"] / "postcard").write_text(PLAIN.text)
    policy = BOTH.replace("texts =", "text =")
    policy = policy.replace('holds = ["ciphertext"', 'holds = ["text:open", "ciphertext"')
    policy = policy.replace("reads = []", 'reads = ["open"]').replace('reads = ["shut"]', 'reads = ["open", "shut"]')
    assert measure(MESSAGES, vantages(places), [KEY], policy).agreement.holds


def test_a_text_that_lies_open_is_read_without_any_key(places: dict[str, Path]) -> None:
    (places["bag"] / "postcard").write_text(f"dear all, {PLAIN.text}")
    matrix = measure(MESSAGES, vantages(places), [KEY])
    assert matrix.cell("postman", "open").content is Content.READS
    assert "the text of open: found in bag, postcard" in matrix.cell("postman", "open").derivation[0]


def test_it_is_shown_in_every_format_and_in_a_notebook(places: dict[str, Path]) -> None:
    matrix = measured(places, POLICY)
    shown = {name: show(matrix) for name, show in FORMATS.items()}
    assert json.loads(shown["json"])["agreement"]["holds"]
    assert "<testsuite" in shown["junit"]
    assert "The clerk" in matrix._repr_html_()
    for said in shown.values():
        assert KEY.raw.hex() not in said
        assert SHUT.text not in said


def test_a_file_of_any_name_is_told_in_every_format(places: dict[str, Path]) -> None:
    (places["bag"] / os.fsdecode(b"gr\xfc\xdfe\n\x1b[2J")).write_text(PLAIN.text)
    matrix = measure(MESSAGES, vantages(places), [KEY])
    assert r"found in bag, gr\udcfc\udcdfe\n\x1b[2J, offset" in matrix.cell("postman", "open").derivation[0]
    for show in FORMATS.values():
        assert "\x1b" not in show(matrix).encode().decode()


def test_nothing_passes_without_looking(places: dict[str, Path]) -> None:
    with pytest.raises(Misused, match="who holds nothing proves nothing"):
        measure(MESSAGES[1:], [Vantage("nobody", {})], [KEY])
    with pytest.raises(Misused, match="Send open first"):
        measure(MESSAGES, vantages(places), [KEY])
    with pytest.raises(Misused, match="not even all secrets together open it"):
        measure(MESSAGES[1:], vantages(places)[:1], [OTHER])
    register(opens("home key", unfernet))
    with pytest.raises(Misused, match="Mend the rule of home key"):
        measure(MESSAGES[1:], vantages(places), [KEY, OTHER])
    with pytest.raises(NotWhole):
        measure(MESSAGES[1:], [Vantage("thief", {"attic": lambda: folder("attic", places["bag"] / "attic")})], [KEY])
    with pytest.raises(Misused, match=r"Register what opens"):
        register(unfernet)


async def _later(_key: bytes, _sealed: bytes) -> bytes:
    return b""


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: opens([], bytes), "opens\\('a secret', function\\)"),
        (lambda: opens("home key", None), "opens\\('a secret', function\\)"),
        (lambda: opens("home key", _later), "and not later"),
        (lambda: Secret("home key", None), "a key as bytes, or a text"),
        (lambda: Secret(b"home key", "home key"), "a key as bytes, or a text"),
        (lambda: Secret("home key", bytearray(32)), "a key as bytes, or a text"),
        (lambda: Secret("home key", "\ud800" * 20), "a key as bytes, or a text"),
    ],
)
def test_a_call_that_could_only_fail_later_is_refused_at_once(wrong: Callable[[], object], says: str) -> None:
    with pytest.raises(Misused, match=says):
        wrong()


def test_a_cell_that_was_not_measured_is_none(places: dict[str, Path]) -> None:
    with pytest.raises(Misused, match="home and open are none"):
        measured(places).cell("home", "open")


def test_what_a_rule_returns_opens_a_message_only_if_its_text_is_in_it(places: dict[str, Path]) -> None:
    register(opens("home key", lambda _key, _sealed: b"as a cipher without a tag opens to anything"))
    with pytest.raises(Misused, match="Mend the rule of home key"):
        measure(MESSAGES[1:], vantages(places), [KEY, OTHER])
    register(opens("home key", lambda _key, sealed: (unfernet(KEY.raw, sealed) or b"").hex().encode()))
    (places["bag"] / "key").write_bytes(OTHER.raw)
    matrix = measure(MESSAGES[1:], vantages(places), [KEY, OTHER])
    assert matrix.cell("postman", "shut").content is Content.READS


def test_a_secret_may_have_any_name_but_that_of_a_variable(places: dict[str, Path]) -> None:
    key = Secret("key {0} of {x}", KEY.raw)
    register(opens(key.name, unfernet))
    matrix = measure(MESSAGES[1:], [Vantage("clerk", vantages(places)[1].captures, control=key)])
    assert f"{key.name} opens shut" in matrix.cell("clerk", "shut").derivation[2]
    with pytest.raises(Misused, match="more than one letter: K stands for any"):
        opens("K", unfernet)


def test_a_control_that_is_not_found_breaks_the_agreement(places: dict[str, Path]) -> None:
    (places["drawer"] / "key.hex").write_text("no key here")
    matrix = measured(places)
    assert matrix.agreement.missing_controls == ("clerk: office key",)
    assert not matrix.agreement.holds


def test_what_is_declared_is_measured_and_what_is_measured_is_declared(places: dict[str, Path]) -> None:
    (places["bag"] / "postcard").write_text(PLAIN.text)
    people = vantages(places)
    with pytest.raises(Misused, match="Measure the message open"):
        measure(MESSAGES[1:], people, [KEY], BOTH)
    with pytest.raises(Misused, match="Declare the message open"):
        measure(MESSAGES, people, [KEY], POLICY)
    with pytest.raises(Misused, match="Measure the vantage point clerk"):
        measure(MESSAGES, people[:1], [KEY], BOTH)
    with pytest.raises(Misused, match="Declare the vantage point clerk"):
        measure(MESSAGES, people, [KEY], BOTH.partition("[vantages.clerk]")[0])


def test_two_of_one_name_are_not_taken_for_one(places: dict[str, Path]) -> None:
    people, other = vantages(places), Secret("office key", OTHER.raw)
    for messages, stand, secrets in (
        ([MESSAGES[1], MESSAGES[1]], people, [KEY]),
        (MESSAGES[1:], [people[0], people[0]], [KEY]),
        (MESSAGES[1:], people, [KEY, other]),
    ):
        with pytest.raises(Misused, match="Give each a name of its own"):
            measure(messages, stand, secrets)
    bag, drawer = (
        Vantage(name, {"folder": lambda name=name: folder(name, places[name])}) for name in ("bag", "drawer")
    )
    assert KEY.name not in str(measure(MESSAGES[1:], [bag, drawer], [KEY]).cell("bag", "shut"))


def test_a_rule_may_need_several_keys_and_tells_where_each_lay(places: dict[str, Path]) -> None:
    half = Secret("other half", KEY.raw[22:])
    halves = Secret("one half", KEY.raw[:22]), half
    register(opens([one.name for one in halves], lambda one, other, sealed: unfernet(one + other, sealed)))
    (places["drawer"] / "key.hex").write_bytes(halves[0].raw)
    (places["drawer"] / "paper").write_bytes(half.raw)
    people = [vantages(places)[0], Vantage("clerk", vantages(places)[1].captures, control=half)]
    policy = POLICY.replace('"office key"]', '"one half", "other half"]').replace(
        '"office key" =', '"one half" = "a"\n"other half" ='
    )
    matrix = measure(MESSAGES[1:], people, halves, policy)
    assert matrix.agreement.holds
    found = matrix.cell("clerk", "shut").derivation
    assert "one half: found in drawer, key.hex" in found[0]
    assert "other half: found in drawer, paper" in found[1]
    assert found[3] == "4. one half and other half open shut (from 1, 2, 3)"
    (places["drawer"] / "paper").write_text("eaten by mice")
    assert measure(MESSAGES[1:], people, halves).cell("clerk", "shut").content is Content.SEALED


@pytest.mark.parametrize(
    ("old", "new"), [("vantages.clerk", "vantages.cook"), ('"ciphertext", "office key"', '"texts", "moon"')]
)
def test_a_policy_that_speaks_of_something_else_is_refused(old: str, new: str, places: dict[str, Path]) -> None:
    with pytest.raises(Misused):
        measured(places, POLICY.replace(old, new).replace("[holdings]", '[holdings]\nmoon = "the moon"'))
