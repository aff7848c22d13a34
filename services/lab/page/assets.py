"""The page's own files, out of the package: what is not there is not served, whatever a path says."""

from functools import cache
from importlib import resources
from typing import Any


@cache
def files() -> dict[str, bytes]:
    """Return every file by its path below `static`."""
    found: dict[str, bytes] = {}

    def walk(folder: Any, prefix: str) -> None:
        for entry in folder.iterdir():
            if entry.is_dir():
                walk(entry, f"{prefix}{entry.name}/")
            else:
                found[prefix + entry.name] = entry.read_bytes()

    walk(resources.files(__package__) / "static", "")
    return found
