"""Custodies side by side, by measurement: who reads, who could forge, what one stolen key opens, what is lost with it.

    arrangement -> booted world, the story, attack -> Measured -> Column (one for each custody)

A custody is measured in the first arrangement that has it, the default first; two custodies may share one world.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tiers.lab.attack.attack import attack
from tiers.lab.attack.vantages import CIPHERTEXT, VANTAGES, Vantage
from tiers.lab.classroom.desk import Sent, opened
from tiers.lab.classroom.story import play
from tiers.lab.matrix.matrix import REFERENCE
from tiers.lab.world import arrangement as arrangements
from tiers.lab.world import folders
from tiers.lab.world.arrangement import Arrangement
from tiers.lab.world.world import booted
from tiers.measure.derive.closure import Forge
from tiers.measure.matrix.matrix import Attacked
from tiers.wire.custody import CUSTODIES
from tiers.wire.errors import Ours
from tiers.wire.message.envelope import Channel

_HANDSETS = {Channel.CONSUMER: "bob", Channel.ENTERPRISE: "quentin"}
_EXTRA = (
    *(Vantage(f"handset-{who}", (f"seized:{who}", "store")) for who in _HANDSETS.values()),
    Vantage("both-halves", ("keys:carrier", "state:court", CIPHERTEXT)),
)
KEEPERS = {
    "carrier": ("master", "carrier-keys"),
    "global": ("that key", "carrier-keys"),
    "split": ("both halves", "both-halves"),
    "customer": ("its key", "customer"),
}
"""Whose key is worth stealing: what it is called, and the vantage point that has it and the ciphertext."""
ENDS = ("sender", "receiver")


@dataclass(frozen=True, slots=True)
class Measured:
    arrangement: Arrangement
    messages: dict[str, Sent]
    attacked: Attacked

    def readers(self, channel: Channel) -> tuple[str, ...]:
        """Name the vantage points that read the channel's reference message."""
        key = REFERENCE[channel]
        return tuple(one.id for one in VANTAGES if self.attacked.outcomes[one.id, key].reads)

    def forgers(self, channel: Channel) -> tuple[str, ...]:
        """Name the vantage points that could forge a message like it, alone or with the relay's help."""
        able, key = {Forge.YES, Forge.WITH_RELAY}, REFERENCE[channel]
        return tuple(one.id for one in VANTAGES if self.attacked.outcomes[one.id, key].forge in able)

    def opens(self, vantage: str, channel: Channel) -> tuple[int, int]:
        """Count the channel's messages that a vantage point reads, and all of them."""
        keys = [key for key, sent in self.messages.items() if sent.note.channel is channel]
        return sum(bool(self.attacked.outcomes[vantage, key].reads) for key in keys), len(keys)

    def surprises(self) -> list[str]:
        """Say where measurement and declaration differ, and which capture was empty."""
        found = [f"{one.source} lacks {one.says}" for one in self.attacked.controls if one.found is None]
        for channel in Channel:
            told, seen = set(self.arrangement.side(channel).who_reads), set(self.readers(channel))
            unmeasured = {
                one.id for one in VANTAGES if self.attacked.outcomes[one.id, REFERENCE[channel]].reads is None
            }
            odd = sorted((told ^ seen) - unmeasured - {"auditor-outside-window"})
            found += [f"{channel}: {who} {'reads' if who in seen else 'does not read'}, undeclared" for who in odd]
        return found


@dataclass(frozen=True, slots=True)
class Column:
    """One custody in the comparison. Counts are (messages opened, messages of the channel)."""

    custody: str
    arrangement: str
    channel: Channel
    readers: tuple[str, ...]
    forgers: tuple[str, ...]
    handset: tuple[int, int]
    keeper: str
    stolen: tuple[int, int] | None
    lost: str


async def measure(arranged: Arrangement, store_url: str = "", leaks: Mapping[str, str] | None = None) -> Measured:
    """Boot an arrangement, with leaks by party, play the story, attack it from everywhere."""
    with folders.fresh() as root:
        async with booted(root, store_url, leaks, arranged) as world, opened(world) as desk:
            story = await play(desk, lambda _title, _text: None)
            attacked = await attack(desk, story.messages, story.warrants.values(), (*VANTAGES, *_EXTRA))
    return Measured(arranged, story.messages, attacked)


async def compare(names: Sequence[str], store_url: str = "") -> list[Column]:
    """Measure custodies; raises `Yours` for one that no arrangement has, `Ours` where a declaration is wrong."""
    where = {name: arrangements.first_with(name) for name in names}
    measured: dict[str, Measured] = {}
    for arranged, _channel in where.values():
        if arranged.name not in measured:
            measured[arranged.name] = await measure(arranged, store_url)
            if surprises := measured[arranged.name].surprises():
                raise Ours("compare.not_as_declared", f"Mend arrangement {arranged.name}: {'; '.join(surprises)}.")
    return [_column(name, measured[arranged.name], channel) for name, (arranged, channel) in where.items()]


def _column(name: str, measured: Measured, channel: Channel) -> Column:
    keeper, vantage = KEEPERS.get(name, ("", ""))
    return Column(
        custody=name,
        arrangement=measured.arrangement.name,
        channel=channel,
        readers=measured.readers(channel),
        forgers=measured.forgers(channel),
        handset=measured.opens(f"handset-{_HANDSETS[channel]}", channel),
        keeper=keeper,
        stolen=measured.opens(vantage, channel) if vantage else None,
        lost=measured.arrangement.side(channel).stolen,
    )


# ---- shown ----

_CONTAINS = {
    "operator": ("gateway", "store", "carrier-keys"),
    "state": ("operator", "court", "auditor", "ledger"),
    "gateway-and-subscriber": ("gateway", "other-subscriber"),
}
"""Coalitions, and who is in them: one reads because its member does, unless it takes them together."""
_SHORT = {
    "carrier-keys": "carrier",
    "customer": "company",
    "seized-handset": "handset",
    "other-subscriber": "others",
    "other-employee": "others",
}
_LEGEND = (
    "State: all provider-side parties, where no one of them can; auditor: with a warrant; handset: seized, drained; "
    "others: other-subscriber, other-employee"
)


def show(columns: Sequence[Column], console: Console) -> None:
    table = Table(expand=True, box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", style="bold", width=11)
    for column in columns:
        table.add_column(column.custody, ratio=1, overflow="fold")
    rows: list[tuple[str, Callable[[Column], str]]] = [
        ("channel", lambda one: one.channel),
        ("holds a key", lambda one: CUSTODIES[one.custody].holds),
        ("reads too", lambda one: _names(one.readers)),
        ("could forge", lambda one: _names(one.forgers)),
        ("1 handset opens", lambda one: _count(one.handset)),
        ("stolen key opens", _stolen),
        ("lost with it", lambda one: one.lost),
    ]
    for title, text in rows:
        table.add_row(title, *map(text, columns))
    console.print(table)
    where = ", ".join(dict.fromkeys(one.arrangement for one in columns))
    said = f"Measured on the running system. {_LEGEND}. Every vantage point: tiers matrix --arrangement NAME ({where})."
    console.print(said, highlight=False)


def _names(vantages: Sequence[str]) -> str:
    """Name the smallest of those who can, beside the two ends."""
    others = [one for one in vantages if one not in ENDS and not one.startswith("auditor-")]
    smallest = [one for one in others if not set(_CONTAINS.get(one, ())) & set(others)]
    return ", ".join(dict.fromkeys(_SHORT.get(one, one) for one in smallest)) or "nobody"


def _count(opened: tuple[int, int]) -> str:
    return f"{opened[0]}/{opened[1]}"


def _stolen(column: Column) -> str:
    return "no such key" if column.stolen is None else f"{column.keeper}: {_count(column.stolen)}"
