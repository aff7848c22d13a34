"""The pages tell the truth: their examples open, their numbers are the code's, their links lead somewhere."""

import contextlib
import io
import json
import re
import runpy
import tomllib
from base64 import urlsafe_b64decode
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tiers.auditor.config import Settings as AuditorSettings
from tiers.gateway.path.session import MAX_UNDECIDED
from tiers.lab.attack.vantages import BY_ID, VANTAGES
from tiers.lab.exercises import ALL as EXERCISES
from tiers.lab.scenarios import load_all
from tiers.lab.world.arrangement import parse_arrangement
from tiers.wire.api.court import Apply
from tiers.wire.custody import CUSTODIES
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import Master, cover, leaf, subscriber_root, wrap_key
from tiers.wire.lawful.warrant import MAX_WARRANT, verify_application
from tiers.wire.log.leaf import MAX_LEAF, WRITERS
from tiers.wire.log.merkle import MAX_PROOF
from tiers.wire.message import envelope as wire
from tiers.wire.message.content import verify_content
from tiers.wire.message.envelope import Channel, format_envelope, parse_envelope, parse_kid
from tiers.wire.message.frames import MAX_FRAME
from tiers.wire.message.sealing import HpkePrivateKey, decrypt_with, open_message, unwrap_from_carrier

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SPEC = (DOCS / "spec" / "envelope.md").read_text()
POLICY = tomllib.loads((ROOT / "services" / "lab" / "matrix" / "policy.toml").read_text())
READERS = {"3100000b": b"D", "bes": b"B"}
CONTENT = "Shall we meet at six?"
PAGES = [*ROOT.glob("*.md"), *sorted(DOCS.rglob("*.md")), ROOT / "deploy" / "README.md"]
LINK = re.compile(r"\]\(([^)#:\s]*)(#[^)\s]*)?\)")
GENERATE = runpy.run_path(str(DOCS / "generate.py"))


def blocks(kind: str) -> list[str]:
    """Return the fenced blocks of a kind in envelope.md."""
    return re.findall(rf"^```{kind}\n(.*?)^```", SPEC, re.MULTILINE | re.DOTALL)


CONSUMER, ENTERPRISE = (block.rstrip("\n") for block in blocks("envelope"))
HEADERS = [json.loads(block) for block in blocks("json")]


@pytest.mark.parametrize("raw", [CONSUMER, ENTERPRISE])
def test_the_examples_are_envelopes_in_their_one_spelling(raw: str) -> None:
    parsed = parse_envelope(raw)
    assert format_envelope(parsed).decode() == raw
    assert [parse_kid(one.header.kid) for one in parsed.jwe.recipients]


def test_the_decoded_headers_are_those_of_the_examples() -> None:
    raw = [json.loads(one)["protected"] for one in (CONSUMER, ENTERPRISE)]
    assert [json.loads(urlsafe_b64decode(one + "==")) for one in raw] == HEADERS[:2]


@pytest.mark.parametrize("snippet", [0, 1])
def test_whoever_follows_the_page_opens_the_example(snippet: int) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(blocks("python")[snippet], {"envelope": (CONSUMER, ENTERPRISE)[snippet]})
    assert printed.getvalue() == CONTENT + "\n"


def test_jwcrypto_opens_a_consumer_message_in_ten_lines() -> None:
    assert len([line for line in blocks("python")[0].splitlines() if line and "import" not in line]) <= 10


def test_the_carriers_master_opens_the_consumer_example_for_both_ends() -> None:
    parsed = parse_envelope(CONSUMER)
    epoch = wire.message_epoch(parsed.header)
    for recipient, pin in zip(parsed.jwe.recipients, ("2100000a", "2100000b"), strict=True):
        minute = leaf([subscriber_root(Master(b"M" * 32), pin)], epoch)
        cek = unwrap_from_carrier(recipient, wrap_key(minute, parsed.jwe.protected))
        assert open_message(parsed, cek).decode() == CONTENT


@pytest.mark.parametrize(("at", "seed"), [(0, b"D"), (1, b"B")])
def test_device_and_key_server_open_the_enterprise_example_and_know_its_author(at: int, seed: bytes) -> None:
    parsed = parse_envelope(ENTERPRISE)
    cek = decrypt_with(parsed.jwe.recipients[at], HpkePrivateKey(seed * 32))
    kid, author = "org/S50000001/3100000a/1", SigningKey(b"S" * 32).public
    jws = open_message(parsed, cek)
    keys = {f"org/S50000001/{name}/1": HpkePrivateKey(key * 32).public for name, key in READERS.items()}
    thumbprints = {reader: key.jwk().thumbprint() for reader, key in keys.items()}
    assert verify_content(jws, parsed, kid, author, thumbprints).decode() == CONTENT
    assert json.loads(urlsafe_b64decode(jws.split(b".")[0] + b"==")) == HEADERS[2]


def test_the_sizes_on_the_page_are_the_codes() -> None:
    table = re.findall(r"^\| .+? \| ([\d,]+)(?: bytes)? \| `(\w+)` \|$", SPEC, re.MULTILINE)
    assert len(table) == 5
    assert [(int(size.replace(",", "")), name) for size, name in table] == [
        (getattr(wire, name), name) for _, name in table
    ]
    assert f"{len(CONSUMER)} of them" in SPEC
    assert set(Channel) == {json.loads(block)["channel"] for block in blocks("json")[:2]}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_page_and_to_a_heading_of_it(page: Path) -> None:
    broken = [
        f"{file}{part}"
        for file, part in LINK.findall(page.read_text())
        if not (page.parent / file).exists() or (part and part[1:] not in anchors(page.parent / file if file else page))
    ]
    assert broken == []


def anchors(page: Path) -> set[str]:
    """Return the fragments of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def test_every_page_is_two_steps_from_the_readme() -> None:
    def linked(page: Path) -> set[Path]:
        return {(page.parent / file).resolve() for file, _ in LINK.findall(page.read_text()) if file.endswith(".md")}

    near = linked(ROOT / "README.md")
    reached = {ROOT / "README.md"} | near | {page for one in near for page in linked(one)}
    assert [str(page) for page in PAGES if page.resolve() not in reached] == [], "name it in docs/README.md"


@pytest.mark.parametrize("name", [*GENERATE["WHOLE"], *GENERATE["IN_PART"]])
def test_what_is_made_from_the_program_says_what_the_program_says(name: str) -> None:
    assert (DOCS / name).read_text() == GENERATE["made"](name), "run: python docs/generate.py"


def test_every_file_that_a_page_of_ours_names_exists() -> None:
    named = {
        name
        for page in PAGES
        for name in re.findall(r"`((?:gateway|services|tests|docs|deploy)/[\w./]*)`", page.read_text())
    }
    made = ("deploy/run", "gateway/1")  # by deploy/prepare.py; a party, and no file
    assert [name for name in sorted(named) if not name.startswith(made) and not (ROOT / name).exists()] == []


def test_the_pages_own_page_names_every_module_of_it_and_no_other() -> None:
    room, text = ROOT / "services" / "lab" / "page", (DOCS / "page.md").read_text()
    there = {path.name for path in room.rglob("*") if path.suffix in {".py", ".js"}}
    assert {path.name for path in room.glob("*.py")} - {"__init__.py"} - set(re.findall(r"`(\w+\.py)`", text)) == set()
    named = re.findall(r"`(?:[\w./]+/)?([\w.]+\.(?:py|js))`", text)
    assert {name for name in named if not name.startswith("test_")} - there == set()


def test_each_decision_says_why_what_and_then() -> None:
    for page in DOCS.glob("adr/*.md"):
        headings = re.findall(r"^(#+ .+)$", page.read_text(), re.MULTILINE)
        assert headings[0].startswith(f"# {int(page.name[:4])}. ")
        assert headings[1:] == ["## Context", "## Decision", "## Consequences"]


def test_who_asks_whom_is_what_the_settings_of_the_parties_name() -> None:
    """The drawing's table against deploy/compose.yaml: every address that a party is given, and no other line."""
    composed = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    roles = {"acme": "customer", "globex": "customer", "store": "", "ledger": ""}
    asked = {
        (roles.get(name, name), roles.get(host, host))
        for name, service in composed.items()
        for key, value in service.get("environment", {}).items()
        for host in re.findall(r"(?:^|//|@)([a-z]\w*):\d+$", str(value))
        if key.startswith("TIERS_") and roles.get(host, host)
    }
    by_the_policy, by_exchange, by_custody = ("ledger", "witness"), ("customer", "customer"), ("auditor", "court")
    drawn = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", (DOCS / "architecture.md").read_text(), re.MULTILINE)
    assert set(drawn) == asked | {by_the_policy, by_exchange, by_custody}
    assert "court_url" in {field.name for field in fields(AuditorSettings)}


def test_who_logs_what_is_the_ledgers_own_table() -> None:
    rows = re.findall(
        r"^\| ((?:`[a-z]+\.[a-z]+` ?)+)\| ([a-z, ]+) \|", (DOCS / "spec" / "ledger.md").read_text(), re.MULTILINE
    )
    told = {kind: set(who.split(", ")) for kinds, who in rows for kind in re.findall(r"`(.+?)`", kinds)}
    assert told == {kind: {str(role) for role in who} for kind, who in WRITERS.items()}


def test_the_application_of_deploys_page_is_taken() -> None:
    page = (ROOT / "deploy" / "README.md").read_text()
    made: dict[str, Any] = {}
    exec(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0], made)
    key = SigningKey(b"A" * 32)
    sent = msgspec.json.decode(made["application"]("2100000a", key), type=Apply)
    assert verify_application(sent.application, {"applicant/cbi": key.public}).claims.sub == "2100000a"


def example(page: str, kind: str, at: int = 0) -> str:
    return re.findall(rf"^```{kind}\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)[at]


def test_the_custody_of_the_page_is_the_one_that_it_says_it_is() -> None:
    made: dict[str, Any] = {}
    exec(example("custody.md", "python"), made)
    shown, meant = made["DEVICE"], CUSTODIES["device"]
    assert (shown.name, shown.holds, shown.readers, shown.signed) == (
        meant.name,
        meant.holds,
        meant.readers,
        meant.signed,
    )
    for one, other in ((shown.seal, meant.seal), (shown.unseal, meant.unseal)):
        assert (one.__code__.co_code, one.__code__.co_names) == (other.__code__.co_code, other.__code__.co_names)


def test_the_arrangement_of_the_page_is_taken_and_may_have_a_custody_for_a_jurisdiction() -> None:
    mine = example("custody.md", "toml")
    assert parse_arrangement("mine", mine).side(Channel.CONSUMER).custody == "split"
    assert parse_arrangement("mine", mine + example("custody.md", "toml", 1)).declared.within["GB"].custody == "carrier"


def test_every_code_that_a_page_names_is_a_code_and_every_row_and_scenario_is_there() -> None:
    codes = set(re.findall(r"`([a-z0-9]+\.[a-z_0-9]+)`", (DOCS / "spec" / "refusals.md").read_text()))
    areas = {code.partition(".")[0] for code in codes}
    others = {*WRITERS, "order.disclosed", "order.refused", "witness.inconsistent"}  # leaves, details, a line of a log
    files = re.compile(r".+\.(md|py|toml|json|js|jsonl|pem|policy)")
    unknown = [
        f"{page.name}: {name}"
        for page in PAGES
        for name in re.findall(r"`([a-z0-9]+\.[a-z_0-9]+)`", page.read_text())
        if name.partition(".")[0] in areas and name not in codes | others and not files.fullmatch(name)
    ]
    for page in PAGES:
        for kind, names in re.findall(r"\b(row|scenario)s? ((?:`[a-z0-9-]+`(?:, | and )?)+)", page.read_text()):
            there = BY_ID if kind == "row" else load_all()
            unknown += [f"{page.name}: {kind} {name}" for name in re.findall(r"`(.+?)`", names) if name not in there]
    assert unknown == []


def test_numbers_that_pages_quote_are_the_programs() -> None:
    def says(page: str, *words: str) -> bool:
        return all(word in (DOCS / page).read_text() for word in words)

    assert says("spec/ledger.md", f"at most {MAX_PROOF} hashes", f"at most {MAX_LEAF:,} bytes")
    assert says("spec/session.md", f"| {MAX_UNDECIDED}, or 1 MiB |", f"| frame from a device | {MAX_FRAME:,} bytes |")
    assert says("spec/warrant.md", f"{MAX_WARRANT:,} bytes")
    assert says("spec/matrix.md", f'"cells": {len(VANTAGES) * len(POLICY["messages"])},')
    assert (len(EXERCISES), len(CUSTODIES)) == (21, 5)
    assert says("page.md", "twenty-one")
    assert says("README.md", "five ways to hold the keys")
    day, month = ([len(cover(at, at + minutes)) for at in range(0, 65_536, 7)] for minutes in (1_440, 43_200))
    told = f"Over one day it has {min(day)} to {max(day)}, over thirty days {min(month)} to {max(month)}."
    assert says("spec/keytree.md", told)


def test_what_is_written_by_hand_has_fewer_than_30_000_words() -> None:
    """Not counted: what is made from the program, examples (other tests run them), the lines of a table."""
    whole = {DOCS / name for name in GENERATE["WHOLE"]}
    made = re.compile(r"<!-- (\w+) -->.*?<!-- /\1 -->|^```.*?^```$", re.MULTILINE | re.DOTALL)
    counted = {
        str(page.relative_to(ROOT)): sum(1 for word in made.sub("", page.read_text()).split() if re.search(r"\w", word))
        for page in PAGES
        if page not in whole
    }
    assert sum(counted.values()) < 30_000, f"Shorten: {sorted(counted.items(), key=lambda one: -one[1])[:10]}"
