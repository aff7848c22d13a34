"""A saved lesson holds what one vantage point saw: no key, no text of others, no other address."""

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tiers.lab.page.assets import files
from tiers.lab.page.saving import link, page, seen
from tiers.wire.errors import Yours

ENTRIES: list[dict[str, Any]] = [
    {"n": n, "at": 1, "by": "lab", "event": event}
    for n, event in enumerate(
        [
            {"type": "world", "vantages": [{"id": "gateway"}, {"id": "operator"}, {"id": "court"}]},
            {"type": "written", "key": "a", "from": "alice", "to": "bob", "text": "a secret", "subject": ""},
            {"type": "accepted", "key": "a", "mid": "1", "envelope": "{sealed}"},
            {
                "type": "judged",
                "mid": "1",
                "measured": False,
                "cells": {
                    "gateway": "sealed all no-key",
                    "operator": "reads all master",
                    "court": "sealed none no-key",
                },
            },
            {"type": "applied", "target": "alice", "claims": {}},
            {"type": "opened", "mid": "1", "by": "bob", "text": "a secret", "unreadable": None},
            {
                "type": "measured",
                "cells": [{"mid": "1", "vantage": "gateway"}],
                "keys": {"a": [["k", "00ff"]]},
                "controls": [],
            },
            {"type": "started", "exercise": "jose", "given": "a key"},
        ]
    )
]


def text(vantage: str) -> str:
    return json.dumps(seen(ENTRIES, vantage))


def test_nobody_gets_a_key_and_nobody_a_text_that_he_does_not_read() -> None:
    assert [True, False, True, False] == ["a secret" in text(who) for who in ("all", "gateway", "operator", "court")]
    assert [False] * 3 == ["00ff" in text(who) for who in ("all", "gateway", "operator")]
    assert [False] * 2 == ["a key" in text(who) for who in ("all", "gateway")]


def test_what_a_vantage_point_never_sees_is_not_in_its_file() -> None:
    assert [True, False] == ["{sealed}" in text(who) for who in ("gateway", "court")]
    assert "operator" not in text("gateway")
    assert [True, False] == ["applied" in text(who) for who in ("gateway", "link")]
    with pytest.raises(Yours, match="lab.vantage"):
        seen(ENTRIES, "nobody")


def test_what_is_left_is_numbered_anew() -> None:
    kept = seen(ENTRIES, "court")
    assert list(range(len(kept))) == [one["n"] for one in kept]


def test_modules_are_linked_in_the_order_of_need_and_a_circle_is_refused() -> None:
    modules = {"main.js": 'import { a as b } from "./m/a.js";\nb();\n', "m/a.js": "export const a = () => 1;\n"}
    linked = link(modules, "main.js")
    assert linked.index("const a =") < linked.index("const { a: b }")
    assert "import" not in linked
    with pytest.raises(Yours, match="lab.circle"):
        link({"a.js": 'import { b } from "./b.js";\n', "b.js": 'import { a } from "./a.js";\n'}, "a.js")


def test_the_file_asks_nobody_and_its_policy_names_its_script_and_style_by_hash() -> None:
    whole = page(files(), seen(ENTRIES, "gateway"), "gateway")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', whole)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert 2 == policy[1].count("'sha256-")
    assert "unsafe" not in policy[1]
    assert not re.search(r'(?:src|href)="(?:https?:|static/)', whole)
    assert "as seen by: gateway" in whole
    assert "with all texts" in page(files(), seen(ENTRIES, "all"), "all")


def test_everything_that_the_page_imports_is_linked() -> None:
    static = Path(str(resources.files("tiers.lab.page") / "static"))
    sources = {str(path.relative_to(static)): path.read_text() for path in static.rglob("*.js")}
    linked = link(sources, "main.js")
    assert not re.search(r"^(?:import|export)\b", linked, re.MULTILINE)
