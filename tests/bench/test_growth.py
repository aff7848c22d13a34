"""The bench of growth measures each thing that grows, at each of its sizes."""

import pytest
from rich.progress import Progress

from bench import growth

SIZES = {"SUBSCRIBERS": (100, 101), "TASKS": (0, 1), "LEAVES": (3,), "IDLE": (0, 5), "WORKERS": (2,)}


async def test_each_thing_grows_and_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, sizes in SIZES.items():
        monkeypatch.setattr(growth, name, sizes)
    monkeypatch.setattr(growth, "MESSAGES", 2000)

    with Progress(disable=True) as progress:
        steps = (await growth.measure(progress)).steps

    kinds = {"sessions": "IDLE", "subscribers": "SUBSCRIBERS", "tasks": "TASKS", "leaves": "LEAVES"}
    kinds |= {"workers, enterprise": "WORKERS", "workers, consumer": "WORKERS"}
    assert [(kind, size) for kind, name in kinds.items() for size in SIZES[name]] == [(s.what, s.size) for s in steps]
    assert all(step.relay > 0 and step.accept.p50 > 0 for step in steps)
