"""The bench's tables, for people. Pure: results in, text out."""

import statistics
from collections.abc import Collection, Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from bench.felt import Felt
from bench.growth import Grown
from bench.hour import Round
from bench.peers.run import Compared
from bench.results import Measured, Result
from bench.run import Relay

TARGETS = {"enterprise": 0.85, "consumer": 0.6, "tasked": 0.6}
_OURS = ("relay", "store", "carrier")
_COMPARED = ("relay", "store", "load")
_PROCESSES = (*_OURS, "load")


def show(console: Console, measured: Relay) -> None:
    console.print(_costs(f"Closed loop, {measured.messages} messages a run", measured.closed, _PROCESSES))
    console.print(_open(measured))
    console.print(_ratios(measured))
    if measured.cluster:
        console.print("The relay's store is a cluster of three nodes; the yardstick's store stands alone.")
    _end(console, measured)


def _end(console: Console, on: Measured) -> None:
    console.print(f"{on.cores} cores; load average {on.load_before} before, {on.load_after} after.")


def show_felt(console: Console, felt: Felt) -> None:
    about = f"Medians of {felt.repeats}: seconds, seconds of CPU, MiB of memory (PSS)"
    table = _table(about, ("", "a world", *felt.peers))
    for name in felt.ours:
        each = (felt.ours, *felt.peers.values())
        table.add_row(name, *(f"{one[name]:.2f}" if name in one else "" for one in each))
    console.print(table)
    _end(console, felt)


def show_growth(console: Console, grown: Grown) -> None:
    table = _table(
        "Growth: µs of CPU to a message; accept latency in ms",
        ("what", "size", *_OURS, "relay\nMiB", "msgs/s", "p50", "p99"),
    )
    for step in grown.steps:
        cells = [f"{step.cpu.get(one, 0.0):.0f}" for one in _OURS]
        times = (f"{step.accept.p50:.0f}", f"{step.accept.p99:.0f}")
        table.add_row(step.what, f"{step.size:,}", *cells, f"{step.relay:.0f}", _number(step.rate), *times)
    console.print(table)


def show_hour(console: Console, rounds: Sequence[Round]) -> None:
    names = list(rounds[0].memory)
    table = _table("Ten minutes at full speed", ("seconds", "messages", "msgs/s", *(f"{name} MiB" for name in names)))
    for one in [*rounds[:-1:8], rounds[-1]]:
        memory = [f"{one.memory[name]:.0f}" for name in names]
        table.add_row(f"{one.at:.0f}", _number(one.messages), _number(one.rate), *memory)
    console.print(table)


def show_compared(console: Console, compared: Compared) -> None:
    console.print(_costs("What it takes", compared.closed, _COMPARED))
    for lane, results in compared.closed.items():
        failed = (sum(one.lost for one in results), sum(one.twice for one in results))
        console.print(f"{lane}: {failed[0]} messages were lost, {failed[1]} came twice.")
        for why in sorted({why for result in results for why in result.refused}):
            console.print(f"{lane} was refused: {why}")
    shares = ", ".join(f"{one} {share:.2f}" for one, share in compared.ratios.items())
    console.print(f"{compared.peer} {compared.version} to the bare relay: {shares}.")
    console.print(f"Accepted by {compared.peer} means: {compared.promise}.")
    _end(console, compared)


def _costs(title: str, closed: dict[str, list[Result]], processes: Sequence[str]) -> Table:
    table = _table(f"{title}; µs of CPU to a message", ("lane", "msgs/s", "range", *processes, "relay\nMiB"))
    for lane, results in closed.items():
        rates = [result.rate for result in results]
        works = [result.work() for result in results if result.rate]
        medians = {one: statistics.median(work[one] for work in works) for one in (works[0] if works else ())}
        work = [f"{medians[one]:.0f}" if one in medians else "" for one in processes]
        size = max(result.usage["relay"].rss for result in results)
        table.add_row(lane, _number(statistics.median(rates)), _range(rates), *work, f"{size:.0f}")
    return table


def _open(measured: Relay) -> Table:
    twice = ("accepted\n/s", "delivered\n/s", "least")
    table = _table(
        "Open loop: at twice the closed loop's rate, and at half of what that came to; latencies in ms",
        ("lane", *twice, "half\n/s", "accept\np50", "\np99", "delivery\np99"),
    )
    for lane, over in measured.overload.items():
        half = measured.half[lane]
        times = (half.accept.p50, half.accept.p99, half.delivery.p99)
        table.add_row(
            lane, _number(over.accepted), _number(over.delivered), f"{over.least:.2f}",
            _number(half.rate), *(f"{one:.1f}" for one in times),
        )  # fmt: skip
    return table


def _table(title: str, names: Iterable[str], left: Collection[str] = ("", "lane", "what")) -> Table:
    """Make a table that fits 80 columns."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    for name in names:
        table.add_column(name, justify="left" if name in left else "right", no_wrap=True)
    return table


def _ratios(measured: Relay) -> Table:
    names = ("ratio", "measured", "wanted")
    table = _table("Ratios", names, names)
    for name, found in measured.ratios.items():
        wanted = TARGETS.get(name)
        mark = "" if wanted is None else f"{wanted} {'met' if found >= wanted else 'MISSED'}"
        table.add_row(name, f"{found:.2f}", mark)
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _range(rates: Sequence[float]) -> str:
    return f"{_number(min(rates))}-{_number(max(rates))}"
