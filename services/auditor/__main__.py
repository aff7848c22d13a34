"""The auditor's process: `python -m tiers.auditor`."""

import msgspec
from prometheus_client import CollectorRegistry

from tiers.auditor.app import Auditor, Outside, build
from tiers.auditor.config import Settings
from tiers.auditor.store import Store
from tiers.chassis import logs
from tiers.chassis.client import Peer
from tiers.chassis.ledger_client import LedgerClient
from tiers.chassis.program import outgoing, pinned, run_party, wall_clock
from tiers.chassis.state import StateDir
from tiers.chassis.tls import Tls
from tiers.chassis.web import serve
from tiers.wire.identity import Identity, Role
from tiers.wire.message.sealing import HpkePrivateKey


async def run(config: Settings) -> None:
    """Wire the auditor together and serve until told to stop."""
    logs.configure(config.party)
    tls = Tls(config.tls)
    state = StateDir(config.state)
    key = state.key("hpke.key", HpkePrivateKey)
    state.write("auditor.jwk", msgspec.json.encode(key.public.jwk()))
    store = Store(state.path / "auditor.sqlite")
    metrics = CollectorRegistry()
    trust = pinned(config.trust)

    try:
        async with outgoing(tls) as session:
            court = Peer(session, config.court_url, Identity(Role.COURT, config.court)) if config.court_url else None
            outside = Outside(
                LedgerClient(Peer(session, config.ledger_url, Identity(Role.LEDGER, "in")), trust),
                Peer(session, config.carrier_url, Identity(Role.CARRIER, config.carrier)),
                trust,
                wall_clock,
                court,
            )
            app = build(Auditor(config.author, key, store, outside, metrics), metrics)
            await serve(app, config.party, config.listen, tls)
    finally:
        store.close()


def main() -> None:
    """Run the auditor; a wrong setting or state directory ends it with one sentence."""
    run_party(Settings, run)


if __name__ == "__main__":
    main()
