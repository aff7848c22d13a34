"""Sessions that only receive: `python -m bench.idle SPEC`. It acknowledges, and says what it saw.

    open    all are connected: `{"sessions": …}`
    drained `each` messages have come to every session: `{"messages": …, "seconds": …}`

Then it stays until it is told to stop.
"""

import asyncio
import gc
import resource
import signal
import sys
import time
from pathlib import Path

import msgspec

from bench.client import Client
from bench.frames import Party
from bench.load import Spec
from tiers.chassis.tls import device_context
from tiers.wire.encoding import unb64u
from tiers.wire.keys.jose import SigningKey

_AT_ONCE = 50


def say(**what: float) -> None:
    sys.stdout.write(msgspec.json.encode(what).decode() + "\n")
    sys.stdout.flush()


async def run(spec: Spec) -> None:
    stop, drained, count = asyncio.Event(), asyncio.Event(), 0
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    wanted = spec.each * len(spec.members)

    def delivered(keys: list[bytes]) -> None:
        nonlocal count
        count += len(keys)
        if count >= wanted:
            drained.set()

    context = device_context(Path(spec.ca))
    clients = [
        Client(
            Party(one.pin, SigningKey(unb64u(one.sign, "bench.key"))), lambda _m: None, delivered, lambda _m, _c: None
        )
        for one in spec.members
    ]
    start = time.perf_counter()
    for first in range(0, len(clients), _AT_ONCE):
        await asyncio.gather(*(one.open(spec.port, context) for one in clients[first : first + _AT_ONCE]))
    gc.freeze()
    say(sessions=len(clients), seconds=time.perf_counter() - start)
    if wanted:
        await drained.wait()
        say(messages=count, seconds=time.perf_counter() - start)
    await stop.wait()


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(run(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Spec)))


if __name__ == "__main__":
    main()
