"""Every party's request table, as its own program builds it: `tiers requests` prints it, docs/requests.md carries it.

The lab imports no party. Each program is started as ever, with throw-away settings, and runs up to the moment at which
it hands its table to the chassis; there the table is printed and the process ends, before anything listens.
"""

import asyncio
import runpy
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from tiers.chassis import web as chassis
from tiers.lab.world import folders
from tiers.lab.world.cast import PARTIES, Party
from tiers.lab.world.clock import Clock
from tiers.lab.world.pki import Authority
from tiers.lab.world.processes import LAUNCHER, base_environ, said, start
from tiers.wire.errors import Ours
from tiers.wire.identity import Role

BEGIN, END = "<!-- requests -->", "<!-- /requests -->"
_CERTIFIED = sorted(role for role in Role if role is not Role.ANYONE)
_NOWHERE = "127.0.0.1:9"
_SETTINGS = {
    "listen": _NOWHERE,
    "store_url": "redis://127.0.0.1:9",
    "mediation": _NOWHERE,
    "mediation_listen": _NOWHERE,
    **{f"{name}_url": f"https://{_NOWHERE}" for name in ("gateway", "carrier", "ledger")},
}
_NOTES = """\
`anyone` has no certificate: a device signs its requests with its own key instead.
A wrong role gets 403 before the body is read.
Beside these, the carrier takes X2 and X3 from `gateway` on a TLS port of its own ([product](spec/product.md))."""


class Row(msgspec.Struct, frozen=True):
    method: str
    path: str
    roles: tuple[str, ...]
    summary: str


async def tables() -> dict[str, tuple[Row, ...]]:
    """Return every program's table, by its role; the two customers run the same program. Raises `Ours`."""
    programs = {one.identity.role.value: one for one in PARTIES}
    with folders.fresh() as root:
        authority, clock = Authority.create(), Clock.start(root / "clock")
        found = await asyncio.gather(*(_table(one, authority, clock, root / one.name) for one in programs.values()))
    return dict(zip(programs, found, strict=True))


async def _table(one: Party, authority: Authority, clock: Clock, root: Path) -> tuple[Row, ...]:
    authority.issue(one.identity, root / "tls")
    settings = _SETTINGS | {name: str(root / name) for name in ("state", "tls", "trust")} | {"name": one.identity.name}
    environ = base_environ() | {f"TIERS_{name.upper()}": value for name, value in settings.items()}
    child = await start(one.name, [*LAUNCHER, str(clock.path), __name__, one.program], environ, log := root / "table")
    await child.process.wait()
    try:
        return msgspec.json.decode(log.read_bytes(), type=tuple[Row, ...])
    except msgspec.MsgspecError:
        raise Ours("lab.start", f"{one.name} did not build its request table. It said: {said(log)}") from None


def render(found: dict[str, tuple[Row, ...]]) -> str:
    """Return the tables as Markdown, what every party answers last."""
    shared = set[Row].intersection(*(set(rows) for rows in found.values()))
    own = {role: [row for row in rows if row not in shared] for role, rows in found.items()}
    lines = ["| party | request | who may ask | for what |", "|---|---|---|---|"]
    lines += [_line(f"`{role}`", row) for role, rows in own.items() for row in rows]
    rows = next(iter(found.values()))
    lines += [_line("every party", row) for row in rows if row in shared]
    return "\n".join([*lines, "", _NOTES])


def _line(party: str, row: Row) -> str:
    everybody = list(row.roles) == _CERTIFIED
    asks = "whoever has a certificate" if everybody else ", ".join(f"`{role}`" for role in row.roles)
    return f"| {party} | `{row.method} {row.path}` | {asks} | {row.summary} |"


def put_into(page: str, text: str) -> str:
    """Return a page with `text` between its two markers; raises `Ours` for one that has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Ours("lab.requests", f"Put {BEGIN} and {END} where the request tables belong.")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def _print_and_end(
    routes: Sequence[chassis.Route], metrics: CollectorRegistry, ready: Callable[[], Awaitable[None]]
) -> web.Application:
    """Stand in for `chassis.web.application` in a party's own process."""
    everything = [*routes, *chassis.common(metrics, ready)]
    table = [Row(one.method, one.path, tuple(sorted(one.roles)), one.summary) for one in everything]
    sys.stdout.write(msgspec.json.encode(table).decode())
    sys.stdout.flush()
    raise SystemExit(0)


def main() -> None:
    chassis.application = _print_and_end
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
