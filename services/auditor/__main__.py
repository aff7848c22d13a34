"""The auditor's process: `python -m tiers.auditor`."""

from contextlib import AsyncExitStack

import msgspec
from aiohttp import web

from tiers.auditor.app import Auditor, build
from tiers.auditor.config import Settings
from tiers.auditor.store import Store
from tiers.chassis.outside import Outside
from tiers.chassis.program import run_party, served
from tiers.chassis.state import StateDir
from tiers.wire.identity import Identity, Role
from tiers.wire.message.sealing import HpkePrivateKey


async def wire(settings: Settings, outside: Outside, opened: AsyncExitStack) -> web.Application:
    """Wire the auditor together."""
    state = StateDir(settings.state)
    key = state.key("hpke.key", HpkePrivateKey)
    state.write("auditor.jwk", msgspec.json.encode(key.public.jwk()))
    store = Store(state.path / "auditor.sqlite")
    opened.callback(store.close)
    carrier = outside.peer(settings.carrier_url, Identity(Role.CARRIER, settings.carrier))
    court = outside.peer(settings.court_url, Identity(Role.COURT, settings.court)) if settings.court_url else None
    return build(Auditor(key, store, outside, carrier, court), outside)


def main() -> None:
    run_party(Settings, served(wire))


if __name__ == "__main__":
    main()
