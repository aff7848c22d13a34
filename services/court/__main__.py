"""The court's process: `python -m services.court`."""

import asyncio
import os
import sys
import time

import aiohttp
import msgspec
from prometheus_client import CollectorRegistry

from services.court.app import Court, Outside, build
from services.court.config import Settings
from services.court.register import Place
from services.court.store import Store
from services.wire.chassis import logs, settings
from services.wire.chassis.client import Peer
from services.wire.chassis.ledger import LedgerClient
from services.wire.chassis.state import StateDir, read_folder
from services.wire.chassis.tls import Tls
from services.wire.chassis.web import serve
from services.wire.errors import TiersError
from services.wire.identity import Identity, Role
from services.wire.jose import SigningKey
from services.wire.trust import Trust, parse_trust


async def run(config: Settings) -> None:
    """Wire the court together and serve until told to stop."""
    logs.configure(config.party)
    tls = Tls(config.tls)
    state = StateDir(config.state)
    key = state.key("judge.key", SigningKey)
    state.write("judge.jwk", msgspec.json.encode(key.public.jwk()))
    store = Store(state.path / "register.sqlite")
    carrier, ledger = Identity(Role.CARRIER, config.carrier), Identity(Role.LEDGER, "in")
    place = Place(config.party, carrier, Identity(Role.JUDGE, config.judge))
    metrics = CollectorRegistry()

    def trust() -> Trust:
        return parse_trust(read_folder(config.trust))

    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls.client)) as session:
            outside = Outside(
                LedgerClient(Peer(session, config.ledger_url, ledger), trust),
                Peer(session, config.carrier_url, carrier),
                trust,
                lambda: time.time_ns() // 1_000_000,
            )
            app = build(Court(place, key, store, outside, metrics), metrics)
            await serve(app, config.party, config.listen, tls)
    finally:
        store.close()


def main() -> None:
    """Run the court; a wrong setting or state directory ends it with one sentence."""
    try:
        asyncio.run(run(settings.load(Settings, os.environ)))
    except TiersError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)  # noqa: T201 - whoever started us reads it
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
