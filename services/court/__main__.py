"""The court's process: `python -m tiers.court`."""

from contextlib import AsyncExitStack

import msgspec
from aiohttp import web

from tiers.chassis.outside import Outside
from tiers.chassis.program import run_party, served
from tiers.chassis.state import StateDir
from tiers.court.app import Court, build
from tiers.court.config import Settings
from tiers.court.register import Place
from tiers.court.store import Store
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import SigningKey


async def wire(settings: Settings, outside: Outside, opened: AsyncExitStack) -> web.Application:
    """Wire the court together."""
    state = StateDir(settings.state)
    key = state.key("judge.key", SigningKey)
    state.write("judge.jwk", msgspec.json.encode(key.public.jwk()))
    store = Store(state.path / "register.sqlite")
    opened.callback(store.close)
    carrier = outside.peer(settings.carrier_url, Identity(Role.CARRIER, settings.carrier))
    judge = Identity(Role.JUDGE, settings.judge)
    place = Place(settings.author, carrier.identity, judge, settings.word_minutes * 60_000)
    court = Court(place, key, store, outside, carrier)
    if not settings.escrow:
        return build(court, outside)
    from tiers.court.escrow import Escrow  # noqa: PLC0415 - else every court could open a JWE
    from tiers.court.release import Releases  # noqa: PLC0415 - the same

    escrow = Escrow(state, settings.identity, outside.clock)
    releases = Releases(place, key, store, outside, escrow, court.refusals)
    return build(court, outside, [*escrow.routes(), *releases.routes()])


def main() -> None:
    run_party(Settings, served(wire))


if __name__ == "__main__":
    main()
