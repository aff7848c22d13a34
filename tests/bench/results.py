"""What came of a run, and what its processes used meanwhile."""

import os
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec


class Measured(msgspec.Struct, frozen=True):
    """On what machine, and how busy that was (load averages)."""

    cores: int
    load_before: float
    load_after: float


def machine(before: float) -> tuple[int, float, float]:
    """Return the members of `Measured`, now that it has been; `before` was the load average."""
    return os.cpu_count() or 1, round(before, 2), round(os.getloadavg()[0], 2)


class Usage(msgspec.Struct, frozen=True):
    cpu: float
    rss: float


class Latency(msgspec.Struct, frozen=True):
    p50: float
    p99: float


class Result(msgspec.Struct, frozen=True):
    """What came of it. Rates are messages a second over the measured part.

    `least` is the least-served sender's share of the mean.
    """

    rate: float
    accepted: float
    delivered: float
    accept: Latency
    delivery: Latency
    least: float
    usage: dict[str, Usage]
    seconds: float
    sent: int
    lost: int
    twice: int
    refused: dict[str, int]

    def work(self) -> dict[str, float]:
        """Return microseconds of CPU to a message, by process; a store may have several."""
        spent, done = Counter[str](), self.rate * self.seconds
        for name, used in self.usage.items():
            spent[name.partition(" ")[0]] += used.cpu  # type: ignore[assignment]  # a sum of floats
        return {name: cpu / done * 1e6 if done else 0.0 for name, cpu in spent.items()}


def share(of: Sequence[Result], yardstick: Sequence[Result]) -> float:
    """Return the median over the repeats of what a lane reached as a share of its yardstick in the same repeat."""
    pairs = zip(of, yardstick, strict=True)
    return round(statistics.median(one.rate / its.rate for one, its in pairs if its.rate), 3)


def latency(seconds: list[float]) -> Latency:
    if not seconds:
        return Latency(0.0, 0.0)
    ordered = sorted(seconds)
    return Latency(round(ordered[len(ordered) // 2] * 1000, 2), round(ordered[len(ordered) * 99 // 100] * 1000, 2))


def usage(pids: dict[str, int]) -> dict[str, Usage]:
    """Read what processes have used so far (Linux; elsewhere zeros). Our own is `load`."""
    return {name: used(pid) for name, pid in {**pids, "load": os.getpid()}.items()}


def used(pid: int) -> Usage:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    except OSError:
        return Usage(0.0, 0.0)
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    return Usage((int(fields[11]) + int(fields[12])) / ticks, round(int(fields[21]) * page / (1 << 20), 1))
