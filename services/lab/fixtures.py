"""The fixtures of the pytest plugin. The classroom takes a second to import: it is imported when a test asks for it."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from inspect import CORO_CREATED, getcoroutinestate
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from tiers.lab.assertions import AssertReadable, AssertSealed
    from tiers.lab.classroom.desk import Desk
    from tiers.lab.world.world import World


def lasting(scope: Any) -> ModuleType:
    """Return a module of the fixtures, each alive for a scope of pytest's and in the event loop of that scope."""
    made = ModuleType("tiers_fixtures")
    for one in (tiers_world, tiers_desk):
        setattr(made, one.__name__, pytest_asyncio.fixture(one, scope=scope, loop_scope=scope))
    for other in (tiers_assert_readable, tiers_assert_sealed):
        setattr(made, other.__name__, pytest.fixture(other, scope=scope))
    return made


async def tiers_world(tmp_path_factory: pytest.TempPathFactory) -> "AsyncIterator[World]":
    """Boot every party; stop all of them at the end of the scope that `tiers_world_scope` sets: the test's."""
    from tiers.lab.world.world import booted  # noqa: PLC0415 - see above

    async with booted(tmp_path_factory.mktemp("tiers") / "world") as world:
        yield world


async def tiers_desk(tiers_world: "World") -> "AsyncIterator[Desk]":
    """Seat people with handsets in the world: `await tiers_desk.send(Note(…))`."""
    from tiers.lab.classroom.desk import opened  # noqa: PLC0415 - see above

    async with opened(tiers_world) as desk:
        yield desk


def tiers_assert_readable(tiers_desk: "Desk") -> "Iterator[AssertReadable]":
    """Assert that a message can be read from a vantage point, by what is really held there."""
    from tiers.lab.assertions import assert_readable  # noqa: PLC0415 - see above

    yield from _awaited(partial(assert_readable, tiers_desk))


def tiers_assert_sealed(tiers_desk: "Desk") -> "Iterator[AssertSealed]":
    """Assert that a message stays shut to a vantage point; a failure says which bytes, where, opened it."""
    from tiers.lab.assertions import assert_sealed  # noqa: PLC0415 - see above

    yield from _awaited(partial(assert_sealed, tiers_desk))


def _awaited(assertion: Callable[..., Coroutine[Any, Any, None]]) -> Iterator[Callable[..., Coroutine[Any, Any, None]]]:
    """Give out an assertion, and fail where it was called and not awaited: it would have passed whatever leaks."""
    made = list[Coroutine[Any, Any, None]]()

    def called(*args: Any, **named: Any) -> Coroutine[Any, Any, None]:
        made.append(assertion(*args, **named))
        return made[-1]

    yield called
    if waiting := [one for one in made if getcoroutinestate(one) == CORO_CREATED]:
        for one in waiting:
            one.close()
        pytest.fail("Write await before tiers_assert_readable(…) and tiers_assert_sealed(…): one asserted nothing.")
