"""The long run: it really sends, on both channels, and tells how memory stands after each round."""

import pytest
from rich.console import Console
from rich.progress import Progress

from bench import hour
from bench.report import show_hour


async def test_each_round_sends_on_the_other_channel_and_notes_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hour, "MESSAGES", 400)
    monkeypatch.setattr(hour, "SECONDS", 3)

    with Progress(disable=True) as progress:
        rounds = await hour.measure(progress)

    assert [400 * n for n in range(1, len(rounds) + 1)] == [one.messages for one in rounds]
    assert len(rounds) > 1
    assert all(one.memory.keys() == {"relay", "carrier", "store"} for one in rounds)
    assert all(0 < memory < 1000 for one in rounds for memory in one.memory.values())


def test_the_table_ends_with_how_it_ended() -> None:
    rounds = [hour.Round(n * 10.0, n * 1000, 5000.0, {"relay": 90.0 + n}) for n in range(1, 21)]
    console = Console(record=True, width=100)

    show_hour(console, rounds)

    lines = console.export_text().splitlines()
    assert ["200", "20,000", "5,000", "110"] == [cell for cell in lines[-2].split() if cell.isascii()][-4:]
