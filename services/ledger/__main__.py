"""The ledger's process: `python -m services.ledger`."""

import asyncio
import os
import sys
import time
from functools import cache

import aiohttp
from prometheus_client import CollectorRegistry

from services.ledger.app import Ledger
from services.ledger.config import LedgerSettings, read_vkey
from services.ledger.sequencer import Sequencer
from services.ledger.store import Files, Store
from services.ledger.witness_client import HttpWitness
from services.wire.chassis import logs, settings
from services.wire.chassis.tls import Tls
from services.wire.chassis.web import application, serve
from services.wire.checkpoint import LogSigner, PinnedLog, WitnessKey
from services.wire.errors import TiersError
from services.wire.identity import TRUST_DOMAIN, Identity, Role
from services.wire.jose import SigningKey


async def run(config: LedgerSettings) -> None:
    """Wire the ledger together and serve until told to stop."""
    logs.configure(config.party)
    tls = Tls(config.tls)
    files = Files(config.state)
    signer = LogSigner(f"{TRUST_DOMAIN}/{config.party}", files.key("log.key", SigningKey))
    files.write("log.vkey", f"{signer.key.vkey()}\n".encode())
    pinned = cache(lambda: PinnedLog(signer.key, (read_vkey(config.trust / "witness.vkey", WitnessKey),)))
    store = Store(files)
    metrics = CollectorRegistry()

    async def ready() -> None:
        pinned()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls.client)) as session:
        witness = HttpWitness(session, config.witness_url, Identity(Role.WITNESS, config.witness))
        ledger = Ledger(store, Sequencer(store, signer, witness, pinned), _now, metrics)
        await serve(application(ledger.routes(), metrics, ready), config.party, config.listen, tls)


def _now() -> int:
    return time.time_ns() // 1_000_000


def main() -> None:
    """Run the ledger; a wrong setting ends it with one sentence."""
    try:
        asyncio.run(run(settings.load(LedgerSettings, os.environ)))
    except TiersError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)  # noqa: T201 - whoever started us reads it
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
