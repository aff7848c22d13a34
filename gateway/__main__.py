"""The relay's process: `python -m tiers.gateway`."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

from aiohttp import web
from prometheus_client import CollectorRegistry

from tiers.chassis import background, logs
from tiers.chassis.client import Peer
from tiers.chassis.program import outgoing, pinned, public_log, run_party, wall_clock
from tiers.chassis.tls import Tls
from tiers.chassis.web import serve
from tiers.gateway.app import Handlers
from tiers.gateway.channels import MAX_SKEW_MS
from tiers.gateway.config import Settings
from tiers.gateway.devices import Registry
from tiers.gateway.interception import copy_sender
from tiers.gateway.interception.administration import Interception
from tiers.gateway.mailbox.scripts import HELLO
from tiers.gateway.mailbox.streams import StreamMailboxes
from tiers.gateway.metrics import Metrics
from tiers.gateway.orders import Docket, OrderScope
from tiers.gateway.path.carrier import CarrierAdmission
from tiers.gateway.path.delivery import Delivery
from tiers.gateway.path.intake import Intake
from tiers.gateway.path.session import SessionContext
from tiers.gateway.path.sessions import Sessions
from tiers.gateway.processes.bus import Bus
from tiers.gateway.processes.lease import Lease
from tiers.gateway.processes.workers import UNDER_WAY_MS, spread
from tiers.store.acl import COMMANDS
from tiers.store.fitness import fit, patiently, warn_of_clock
from tiers.wire.identity import Identity, Role


async def wire(settings: Settings, tls: Tls, opened: AsyncExitStack) -> web.Application:
    """Wire the relay together; what it opens is closed with `opened`."""
    identity, carrier = settings.identity, Identity(Role.CARRIER, settings.carrier)
    bus = Bus(settings.store_url, HELLO)
    store = await opened.enter_async_context(bus.store)
    http = await opened.enter_async_context(outgoing(tls))
    metrics, lease, mailboxes = Metrics(CollectorRegistry()), Lease(store), StreamMailboxes(bus)
    trust = pinned(settings.trust)
    ledger = public_log(http, settings)
    interception = Interception(mailboxes, ledger, trust, settings.author, wall_clock, metrics.registry, bus, lease)
    admission = CarrierAdmission(Peer(http, settings.carrier_url, carrier))
    slack = UNDER_WAY_MS if settings.workers > 1 else 0
    delivery = Delivery(mailboxes, admission, interception.tasks, wall_clock, metrics, slack)
    registry = Registry(store, wall_clock, mailboxes)
    scope = OrderScope(identity, settings.jurisdiction, settings.arrangement)
    docket = Docket(ledger, trust, scope, wall_clock, bus)
    intake = Intake(registry, delivery, wall_clock, scope.arrangement, docket.in_force)
    in_force = docket.in_force
    context = SessionContext(identity, registry, intake, delivery, mailboxes, wall_clock, metrics, bus, in_force)
    sessions = Sessions(context)
    metrics.gauge("sessions", "Open sessions.", sessions.count)
    metrics.gauge("copies", "Copies that wait for the mediation.", interception.tasks.backlog.copies)
    metrics.gauge("undecided", "Messages between arrival and answer.", delivery.depth)
    app = Handlers(context, sessions).build([*interception.routes(), *docket.routes()])

    async def running(_app: web.Application) -> AsyncIterator[None]:
        await fit(store, COMMANDS[Role.GATEWAY], may_lose=settings.store_may_lose)
        await warn_of_clock(store, wall_clock, MAX_SKEW_MS)
        for load in (interception.load, docket.load):  # no message may be accepted before
            await patiently(load)
        mediate = interception.run(partial(copy_sender.connect, settings.mediation, carrier, tls))
        kept = (lease.keep(), sessions.keep(), registry.keep(), docket.keep())
        tasks = [background.start(one) for one in (delivery.run(), mediate, *kept)]
        yield
        await delivery.idle()
        await background.stop(*tasks)

    async def stopping(_app: web.Application) -> None:
        await sessions.close()

    app.on_shutdown.append(stopping)
    app.cleanup_ctx.append(running)
    return app


async def run(settings: Settings) -> None:
    logs.configure(settings.identity)
    tls = Tls(settings.tls)
    async with AsyncExitStack() as opened:
        app = await wire(settings, tls, opened)
        await serve(app, settings.identity, settings.listen, tls, shared=settings.workers > 1)


def divide(settings: Settings) -> None:
    """Become several processes, if that is asked for."""
    if settings.workers > 1:
        spread(settings.workers)


def main() -> None:
    run_party(Settings, run, divide)


if __name__ == "__main__":
    main()
