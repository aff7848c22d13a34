"""The carrier's process: `python -m tiers.carrier`."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from tiers.carrier import keystore
from tiers.carrier.administration import Administration
from tiers.carrier.admission import Admission
from tiers.carrier.app import Carrier, build
from tiers.carrier.config import Settings
from tiers.carrier.keystore import Keystore
from tiers.carrier.mediation import Mediation
from tiers.carrier.outside import Outside
from tiers.carrier.register import Register, load_register_key
from tiers.carrier.release import Releases
from tiers.carrier.subscribers import Subscribers
from tiers.chassis import background, logs
from tiers.chassis.client import Peer
from tiers.chassis.program import outgoing, pinned, public_log, run_party, wall_clock
from tiers.chassis.refusals import Refusals
from tiers.chassis.state import StateDir
from tiers.chassis.tls import Tls
from tiers.chassis.web import serve
from tiers.store.acl import COMMANDS
from tiers.store.client import Store
from tiers.store.fitness import fit, patiently
from tiers.wire.identity import Role, parse_identity
from tiers.wire.message.proof import Proofs

SCRATCH = "carrier:ready:"


@asynccontextmanager
async def wired(settings: Settings, tls: Tls, clock: Callable[[], int] = wall_clock) -> AsyncIterator[web.Application]:
    """Wire the carrier together, and close behind it what it opened."""
    state, metrics, party = StateDir(settings.state), CollectorRegistry(), settings.identity
    signer, keys = keystore.load_signing_key(state), Keystore(keystore.load_master(state))
    state.write("carrier.jwk", msgspec.json.encode(signer.public.jwk()))
    async with Store(settings.store_url, SCRATCH) as store, outgoing(tls) as session:
        trust = pinned(settings.trust)
        gateway = Peer(session, settings.gateway_url, parse_identity("gateway/1"))
        ledger = public_log(session, settings)
        outside = Outside(gateway, ledger, trust, clock, settings.author)
        register = Register(store, load_register_key(state))
        carrier = Carrier(
            subscribers=Subscribers(party, store, gateway, keys),
            admission=Admission(party.name, keys),
            administration=Administration(register, outside),
            releases=Releases(register, outside, keys, signer),
            refusals=Refusals(settings.author, ledger, clock, metrics),
            register=register,
            mediation=Mediation(store, register, metrics),
            proofs=Proofs(party, clock()),
            outside=outside,
            metrics=metrics,
            ready=store.check,
        )

        async def live(_app: web.Application) -> AsyncIterator[None]:
            await fit(store, COMMANDS[Role.CARRIER], may_lose=settings.store_may_lose)
            await patiently(register.load)
            await carrier.mediation.start(settings.mediation_listen, tls)
            sweeping = background.start(carrier.administration.run())
            yield
            await background.stop(sweeping)
            await carrier.mediation.stop()

        app = build(carrier)
        app.cleanup_ctx.append(live)
        app.cleanup_ctx.append(carrier.refusals.keep_telling)
        yield app


async def run(settings: Settings) -> None:
    logs.configure(settings.identity)
    tls = Tls(settings.tls)
    async with wired(settings, tls) as app:
        await serve(app, settings.identity, settings.listen, tls)


def main() -> None:
    run_party(Settings, run)


if __name__ == "__main__":
    main()
