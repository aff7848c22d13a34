"""The court's process: `python -m tiers.court`."""

import msgspec
from prometheus_client import CollectorRegistry

from tiers.chassis import logs
from tiers.chassis.client import Peer
from tiers.chassis.program import outgoing, pinned, public_log, run_party, wall_clock
from tiers.chassis.state import StateDir
from tiers.chassis.tls import Tls
from tiers.chassis.web import Route, serve
from tiers.court.app import Court, Outside, build
from tiers.court.config import Settings
from tiers.court.register import Place
from tiers.court.store import Store
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import SigningKey


async def run(settings: Settings) -> None:
    logs.configure(settings.identity)
    tls = Tls(settings.tls)
    state = StateDir(settings.state)
    key = state.key("judge.key", SigningKey)
    state.write("judge.jwk", msgspec.json.encode(key.public.jwk()))
    store = Store(state.path / "register.sqlite")
    carrier = Identity(Role.CARRIER, settings.carrier)
    place = Place(settings.author, carrier, Identity(Role.JUDGE, settings.judge), settings.word_minutes * 60_000)
    metrics = CollectorRegistry()
    trust = pinned(settings.trust)

    try:
        async with outgoing(tls) as session:
            outside = Outside(
                public_log(session, settings),
                Peer(session, settings.carrier_url, carrier),
                trust,
                wall_clock,
            )
            court = Court(place, key, store, outside, metrics)
            routes: list[Route] = []
            if settings.escrow:
                from tiers.court.escrow import Escrow  # noqa: PLC0415 - else every court could open a JWE
                from tiers.court.release import Releases  # noqa: PLC0415 - the same

                escrow = Escrow(state, settings.identity, outside.clock)
                routes = [*escrow.routes(), *Releases(place, key, store, outside, escrow, court.refusals).routes()]
            app = build(court, metrics, routes)
            await serve(app, settings.identity, settings.listen, tls)
    finally:
        store.close()


def main() -> None:
    run_party(Settings, run)


if __name__ == "__main__":
    main()
