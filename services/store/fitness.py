"""What a store must be before a party works with it: of the right kind, able to do what is asked, and on disk.

`accepted` means on disk, so a store that may forget is refused, unless a setting says that it may; then every start
says so. What cannot be learned (a managed store, an old one) is as good as a no.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import hiredis
import structlog

from tiers.store.client import SCRATCH_KEY, Store
from tiers.wire.errors import Ours, Yours

_log = structlog.get_logger()
PATIENCE = 60.0
"""Seconds that a store may take to start beside us; a long log takes a while to read back."""
_PAUSE = 0.1
_SYNC_MS = 50
_TRIES = 4
_WRITE = ("SET", SCRATCH_KEY, "1", "EX", 60)


async def fit(store: Store, commands: Sequence[str], *, may_lose: bool, patience: float = PATIENCE) -> None:
    """Return when a store answers and a party can work with it; raises `Yours` if it cannot, `Ours` if nobody answers.

    1. It is of the kind that the URL says. 2. It knows the commands. 3. What it answered for is on disk.
    """
    info = _fields(await _first_answer(store, patience))
    check_kind(info.get("cluster_enabled") == "1", clustered=store.location.clustered)  # 1
    await patiently(store.check, patience)
    names = [name.partition("|")[0] for name in commands]
    for known in await store.at_each("COMMAND", "INFO", *names) if names else ():  # 2
        check_known(commands, known)
    if why := await _may_lose(store):  # 3
        if not may_lose:
            raise Yours(
                "settings.store_may_lose",
                f"Set the store right ({why}), or set TIERS_STORE_MAY_LOSE=true: it may lose what was accepted.",
            )
        _log.warning("store.may_lose", because=why)


async def warn_of_clock(store: Store, clock: Callable[[], int], most: int) -> None:
    """Say so if our clock (ms since 1970) and the store's are more than `most` ms apart: one of them is wrong."""
    said = await store.at_seed("TIME")
    if not isinstance(said, list):
        return  # it does not tell
    ahead = clock() - int(said[0]) * 1000
    if abs(ahead) > most:
        _log.warning("store.other_clock", seconds_ahead=ahead // 1000)


async def patiently(load: Callable[[], Awaitable[None]], patience: float = PATIENCE) -> None:
    """Load what stands in a store, again until it can be had: a cluster is whole some time after its nodes answer.

    Raises `Ours` in the end.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return await load()
        except Ours:
            if time.monotonic() > until:
                raise
        await asyncio.sleep(_PAUSE)


def check_kind(in_cluster: bool, *, clustered: bool) -> None:  # noqa: FBT001 - what is and what was said
    """Return if a store is what its URL says; raises `Yours`."""
    if in_cluster and not clustered:
        raise Yours("settings.store_url", "Write redis+cluster:// in TIERS_STORE_URL: this store is a cluster's node.")
    if clustered and not in_cluster:
        raise Yours("settings.store_url", "Write TIERS_STORE_URL without +cluster: this store stands alone.")


def check_known(commands: Sequence[str], known: Any) -> None:
    """Return if a store knows the commands, by its answer to COMMAND INFO; raises `Yours`."""
    if isinstance(known, hiredis.ReplyError):
        return  # it does not tell; what it lacks shows when it is asked
    lacks = sorted({name for name, what in zip(commands, known, strict=True) if not what})
    if lacks:
        raise Yours("settings.store_lacks", f"Use Valkey, or Redis from 7.0 on: this store has no {', '.join(lacks)}.")


def why_it_may_lose(info: Mapping[str, str], appendfsync: str | None, *, synced: bool | None) -> str:
    """Say what a store would have to be set to, or nothing. `None` is what could not be learned."""
    if info.get("aof_enabled") != "1":
        return "appendonly yes"
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        return "maxmemory-policy noeviction"
    always = appendfsync == "always" if appendfsync is not None else synced
    return "" if always else "appendfsync always"


async def _first_answer(store: Store, patience: float) -> bytes:
    try:
        async with asyncio.timeout(patience):
            while True:
                try:
                    found = await store.at_seed("INFO")
                except Ours:
                    found = None
                if isinstance(found, bytes):
                    return found
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        detail = "Start the store, or set address and user in TIERS_STORE_URL right: nobody answers there."
        raise Ours("store.unavailable", detail) from None


async def _may_lose(store: Store) -> str:
    """Look at every node; where settings are not told, look whether a write is on disk when it is answered for."""
    infos = await store.at_each("INFO")
    settings = await store.at_each("CONFIG", "GET", "appendfsync")
    synced: list[bool | None] = [None] * len(infos)
    if any(isinstance(one, hiredis.ReplyError) for one in settings):
        synced = [True] * len(infos)
        # one after the other, so that at most the first finds a disk that was to be written just then
        tries = [store.at_each(*said) for _ in range(_TRIES) for said in (_WRITE, ("WAITAOF", 1, 0, _SYNC_MS))]
        for said in (await asyncio.gather(*tries))[1::2]:
            synced = [a and isinstance(one, list) and one[0] == 1 for a, one in zip(synced, said, strict=True)]
    found = (
        why_it_may_lose(_fields(info), _appendfsync(setting), synced=on_disk)
        for info, setting, on_disk in zip(infos, settings, synced, strict=True)
    )
    return next((why for why in found if why), "")


def _appendfsync(setting: Any) -> str | None:
    value = setting.get(b"appendfsync") if isinstance(setting, dict) else None
    return value.decode() if isinstance(value, bytes) else None


def _fields(info: Any) -> dict[str, str]:
    lines = info.decode(errors="replace").splitlines() if isinstance(info, bytes) else ()
    return dict(line.split(":", 1) for line in lines if ":" in line)
