"""How a fault is planted: what a party's module calls by a name is replaced before the party's program runs."""

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

Make = Callable[[Any, Path], Any]
"""From what stands under a name, and the world's folder: what takes its place."""


def find(where: str) -> tuple[Any, str]:
    """Return whose attribute `module:name` or `module:Class.name` is, and the name; raises `AttributeError`."""
    module, _, path = where.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    getattr(owner, name)
    return owner, name


def replace(where: str, make: Make, root: Path) -> None:
    owner, name = find(where)
    setattr(owner, name, make(getattr(owner, name), root))


def first(act: Callable[..., object], old: Callable[..., Any]) -> Callable[..., Any]:
    """Return `old` with `act` in front of it, called with the same arguments every time."""

    def both(*args: Any, **names: Any) -> Any:
        act(*args, **names)
        return old(*args, **names)

    return both


def once(act: Callable[[], object]) -> Callable[..., None]:
    """Return what acts at its first call only, whatever it is called with."""
    done: list[bool] = []

    def doing(*_args: object, **_names: object) -> None:
        if not done:
            act()
            done.append(True)

    return doing


def write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def master(root: Path) -> bytes:
    return (root / "state" / "carrier" / "master.key").read_bytes()


def bes(root: Path) -> bytes:
    return (root / "state" / "acme" / "bes-1.key").read_bytes()
