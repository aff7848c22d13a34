"""The ledger's process: `python -m tiers.ledger`."""

from functools import cache

from prometheus_client import CollectorRegistry

from tiers.chassis import logs
from tiers.chassis.program import outgoing, run_party, wall_clock
from tiers.chassis.tls import Tls
from tiers.chassis.web import application, serve
from tiers.ledger.app import Ledger
from tiers.ledger.config import LedgerSettings, read_vkey
from tiers.ledger.sequencer import Sequencer
from tiers.ledger.store import Files, Store
from tiers.ledger.witness_client import HttpWitness
from tiers.wire.identity import TRUST_DOMAIN, Identity, Role
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log.checkpoint import LogSigner, PinnedLog, WitnessKey


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

    async with outgoing(tls) as session:
        witness = HttpWitness(session, config.witness_url, Identity(Role.WITNESS, config.witness))
        ledger = Ledger(store, Sequencer(store, signer, witness, pinned), wall_clock, metrics)
        await serve(application(ledger.routes(), metrics, ready), config.party, config.listen, tls)


def main() -> None:
    """Run the ledger; a wrong setting ends it with one sentence."""
    run_party(LedgerSettings, run)


if __name__ == "__main__":
    main()
