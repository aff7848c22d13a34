"""The key server's process: `python -m tiers.enterprise`, one for each customer."""

from contextlib import AsyncExitStack

from aiohttp import web
from prometheus_client import Counter

from tiers.chassis.outside import Outside
from tiers.chassis.program import run_party, served
from tiers.chassis.state import StateDir
from tiers.enterprise.app import Parts, build
from tiers.enterprise.config import Settings
from tiers.enterprise.keystore import KeyStore
from tiers.enterprise.orders import OrderPolicy, parse_policy
from tiers.enterprise.partners import Partners
from tiers.enterprise.store import Store
from tiers.wire.identity import parse_identity


async def wire(settings: Settings, outside: Outside, opened: AsyncExitStack) -> web.Application:
    """Wire the key server together."""
    state = StateDir(settings.state)
    keys = KeyStore(state, settings.name, outside.clock)
    store = Store(state)
    opened.callback(store.close)
    failures = Counter("tiers_enterprise_partner_failures", "Answers not had", ["org"], registry=outside.metrics)

    def policy() -> OrderPolicy:
        return parse_policy(state.read("policy.toml"))

    policy()  # a mistake in it is told now
    partners = Partners(outside.http, store, keys, failures)
    gateway = outside.peer(settings.gateway_url, parse_identity("gateway/1"))
    return build(Parts(outside, keys, store, partners, gateway, policy))


def main() -> None:
    run_party(Settings, served(wire))


if __name__ == "__main__":
    main()
