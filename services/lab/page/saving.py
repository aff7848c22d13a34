"""A lesson in one file: the page's modules linked into one, and the log as one vantage point saw it. Pure.

    entries, vantage -> seen -> entries without what it does not hold        files, entries -> page -> HTML

The file asks nobody for anything: its script and its style stand in its policy by their hashes. It holds no key.
"""

import base64
import hashlib
import html
import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tiers.lab.page.shapes import vantages
from tiers.wire.errors import Yours

Entry = dict[str, Any]
_IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";\n?', re.MULTILINE)
_EXPORT = re.compile(r"^export (const|function|class|async function) (\w+)", re.MULTILINE)
_EXPORTS = re.compile(r"export\s*\{([^}]*)\};?")
_STYLES = ("base", "stage", "panels", "lesson")
_WARRANTS = {"applied", "decided", "served", "inspected", "copied"}
_OF_A_MESSAGE = {"written", "accepted", "judged", "stored", "opened", "copied", "read"}
_APART = {"started", "answered", "solved"}


def seen(entries: Sequence[Entry], vantage: str) -> list[Entry]:
    """Return a log as `vantage` saw it ("all": everything but keys), numbered anew; raises `Yours`."""
    if vantage == "all":
        kept = [one | {"event": _without_keys(one["event"])} for one in entries if one["event"]["type"] not in _APART]
    else:
        who = next((one for one in vantages() if one.id == vantage), None)
        if who is None:
            raise Yours("lab.vantage", f"Name one of: all, {', '.join(one.id for one in vantages())}.")
        kept = list(_held(entries, who.id, knows=who.knows_warrants))
    return [one | {"n": n} for n, one in enumerate(kept)]


def _without_keys(event: Entry) -> Entry:
    return event | {"keys": {}} if event["type"] == "measured" else event


def _held(entries: Sequence[Entry], who: str, *, knows: bool) -> Iterator[Entry]:
    """Yield what a vantage point holds: of messages that it sees, with their text if it reads them."""
    reads, shows = _verdicts(entries, who)
    mids = {one["event"]["key"]: one["event"]["mid"] for one in entries if one["event"]["type"] == "accepted"}
    for one in entries:
        event = one["event"]
        kind, mid = event["type"], event.get("mid") or mids.get(event.get("key", ""), "")
        if kind in _APART or (kind in _WARRANTS and not knows) or (kind in _OF_A_MESSAGE and mid not in shows):
            continue
        yield one | {"event": _redacted(event, who, reads=mid in reads)}


def _verdicts(entries: Sequence[Entry], who: str) -> tuple[set[str], set[str]]:
    """Return which messages a vantage point reads in the end, and of which it has the envelope."""
    last = {
        one["event"]["mid"]: one["event"]["cells"][who].split()
        for one in entries
        if one["event"]["type"] == "judged" and who in one["event"]["cells"]
    }
    return {mid for mid, said in last.items() if said[0] == "reads"}, {
        mid for mid, said in last.items() if "all" in said
    }


def _redacted(event: Entry, who: str, *, reads: bool) -> Entry:
    match event["type"]:
        case "world":
            return event | {"vantages": [one for one in event["vantages"] if one["id"] == who]}
        case "written" | "read" | "opened" if not reads:
            return event | {"text": ""} | ({"subject": ""} if "subject" in event else {})
        case "judged":
            return event | {"cells": {name: said for name, said in event["cells"].items() if name == who}}
        case "measured":
            cells = [cell for cell in event["cells"] if cell["vantage"] == who]
            return event | {"keys": {}, "cells": cells, "controls": []}
        case "inspected" if who not in {"auditor", "state"}:
            found = [one | {"content": one["content"] and ""} for one in event["inspection"]["findings"]]
            return event | {"inspection": event["inspection"] | {"findings": found}}
    return event


# ---- one file ----


def link(files: Mapping[str, str], start: str) -> str:
    """Link ES modules into one script: each a function that returns what it exports, in the order of need."""
    done: dict[str, str] = {}
    parts: list[str] = []

    def add(path: str, above: tuple[str, ...]) -> None:
        if path in done:
            return
        if path in above:
            raise Yours("lab.circle", f"Untie the circle of modules at {path}.")
        source = files[path]
        wanted = [
            (names, posixpath.normpath(posixpath.join(posixpath.dirname(path), name)))
            for names, name in _IMPORT.findall(source)
        ]
        for _, needed in wanted:
            add(needed, (*above, path))
        done[path] = f"$m{len(done)}"
        heads = [f"const {{ {_renamed(names)} }} = {done[needed]};" for names, needed in wanted]
        body, gives = _unexported(_IMPORT.sub("", source))
        parts.append(f"const {done[path]} = (() => {{\n{chr(10).join(heads)}\n{body}\nreturn {{ {gives} }};\n}})();\n")

    add(start, ())
    return '"use strict";\n' + "".join(parts)


def _renamed(names: str) -> str:
    return ", ".join(" ".join(name.split()).replace(" as ", ": ") for name in names.split(",") if name.strip())


def _unexported(source: str) -> tuple[str, str]:
    """Return a module's body without its exports, and what it gives: `name: name, …`."""
    gives = [(name, name) for _, name in _EXPORT.findall(source)]
    for group in _EXPORTS.findall(source):
        for name in filter(None, (one.strip() for one in group.split(","))):
            own, _, given = name.partition(" as ")
            gives.append((given or own, own))
    body = _EXPORT.sub(r"\1 \2", _EXPORTS.sub("", source))
    return body, ", ".join(f"{given}: {own}" for given, own in gives)


def program(files: Mapping[str, bytes]) -> str:
    """Return the page's modules as one script."""
    return link({name: raw.decode() for name, raw in files.items() if name.endswith(".js")}, "main.js")


def page(files: Mapping[str, bytes], entries: Sequence[Entry], vantage: str, pages: str = "") -> str:
    """Return the lesson as one HTML file. `pages`: drawn for paper of this size, a page for each chapter."""
    script = program(files).replace("</script", "<\\/script")
    css = [files[f"css/{name}.css"].decode() for name in _STYLES]
    css.append("@media print {" + files["css/print.css"].decode() + "}")
    if pages:
        css.append(f"@page {{ size: {pages} landscape; margin: 12mm; }}")
    style = "\n".join(css)
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    log = json.dumps({"entries": list(entries)}, ensure_ascii=False).replace("<", "\\u003c")
    what = "with all texts, without keys" if vantage == "all" else f"as seen by: {vantage}"
    marks = f' data-as="{html.escape(vantage)}"' + (' data-pages="1"' if pages else "")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>intercept-tiers: a lesson, {html.escape(what)}</title>\n<style>{style}</style></head>\n"
        f'<body><div id="page"></div>\n<script type="application/json" id="log"{marks}>{log}</script>\n'
        f'<script type="module">{script}</script></body></html>\n'
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
