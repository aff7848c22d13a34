"""What is new to a handset's user, each message once: taken by its `mid`, or as it came. Pure but for waiting."""

import asyncio

from tiers.device.store import Message


class Inbox:
    """New messages. Whoever waits for one that cannot come any more is told why."""

    def __init__(self) -> None:
        self._new: list[Message] = []
        self._changed = asyncio.Event()
        self._over: Exception | None = None

    def put(self, message: Message) -> None:
        self._new.append(message)
        self._changed.set()

    async def get(self, mid: str = "") -> Message:
        """Return the message `mid`, or the first that nobody took, once it is there; raises what ended the session."""
        while True:
            for at, message in enumerate(self._new):
                if mid in {"", message.mid}:
                    return self._new.pop(at)
            if self._over is not None:
                raise self._over
            self._changed.clear()
            await self._changed.wait()

    def end(self, error: Exception | None) -> None:
        """Say that nothing comes any more, and why; `None` takes it back."""
        self._over = error
        self._changed.set()

    def qsize(self) -> int:
        return len(self._new)
