"""The key server's process: `python -m tiers.enterprise`, one for each customer."""

from prometheus_client import CollectorRegistry, Counter

from tiers.chassis import logs
from tiers.chassis.client import Peer
from tiers.chassis.program import outgoing, public_log, run_party, wall_clock
from tiers.chassis.state import StateDir
from tiers.chassis.tls import Tls
from tiers.chassis.web import serve
from tiers.enterprise.app import Parts, build
from tiers.enterprise.config import Settings
from tiers.enterprise.keystore import KeyStore
from tiers.enterprise.orders import OrderPolicy, parse_policy
from tiers.enterprise.partners import Partners
from tiers.enterprise.store import Store
from tiers.wire.identity import parse_identity


async def run(settings: Settings) -> None:
    logs.configure(settings.identity)
    tls = Tls(settings.tls)
    state = StateDir(settings.state)
    keys = KeyStore(state, settings.name, wall_clock)
    store = Store(state)
    metrics = CollectorRegistry()
    failures = Counter("tiers_enterprise_partner_failures", "Answers not had", ["org"], registry=metrics)

    def policy() -> OrderPolicy:
        return parse_policy(state.read("policy.toml"))

    try:
        policy()  # a mistake in it is told now
        async with outgoing(tls) as session:
            parts = Parts(
                settings.author,
                keys,
                store,
                Partners(session, store, keys, failures),
                Peer(session, settings.gateway_url, parse_identity("gateway/1")),
                public_log(session, settings),
                policy,
                wall_clock,
            )
            await serve(build(parts, metrics), settings.identity, settings.listen, tls)
    finally:
        store.close()


def main() -> None:
    run_party(Settings, run)


if __name__ == "__main__":
    main()
