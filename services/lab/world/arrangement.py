"""Arrangements: for each channel, whose keys stand in `recipients`. One TOML file each, for people to read. Pure.

    title, says, jurisdiction
    [consumer]   custody, who_reads, stolen       who_reads: vantage points that read a message from Alice to Bob
    [enterprise] custody, who_reads, stolen       … from Priya to Quentin; stolen: what is lost with the key, in words
    [within.GB]  custody, who                     subscribers who live there have this consumer custody

What is declared here is measured (compare.py, scenario.py): a wrong list fails.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import msgspec

from tiers.measure.system import register
from tiers.wire import custody
from tiers.wire.errors import Missing, Yours
from tiers.wire.message.envelope import Channel

DEFAULT = "india-2013"
_FOLDER = "arrangements"


class Side(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    custody: str
    who_reads: tuple[str, ...]
    stolen: str


class Within(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A jurisdiction with a consumer custody of its own, and who of the classroom lives there."""

    custody: str
    who: tuple[str, ...]


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    says: str
    jurisdiction: str
    consumer: Side
    enterprise: Side
    within: Mapping[str, Within] = {}


class Arrangement(msgspec.Struct, frozen=True):
    """A declared arrangement, and the custodies that it names."""

    name: str
    declared: Declared
    custody: custody.Arrangement

    @property
    def escrow(self) -> bool:
        return self.custody.names("escrow/")

    def home(self, name: str) -> str:
        """Return the jurisdiction in which somebody lives, if it has a custody of its own."""
        return next((where for where, there in self.declared.within.items() if name in there.who), "")

    def side(self, channel: Channel) -> Side:
        return self.declared.consumer if channel is Channel.CONSUMER else self.declared.enterprise

    def within(self, jurisdiction: str) -> "Arrangement":
        """Return the same arrangement in another jurisdiction; '' leaves it where it is."""
        if not jurisdiction:
            return self
        return msgspec.structs.replace(self, declared=msgspec.structs.replace(self.declared, jurisdiction=jurisdiction))

    def settings(self) -> dict[str, str]:
        return {
            "consumer_readers": self.custody.readers(Channel.CONSUMER),
            "enterprise_readers": self.custody.readers(Channel.ENTERPRISE),
        }


def parse_arrangement(name: str, text: str) -> Arrangement:
    """Read an arrangement; raises `Yours`."""
    try:
        declared = msgspec.convert(tomllib.loads(text), Declared)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise Yours("arrangement.malformed", f"Write {name} as docs/custody.md shows: {error}.") from None
    within = {where: there.custody for where, there in declared.within.items()}
    return Arrangement(name, declared, custody.arrange(declared.consumer.custody, declared.enterprise.custody, within))


def names() -> list[str]:
    folder = files("tiers.lab.world") / _FOLDER
    return sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml"))


def load(name: str) -> Arrangement:
    """Return an arrangement by name, or from a file of one's own (`./mine.toml`); raises `Missing` or `Yours`."""
    if name.endswith(".toml") and Path(name).is_file():
        try:
            text = Path(name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise Yours("arrangement.malformed", f"Write {name} as docs/custody.md shows: it is no text.") from None
        return parse_arrangement(Path(name).stem, text)
    if name not in names():
        raise Missing("arrangement.unknown", f"Name one of: {', '.join(names())}; or a file, ./mine.toml.")
    return parse_arrangement(name, (files("tiers.lab.world") / _FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def first_with(name: str) -> tuple[Arrangement, Channel]:
    """Return the arrangement in which to measure a custody, the default first, and its channel; raises `Yours`."""
    if name not in custody.CUSTODIES:
        raise Yours("custody.unknown", f"Name one of: {', '.join(custody.CUSTODIES)}.")
    for arrangement in sorted(map(load, names()), key=lambda one: one.name != DEFAULT):
        for channel in Channel:
            if arrangement.side(channel).custody == name:
                return arrangement, channel
    raise Missing("custody.unmeasured", f"Write an arrangement with custody {name!r} first (docs/custody.md).")


@register.register
def _(one: custody.Custody) -> None:
    """Take up somebody's own custody under its name: arrangements may name it from now on."""
    custody.CUSTODIES[one.name] = one
    custody.custody_of.cache_clear()
