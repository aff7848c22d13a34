"""The carrier's process: `python -m tiers.carrier`."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
from aiohttp import web

from tiers.carrier.administration import Administration
from tiers.carrier.admission import Admission
from tiers.carrier.app import Carrier, build
from tiers.carrier.config import Settings
from tiers.carrier.keystore import Keystore
from tiers.carrier.mediation import Mediation
from tiers.carrier.register import Register, RegisterKey
from tiers.carrier.release import Releases
from tiers.carrier.subscribers import Subscribers
from tiers.chassis import background
from tiers.chassis.outside import Outside
from tiers.chassis.program import run_party, served
from tiers.chassis.refusals import Refusals
from tiers.chassis.state import StateDir
from tiers.store.acl import COMMANDS
from tiers.store.client import Store
from tiers.store.fitness import fit, patiently
from tiers.wire.identity import Role, parse_identity
from tiers.wire.keys.jose import SigningKey
from tiers.wire.keys.keytree import Master
from tiers.wire.message.proof import Proofs

SCRATCH = "carrier:ready:"


async def wire(settings: Settings, outside: Outside, opened: AsyncExitStack) -> web.Application:
    """Wire the carrier together."""
    state, party = StateDir(settings.state), settings.identity
    signer, keys = state.key("signing.key", SigningKey), Keystore(state.key("master.key", Master))
    state.write("carrier.jwk", msgspec.json.encode(signer.public.jwk()))
    store = await opened.enter_async_context(Store(settings.store_url, SCRATCH))
    gateway = outside.peer(settings.gateway_url, parse_identity("gateway/1"))
    register = Register(store, state.key("register.key", RegisterKey))
    carrier = Carrier(
        subscribers=Subscribers(party, store, gateway, keys),
        admission=Admission(party.name, keys),
        administration=Administration(register, outside, gateway),
        releases=Releases(register, outside, keys, signer),
        refusals=Refusals(outside),
        register=register,
        mediation=Mediation(store, register.liid_of, outside.metrics),
        proofs=Proofs(party, outside.clock()),
        outside=outside,
        ready=store.check,
    )

    async def live(_app: web.Application) -> AsyncIterator[None]:
        await fit(store, COMMANDS[Role.CARRIER], may_lose=settings.store_may_lose)
        await patiently(register.load)
        await carrier.mediation.start(settings.mediation_listen, outside.tls)
        sweeping = background.start(carrier.administration.run())
        yield
        await background.stop(sweeping)
        await carrier.mediation.stop()

    app = build(carrier)
    app.cleanup_ctx.append(live)
    app.cleanup_ctx.append(carrier.refusals.keep_telling)
    return app


def main() -> None:
    run_party(Settings, served(wire))


if __name__ == "__main__":
    main()
