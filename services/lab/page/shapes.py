"""What the page's events are made of: who is here, from where one may look, how keys are arranged. Pure."""

import re

import msgspec

from tiers.lab.matrix.policy import load_policy
from tiers.lab.world.arrangement import Arrangement
from tiers.lab.world.cast import ACME, GLOBEX, HANDSETS

CUSTOMERS = {ACME: "acme", GLOBEX: "globex"}


class Handset(msgspec.Struct, frozen=True):
    """Somebody with a handset. `org` is empty for who is nobody's employee."""

    name: str
    pin: str
    subscriber: bool
    org: str


class Vantage(msgspec.Struct, frozen=True):
    """A vantage point as tables and the drawing show it (policy.toml)."""

    id: str
    name: str
    says: str
    group: str
    at: tuple[str, ...]
    variant_of: str
    knows_warrants: bool


class Side(msgspec.Struct, frozen=True):
    """What is declared of one channel: the custody, and the vantage points that read its messages."""

    custody: str
    who_reads: tuple[str, ...]


class Arranged(msgspec.Struct, frozen=True):
    """The arrangement of a world, as its file declares it."""

    name: str
    title: str
    says: str
    consumer: Side
    enterprise: Side


class MeasuredCell(msgspec.Struct, frozen=True):
    """What an attack found in one cell, beside what was declared at that moment; steps are numbered sentences."""

    mid: str
    vantage: str
    declared: str
    content: str
    metadata: tuple[str, ...]
    forge: str
    derivation: tuple[str, ...]
    forged: tuple[str, ...]


def handsets() -> tuple[Handset, ...]:
    """Return everybody with a handset."""
    return tuple(Handset(one.name, one.pin, one.subscriber, one.org) for one in HANDSETS)


def vantages() -> tuple[Vantage, ...]:
    """Return the vantage points of the policy."""
    rows = load_policy().vantages.items()
    return tuple(
        Vantage(name, one.name, one.says, one.group, one.at, one.variant_of, one.knows_warrants) for name, one in rows
    )


def declared_by(arranged: Arrangement) -> Arranged:
    """Return what an arrangement's file declares."""
    told = arranged.declared
    sides = [Side(one.custody, one.who_reads) for one in (told.consumer, told.enterprise)]
    return Arranged(arranged.name, told.title, told.says, *sides)


def slug(title: str) -> str:
    """Return the id of a chapter, which is made of its title."""
    return re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")[:60]
