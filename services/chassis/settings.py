"""Settings: one TOML file (`TIERS_CONFIG`) or `TIERS_…` variables, into a frozen dataclass. Variables win.

What all parties are told stands here; what one is told besides, in its own config.py.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar, get_type_hints

import msgspec
from msgspec import Meta

from tiers.wire.errors import Yours
from tiers.wire.identity import NAME, Identity, Role
from tiers.wire.log.leaf import Author, Jurisdiction

T = TypeVar("T")
_PREFIX = "TIERS_"
_PORT = "(?:[1-5]?[0-9]{1,4}|6(?:[0-4][0-9]{3}|5(?:[0-4][0-9]{2}|5(?:[0-2][0-9]|3[0-5]))))"
_HOST = r"(?:[^\[\]:/?#@\s\x00]+|\[[^\[\]/?#@\s\x00]+\])"
_HTTPS = rf"https://{_HOST}(?::{_PORT})?/?"

Name = Annotated[str, Meta(pattern=rf"^{NAME}\Z", description="1 to 40 letters, digits and hyphens")]
HostPort = Annotated[str, Meta(pattern=rf"^{_HOST}:{_PORT}\Z", description="host:port, such as 127.0.0.1:8443")]
HttpsUrl = Annotated[str, Meta(pattern=rf"^{_HTTPS}\Z", description="https://host:port")]
PerhapsUrl = Annotated[str, Meta(pattern=rf"^(?:{_HTTPS})?\Z", description="https://host:port")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartySettings:
    """What every party is told: `listen` is host:port, `tls` and `trust` are folders, `name` is in its certificate."""

    role: ClassVar[Role]
    listen: HostPort
    tls: Path
    trust: Path
    name: Name

    def __post_init__(self) -> None:
        if self.trust.exists() and not self.trust.is_dir():  # it may come later
            raise Yours("settings.invalid", f"Set {_PREFIX}TRUST to a folder.")

    @property
    def identity(self) -> Identity:
        return Identity(self.role, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorSettings(PartySettings):
    """What a party is told that writes to the public log: where that is, and the `jurisdiction` on its leaves."""

    ledger_url: HttpsUrl
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
    try:
        return msgspec.convert(found, kind, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        what, _, name = str(error).rstrip("`").partition(" - at `$.")
        good = _description(kind, name) or f"another value: {what}"
        raise Yours("settings.invalid", f"Set {_PREFIX}{name.upper()} to {good}.") from None


def _description(kind: type, name: str) -> str | None:
    """Return how to write a setting, where its type says so."""
    hint = get_type_hints(kind, include_extras=True).get(name)
    return next((one.description for one in getattr(hint, "__metadata__", ()) if one.description), None)


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
