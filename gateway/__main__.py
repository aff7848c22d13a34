"""The relay's process: `python -m tiers.gateway`."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

from aiohttp import web

from tiers.chassis import background
from tiers.chassis.outside import Outside
from tiers.chassis.program import run_party, served
from tiers.gateway.app import Handlers
from tiers.gateway.channels import MAX_SKEW_MS
from tiers.gateway.config import Settings
from tiers.gateway.devices import Registry
from tiers.gateway.interception import copy_sender
from tiers.gateway.interception.administration import Interception
from tiers.gateway.mailbox.scripts import HELLO
from tiers.gateway.mailbox.streams import Mailboxes
from tiers.gateway.metrics import Metrics
from tiers.gateway.orders import Docket
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


async def wire(settings: Settings, outside: Outside, opened: AsyncExitStack) -> web.Application:
    """Wire the relay together."""
    identity, carrier = settings.identity, Identity(Role.CARRIER, settings.carrier)
    bus, clock = Bus(settings.store_url, HELLO), outside.clock
    store = await opened.enter_async_context(bus.store)
    metrics, lease, mailboxes = Metrics(outside.metrics), Lease(store), Mailboxes(bus)
    interception = Interception(mailboxes, outside, bus, lease)
    admission = CarrierAdmission(outside.peer(settings.carrier_url, carrier))
    slack = UNDER_WAY_MS if settings.workers > 1 else 0
    docket = Docket(outside, settings.arrangement, bus)
    in_force = docket.in_force
    delivery = Delivery(mailboxes, admission, interception.tasks, clock, metrics, slack, in_force.saw)
    registry = Registry(store, clock, mailboxes)
    intake = Intake(registry, delivery, clock, settings.arrangement, in_force)
    context = SessionContext(identity, registry, intake, delivery, mailboxes, clock, metrics, bus, in_force)
    sessions = Sessions(context)
    metrics.gauge("sessions", "Open sessions.", sessions.count)
    metrics.gauge("copies", "Copies that wait for the mediation.", interception.tasks.backlog.copies)
    metrics.gauge("undecided", "Messages between arrival and answer.", delivery.depth)
    app = Handlers(context, sessions).build([*interception.routes(), *docket.routes()])

    async def running(_app: web.Application) -> AsyncIterator[None]:
        await fit(store, COMMANDS[Role.GATEWAY], may_lose=settings.store_may_lose)
        await warn_of_clock(store, clock, MAX_SKEW_MS)
        for load in (interception.load, docket.load):  # no message may be accepted before
            await patiently(load)
        mediate = interception.run(partial(copy_sender.connect, settings.mediation, carrier, outside.tls))
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


def divide(settings: Settings) -> None:
    """Become several processes, if that is asked for."""
    if settings.workers > 1:
        spread(settings.workers)


def main() -> None:
    run_party(Settings, served(wire), divide)


if __name__ == "__main__":
    main()
