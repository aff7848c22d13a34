"""What came of a run, and what its processes used meanwhile."""

import os
from pathlib import Path

import msgspec


class Usage(msgspec.Struct, frozen=True):
    cpu: float
    rss: float


class Latency(msgspec.Struct, frozen=True):
    p50: float
    p99: float


class Result(msgspec.Struct, frozen=True):
    """What came of it. Rates are messages a second over the measured part.

    `least` is the least-served sender's share of the mean; `backlog` the most that was accepted and not yet delivered.
    """

    rate: float
    accepted: float
    delivered: float
    accept: Latency
    delivery: Latency
    backlog: int
    least: float
    usage: dict[str, Usage]
    seconds: float
    sent: int
    lost: int
    twice: int
    refused: dict[str, int]


def latency(seconds: list[float]) -> Latency:
    if not seconds:
        return Latency(0.0, 0.0)
    ordered = sorted(seconds)
    return Latency(round(ordered[len(ordered) // 2] * 1000, 2), round(ordered[len(ordered) * 99 // 100] * 1000, 2))


def usage(pids: dict[str, int]) -> dict[str, Usage]:
    """Read what processes have used so far (Linux; elsewhere zeros). Our own is `load`, `machine` is everybody's."""
    found = {name: used(pid) for name, pid in {**pids, "load": os.getpid()}.items()}
    return found | {"machine": _machine()}


def _machine() -> Usage:
    try:
        user, nice, system, *_ = Path("/proc/stat").read_text(encoding="ascii").split()[1:]
    except OSError:
        return Usage(0.0, 0.0)
    return Usage((int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK"), 0.0)


def used(pid: int) -> Usage:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    except OSError:
        return Usage(0.0, 0.0)
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    return Usage((int(fields[11]) + int(fields[12])) / ticks, round(int(fields[21]) * page / (1 << 20), 1))
