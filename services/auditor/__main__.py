"""The auditor's process: `python -m services.auditor`."""

import asyncio
import os
import sys
import time

import aiohttp
import msgspec
from prometheus_client import CollectorRegistry

from services.auditor.app import Auditor, Outside, build
from services.auditor.config import Settings
from services.auditor.store import Store
from services.wire.chassis import logs, settings
from services.wire.chassis.client import Peer
from services.wire.chassis.ledger import LedgerClient
from services.wire.chassis.state import StateDir, read_folder
from services.wire.chassis.tls import Tls
from services.wire.chassis.web import serve
from services.wire.errors import TiersError
from services.wire.identity import Identity, Role
from services.wire.sealing import HpkePrivateKey
from services.wire.trust import Trust, parse_trust


async def run(config: Settings) -> None:
    """Wire the auditor together and serve until told to stop."""
    logs.configure(config.party)
    tls = Tls(config.tls)
    state = StateDir(config.state)
    key = state.key("hpke.key", HpkePrivateKey)
    state.write("auditor.jwk", msgspec.json.encode(key.public.jwk()))
    store = Store(state.path / "auditor.sqlite")
    metrics = CollectorRegistry()

    def trust() -> Trust:
        return parse_trust(read_folder(config.trust))

    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls.client)) as session:
            outside = Outside(
                LedgerClient(Peer(session, config.ledger_url, Identity(Role.LEDGER, "in")), trust),
                Peer(session, config.carrier_url, Identity(Role.CARRIER, config.carrier)),
                trust,
                lambda: time.time_ns() // 1_000_000,
            )
            app = build(Auditor(config.party, key, store, outside, metrics), metrics)
            await serve(app, config.party, config.listen, tls)
    finally:
        store.close()


def main() -> None:
    """Run the auditor; a wrong setting or state directory ends it with one sentence."""
    try:
        asyncio.run(run(settings.load(Settings, os.environ)))
    except TiersError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)  # noqa: T201 - whoever started us reads it
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
