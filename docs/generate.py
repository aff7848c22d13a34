"""Makes what the pages say of the program from the program: `python docs/generate.py`. A test says when to run it.

settings.md, commands.md, limits.md, api.md and sources.md are made whole; README.md, requests.md, refusals.md, page.md,
scenarios.md, history.md, glossary.md and formal/README.md in part. What each says is decided where it is known.
"""

import ast
import asyncio
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, fields
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import typer

from tiers import measure, testing
from tiers.device.__main__ import app as handset
from tiers.lab.cli.main import app as classroom
from tiers.lab.scenarios import pages
from tiers.lab.world import requests

sys.path.append(str(Path(__file__).parent))  # also where a test runs this file
from refusals import tables

from kits.proverif.expected import MODELS, stated

DOCS = Path(__file__).parent
PARTIES = {
    "gateway": ("tiers.gateway.config", "Settings"),
    "carrier": ("tiers.carrier.config", "Settings"),
    "customer's key server": ("tiers.enterprise.config", "Settings"),
    "court": ("tiers.court.config", "Settings"),
    "auditor": ("tiers.auditor.config", "Settings"),
    "ledger": ("tiers.ledger.config", "LedgerSettings"),
    "witness": ("tiers.ledger.config", "WitnessSettings"),
    "handset (`tiers-device`)": ("tiers.device.config", "Settings"),
}
ROOMS = ("wire", "chassis", "store", "gateway", "carrier", "enterprise", "court", "auditor", "ledger", "device")
NONE = "–"  # noqa: RUF001 - a dash, in print
LIMIT = re.compile(r"(?!EPOCH_ZERO_MS|MAX_TIME_MS|MAX_SIZE)(MAX_\w+|[A-Z_]+_(MS|SECONDS|S))")
_SETTINGS = """\
# Settings

Each party reads `TIERS_…` variables, or a TOML file that `TIERS_CONFIG` names, with the same names in lower case and
without the prefix. Variables win. A name in the file that does not exist, or a value that does not fit, ends
the program with status 2 and a sentence that says which to change. Those without a default must be set.
This page is made from each party's `config.py` by `python docs/generate.py`.
"""
_COMMANDS = """\
# Commands

What `tiers … --help` and `tiers-device … --help` say, on one page.
Exit statuses stand in [troubleshooting](troubleshooting.md).
This page is made from the commands by `python docs/generate.py`.
"""
_LIMITS = """\
# Limits and times

Every length has a named maximum, and every wait an end. What is longer is refused, with a [code](spec/refusals.md).
Sizes are in bytes and counts in pieces, unless the last column says otherwise.
This page is made from the constants by `python docs/generate.py`.
"""
_API = """\
# The libraries

What `tiers.testing` and `tiers.measure` give, with signatures. How they are used: [testing](testing.md),
[measuring](measuring.md).
This page is made from the code by `python docs/generate.py`.
"""


def settings() -> str:
    """Write docs/settings.md."""
    return _SETTINGS + "".join(_party(name, *where) for name, where in PARTIES.items())


def _party(name: str, module: str, kind: str) -> str:
    found = getattr(import_module(module), kind)
    lines = [f"\n## The {name}\n", f"{inspect.getdoc(found)}\n", "| variable | type | default |", "|---|---|---|"]
    types = get_type_hints(found)
    for one in fields(found):
        default = (
            ""
            if one.default is MISSING
            else f"`{str(one.default).replace('False', 'false')}`"
            if one.default != ""
            else "empty"
        )
        lines.append(f"| `TIERS_{one.name.upper()}` | {_type(types[one.name])} | {default or NONE} |")
    return "\n".join(lines) + "\n"


def _type(kind: Any) -> str:
    names = {"Path": "path", "str": "text", "int": "number", "bool": "`true` or `false`"}
    return names.get(getattr(kind, "__name__", ""), "text")


def commands() -> str:
    """Write docs/commands.md."""
    apps = {"tiers": classroom, "tiers-device": handset}
    return _COMMANDS + "".join(
        part for name, app in apps.items() for part in _command(typer.main.get_command(app), name, "##")
    )


def _command(command: Any, name: str, level: str) -> Iterator[str]:
    yield f"\n{level} `{name}`\n\n{_flowing(command.help)}\n"
    listed = [one for one in command.params if one.name != "help" and not getattr(one, "hidden", False)]
    if listed:
        yield "\n" + "".join(f"- {_param(one)}\n" for one in listed)
    for one, inner in getattr(command, "commands", {}).items():
        yield from _command(inner, f"{name} {one}", "###")


def _flowing(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text or "").split("\n\n"))


def _param(one: Any) -> str:
    said = f": {one.help}" if one.help else ""
    is_option = one.param_type_name == "option"
    shown = f"`{one.opts[0]}`" if is_option else f"`{one.name.upper()}`"
    kind = one.type_descriptor.annotation
    choices = [f"`{each.value}`" for each in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []
    default = one.default.value if isinstance(one.default, Enum) else one.default
    is_plain = isinstance(default, str | int) and not isinstance(default, bool) and default != ""
    return (
        shown
        + (f" ({', '.join(choices)})" if choices else "")
        + said
        + (f"; `{default}` if not given" if is_plain else "")
    )


def limits() -> str:
    """Write docs/limits.md: every constant of the parties and the treaty that bounds a length, a number or a time."""
    lines = ["| name | value | where | of what |", "|---|---|---|---|"]
    for room in ROOMS:
        for path in sorted((DOCS.parent / "src" / "tiers" / room).rglob("*.py")):
            module = ".".join(path.relative_to(DOCS.parent / "src").with_suffix("").parts)
            lines += [_limit(name, module, said) for name, said in _constants(path) if LIMIT.fullmatch(name)]
    return _LIMITS + "\n" + "\n".join(lines) + "\n"


def _limit(name: str, module: str, said: str) -> str:
    return f"| `{name}` | {_value(name, getattr(import_module(module), name))} | `{module}` | {said or NONE} |"


def _value(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        return " to ".join(_value(name, one) for one in value)
    scale = next((scale for unit, scale in (("_MS", 1), ("_S", 1000), ("_SECONDS", 1000)) if name.endswith(unit)), None)
    if scale is None:
        return f"{value:,}"
    units = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"), (1, "ms"))
    size, unit = next((size, unit) for size, unit in units if not round(value * scale) % size)
    return f"{round(value * scale) // size:,} {unit}"


def _constants(path: Path) -> Iterator[tuple[str, str]]:
    """Give each constant of a module with the comment beside it, or the sentence below it."""
    text = path.read_text(encoding="utf-8")
    lines, body = text.splitlines(), ast.parse(text).body
    for node, after in zip(body, [*body[1:], None], strict=False):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and not target.id.startswith("_"):
            _, _, beside = lines[(node.end_lineno or 1) - 1].partition("  # ")
            below = after.value if isinstance(after, ast.Expr) else None
            sentence = str(below.value) if isinstance(below, ast.Constant) else ""
            yield target.id, " ".join((beside or sentence).split()).replace("|", "\\|")


def api() -> str:
    """Write docs/api.md."""
    parts = [_API]
    for module in (testing, measure):
        parts.append(f"\n## `{module.__name__}`\n")
        for name in sorted(module.__all__):
            found = getattr(module, name)
            if inspect.isroutine(found) or (inspect.isclass(found) and not getattr(found, "_is_protocol", False)):
                parts += ["\n" + _told(name, found, "###") + "\n", *_members(found)]
    return "".join(parts)


def _members(kind: Any) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        yield "\nOne of " + ", ".join(f"`{one.name}`" for one in kind) + ".\n"
    elif isinstance(kind, type) and not issubclass(kind, Exception):
        public = {name: one for name, one in vars(kind).items() if not name.startswith("_") and inspect.isroutine(one)}
        yield "\n" * bool(public)
        yield from (f"- {_told(name, one, '')}\n" for name, one in public.items())


def _told(name: str, found: Any, level: str) -> str:
    """Say a name with its signature; of what is not for calling, the name."""
    made_elsewhere = name in ("Desk", "World")  # by `opened`, by `booted`
    plain = made_elsewhere or (isinstance(found, type) and issubclass(found, Enum | Exception))
    signature = "" if plain else str(inspect.signature(found)).replace("<factory>", "…").removesuffix(" -> None")
    for what, by in (
        (r"\b(?:[a-z_]+\.)+(?=[A-Z])", ""),
        (r"(?<!= )'([A-Z][^']*)'", r"\1"),
        (r"\bself(, )?", ""),
        (r"\(\*\)", "()"),
    ):
        signature = re.sub(what, by, signature)
    shown = f"`{'await ' * inspect.iscoroutinefunction(found)}{name}{signature}`"
    said = f"{shown}: {_flowing(inspect.getdoc(found)).split(chr(10) * 2)[0]}"
    return f"{level} `{name}`\n\n{said}" if level else said


def hovers() -> str:
    """Write the table of docs/glossary.md: the words that the page explains, where they stand or under `?`."""
    text = (DOCS.parent / "services" / "lab" / "page" / "static" / "text.en.js").read_text(encoding="utf-8")
    tables = re.findall(r"^const (?:glossary|fieldWords) = \{\n(.+?)^\};", text, re.MULTILINE | re.DOTALL)
    told = dict(re.findall(r'^  "?([\w ,]+?)"?: "(.+)",$', "".join(tables), re.MULTILINE))
    words = {word: says for word, says in told.items() if word.removesuffix("s") not in told or not word.endswith("s")}
    rows = (f"| {word} | {words[word]} |\n" for word in sorted(words, key=str.lower))
    return "| word | means |\n|---|---|\n" + "".join(rows)


def claims() -> str:
    """Write the table of docs/formal/README.md: the models' queries, what ProVerif should say, and the sentence."""
    rows = []
    for one in (one for model in MODELS for one in stated(model)):
        answer = "false" if (one.claim or "").startswith("Control: ") else "true"
        answer = "not true" if "inj-event" in one.query else answer
        rows.append(f"| {one.model} | `{one.query}` | {answer} | {one.claim} |\n")
    return "| model | query | result | claim |\n|---|---|---|---|\n" + "".join(rows)


def decisions() -> str:
    """Write the index of docs/adr for docs/README.md."""
    pages = sorted(DOCS.glob("adr/*.md"))
    titles = [page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").split(". ", 1) for page in pages]
    rows = (f"| [{at}](adr/{page.name}) | {title} |\n" for page, (at, title) in zip(pages, titles, strict=True))
    return "| | decision |\n|---|---|\n" + "".join(rows)


def modules() -> str:
    """Write which file of the page is what, for docs/page.md: the first sentence of each."""
    files = sorted((DOCS.parent / "services" / "lab" / "page").glob("[!_]*.py"))
    heads = {file.name: ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "" for file in files}
    rows = (f"| `{name}` | {_flowing(head).partition(chr(10))[0]} |\n" for name, head in heads.items())
    return "| file in `services/lab/page/` | |\n|---|---|\n" + "".join(rows)


WHOLE = {
    "api.md": api,
    "settings.md": settings,
    "commands.md": commands,
    "limits.md": limits,
    "sources.md": pages.sources,
}
IN_PART = {
    "README.md": ("decisions", decisions),
    "page.md": ("files", modules),
    "glossary.md": ("hovers", hovers),
    "history.md": ("claims", pages.claims),
    "scenarios.md": ("verdicts", pages.verdicts),
    "spec/refusals.md": ("refusals", tables),
    "formal/README.md": ("models", claims),
}


def made(name: str) -> str:
    """Return a page that is made without starting a process, by its name, as it should be."""
    if name in WHOLE:
        return WHOLE[name]()
    mark, write = IN_PART[name]
    page = (DOCS / name).read_text(encoding="utf-8")
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    before, _, rest = page.partition(begin)
    return before + begin + write() + end + rest.partition(end)[2]


def main() -> None:
    """Write every page."""
    text = {name: made(name) for name in (*WHOLE, *IN_PART)}
    page = (DOCS / "requests.md").read_text(encoding="utf-8")
    text["requests.md"] = requests.put_into(page, requests.render(asyncio.run(requests.tables())))
    for name, said in text.items():
        (DOCS / name).write_text(said, encoding="utf-8")


if __name__ == "__main__":
    main()
