"""What one sender may leave with one receiver who does not read, so that no stranger fills a mailbox. Pure.

It counts by pair, in this process, and is a reason to look: how much still waits is the store's to say.
"""

from tiers.gateway.mailbox.promises import KEEP_MS, MAX_BYTES, MAX_MESSAGES

SHARE = 4
"""A sender may take one part in so many of a mailbox."""
FORGET_MS = KEEP_MS
"""After so long nothing that was left lies there any more."""
MAX_PAIRS = 100_000


class Quota:
    """Messages and octets from each sender to each receiver since they were last seen to be read."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], list[int]] = {}

    def fits(self, sender: str, to: str, octets: int, now: int) -> bool:
        """Whether one more message of `octets` is within a sender's share at `now` (ms)."""
        used = self._used.get((sender, to))
        if used is None or now - used[2] > FORGET_MS:
            return True
        return used[0] < MAX_MESSAGES // SHARE and used[1] + octets <= MAX_BYTES // SHARE

    def spend(self, sender: str, to: str, octets: int, now: int) -> None:
        used = self._used.get((sender, to))
        if used is None or now - used[2] > FORGET_MS:
            if len(self._used) >= MAX_PAIRS:
                self._used.clear()
            used = self._used[sender, to] = [0, 0, now]
        used[:] = used[0] + 1, used[1] + octets, now

    def look(self, sender: str, to: str, waiting: int) -> bool:
        """Hear how many messages wait for a receiver: if half of what was counted is gone, begin anew and return so."""
        used = self._used.get((sender, to))
        if used is not None and 2 * waiting >= used[0]:
            return False
        self._used.pop((sender, to), None)
        return True
