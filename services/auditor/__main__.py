"""The auditor's process: `python -m tiers.auditor`."""

import msgspec
from prometheus_client import CollectorRegistry

from tiers.auditor.app import Auditor, Outside, build
from tiers.auditor.config import Settings
from tiers.auditor.store import Store
from tiers.chassis import logs
from tiers.chassis.client import Peer
from tiers.chassis.program import outgoing, pinned, public_log, run_party, wall_clock
from tiers.chassis.state import StateDir
from tiers.chassis.tls import Tls
from tiers.chassis.web import serve
from tiers.wire.identity import Identity, Role
from tiers.wire.message.sealing import HpkePrivateKey


async def run(settings: Settings) -> None:
    logs.configure(settings.identity)
    tls = Tls(settings.tls)
    state = StateDir(settings.state)
    key = state.key("hpke.key", HpkePrivateKey)
    state.write("auditor.jwk", msgspec.json.encode(key.public.jwk()))
    store = Store(state.path / "auditor.sqlite")
    metrics = CollectorRegistry()
    trust = pinned(settings.trust)

    try:
        async with outgoing(tls) as session:
            court = Identity(Role.COURT, settings.court)
            outside = Outside(
                public_log(session, settings),
                Peer(session, settings.carrier_url, Identity(Role.CARRIER, settings.carrier)),
                trust,
                wall_clock,
                Peer(session, settings.court_url, court) if settings.court_url else None,
            )
            app = build(Auditor(settings.author, key, store, outside, metrics), metrics)
            await serve(app, settings.identity, settings.listen, tls)
    finally:
        store.close()


def main() -> None:
    run_party(Settings, run)


if __name__ == "__main__":
    main()
