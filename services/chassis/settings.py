"""Settings: one TOML file (`TIERS_CONFIG`) or `TIERS_…` variables, into a frozen dataclass. Variables win.

What all parties are told stands here; what one is told besides, in its own config.py.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec

from tiers.wire.errors import Yours
from tiers.wire.identity import Identity, Role
from tiers.wire.log.leaf import Author, Jurisdiction

T = TypeVar("T")
_PREFIX = "TIERS_"
_HTTPS = re.compile(r"https://[^/?#@\s]+/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartySettings:
    """What every party is told: `listen` is host:port, `tls` and `trust` are folders, `name` is in its certificate."""

    role: ClassVar[Role]
    listen: str
    tls: Path
    trust: Path
    name: str

    @property
    def identity(self) -> Identity:
        return Identity(self.role, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorSettings(PartySettings):
    """What a party is told that writes to the public log: where that is, and the `jurisdiction` on its leaves."""

    ledger_url: str
    jurisdiction: Jurisdiction = "IN"

    @property
    def shared(self) -> bool:
        """Whether several processes of this party listen on one port."""
        return False

    @property
    def author(self) -> Author:
        """Who signs its leaves in the log, and for where."""
        return Author(self.identity, self.jurisdiction)


def load(kind: type[T], environ: Mapping[str, str]) -> T:
    """Read the settings of a party; raises `Yours("settings.…")` that names the setting to change."""
    told = fields(kind)  # type: ignore[arg-type]  # every caller passes a dataclass
    known = {one.name for one in told}
    found: dict[str, Any] = _file(environ.get(f"{_PREFIX}CONFIG"))
    if unknown := sorted(found.keys() - known):
        raise Yours("settings.unknown", f"Remove {unknown[0]!r} from the settings file: there is no such setting.")
    found |= {name: environ[key] for name in known if (key := _PREFIX + name.upper()) in environ}
    needed = [one.name for one in told if one.default is MISSING and one.default_factory is MISSING]
    if lacking := ", ".join(_PREFIX + name.upper() for name in needed if name not in found):
        raise Yours("settings.missing", f"Set {lacking}, or the same in the settings file.")
    for name, value in found.items():
        if name.endswith("_url") and name != "store_url" and value and not _HTTPS.fullmatch(str(value)):
            raise Yours("settings.invalid", f"Set {_PREFIX}{name.upper()} to https://host:port.")
    try:
        return msgspec.convert(found, kind, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise Yours("settings.invalid", f"Set {_PREFIX}… (or the settings file) right: {error}.") from None


def _path(kind: type, value: object) -> object:
    """Convert the one type that msgspec leaves to us."""
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError("write a path")


def _file(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Yours("settings.file", f"Make {_PREFIX}CONFIG a readable file: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Yours("settings.file", f"Make {_PREFIX}CONFIG valid TOML: {error}.") from None
