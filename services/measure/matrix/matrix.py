"""The matrix: vantage point by message, declared, closed symbolically, and attacked. Pure. See docs/spec/matrix.md.

    attack -> measured          policy -> closure -> declared and derived          all three -> Cell

It agrees when all three say the same in every cell and every positive control was found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from tiers.measure.derive.closure import Forge
from tiers.measure.errors import Misused
from tiers.measure.matrix.policy import Forgeries, Policy


class Content(StrEnum):
    """Whether a vantage point reads a message."""

    READS = "reads"
    SEALED = "sealed"
    UNMEASURED = "not measured here"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured at one vantage point of one message. `reads` is `None` where it cannot be measured here.

    `one_text`: no sender could have it read another text of such a message than the receiver; `None` if it reads none.
    """

    reads: bool | None
    forge: Forge
    metadata: tuple[str, ...]
    derivation: tuple[str, ...]
    forged: tuple[str, ...]
    one_text: bool | None = None


class MessageRow(msgspec.Struct, frozen=True):
    key: str
    title: str
    sender: str
    receiver: str
    channel: str
    service: str


class VantageRow(msgspec.Struct, frozen=True):
    """One vantage point: who it is, and what it holds, as declared."""

    id: str
    title: str
    says: str
    holds: tuple[str, ...]


class Cell(msgspec.Struct, frozen=True):
    """One vantage point and one message.

    `content`, `metadata`, `forge` and `one_text` are measured; the rest says what they should be. `derivation` and
    `forged` are numbered steps; `because` is the policy's sentence.
    """

    message: str
    vantage: str
    content: Content
    metadata: tuple[str, ...]
    forge: Forge
    declared: Content
    closure: Content
    forge_declared: Forge
    forge_closure: Forge
    metadata_allowed: bool
    derivation: tuple[str, ...]
    forged: tuple[str, ...]
    because: str
    one_text: bool | None = None

    @property
    def disagreements(self) -> dict[str, tuple[str, str, str]]:
        """What is not as declared (content, forge, metadata, text), each as declared, derived and measured."""
        three: dict[str, tuple[str, str, str]] = {
            "content": (self.declared, self.closure, self.content),
            "forge": (self.forge_declared, self.forge_closure, self.forge),
        }
        compared = 2 if self.content is Content.UNMEASURED else 3
        wrong = {what: said for what, said in three.items() if len({*said[:compared]}) > 1}
        if not self.metadata_allowed:
            wrong["metadata"] = ("no more than declared", "", ", ".join(self.metadata))
        if self.one_text is False:
            wrong["text"] = ("one text for all", "", "another text than the receiver's")
        return wrong


class ControlRow(msgspec.Struct, frozen=True):
    """A positive control: what had to be found in a capture, and where it lay; `found` is `None` if it did not."""

    source: str
    says: str
    found: str | None


@dataclass(frozen=True, slots=True)
class Attacked:
    """Everything that was measured; `sizes` are the bytes of each capture."""

    outcomes: Mapping[tuple[str, str], Outcome]
    controls: tuple[ControlRow, ...]
    sizes: Mapping[str, int]


class Disagreement(msgspec.Struct, frozen=True):
    message: str
    vantage: str
    what: str
    declared: str
    closure: str
    measured: str


class Agreement(msgspec.Struct, frozen=True):
    """The verdict: whether everything agrees, and what does not."""

    holds: bool
    cells: int
    unmeasured: int
    disagreements: tuple[Disagreement, ...]
    missing_controls: tuple[str, ...]


class Matrix(msgspec.Struct, frozen=True):
    """The whole measurement, as it is written to JSON (docs/spec/matrix.md); `seconds` is what the attack took."""

    messages: tuple[MessageRow, ...]
    vantages: tuple[VantageRow, ...]
    cells: tuple[Cell, ...]
    controls: tuple[ControlRow, ...]
    agreement: Agreement
    seconds: float = 0.0
    version: int = 1

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        from tiers.measure.matrix.render import as_html  # noqa: PLC0415 - it draws what is defined here

        return as_html(self)

    def cell(self, vantage: str, message: str) -> Cell:
        """Return one cell; raises `Misused` for one that was not measured."""
        for cell in self.row(vantage):
            if cell.message == message:
                return cell
        raise Misused(f"Ask for a cell that was measured: {vantage} and {message} are none.")

    def row(self, vantage: str) -> list[Cell]:
        """Return the cells of a vantage point, in the order of the messages."""
        return [cell for cell in self.cells if cell.vantage == vantage]

    def one_text(self, vantage: str) -> bool | None:
        """Whether a vantage point reads the receiver's text, of all that it reads; `None` if that is nothing."""
        said = [cell.one_text for cell in self.row(vantage) if cell.one_text is not None]
        return all(said) if said else None


Derived = Mapping[tuple[str, str], tuple[Content, Forge]]
"""What follows from what each vantage point is declared to hold, by (vantage, message)."""


def saying(policy: Policy, cells: Derived) -> Policy:
    """Return the policy with what these cells say, in place of what it declares and explains."""
    rows, said = {}, (Content.READS, Forge.YES, Forge.WITH_RELAY, Forge.BRIEFLY)
    for name, row in policy.vantages.items():
        named = [tuple(key for (who, key), cell in cells.items() if who == name and one in cell) for one in said]
        rows[name] = msgspec.structs.replace(row, reads=named[0], forges=Forgeries(*named[1:]), because={})
    return msgspec.structs.replace(policy, vantages=rows)


def assemble(attacked: Attacked, policy: Policy, rows: Sequence[MessageRow], derived: Derived) -> Matrix:
    """Lay what was measured beside what is declared and what follows from it; raises `Misused` for what is but one."""
    for what, measured, declared in (
        ("message", {row.key for row in rows}, set(policy.messages)),
        ("vantage point", {vantage for vantage, _ in attacked.outcomes}, set(policy.vantages)),
    ):
        if unmeasured := sorted(declared - measured):
            raise Misused(f"Measure the {what} {unmeasured[0]}, or leave it out of the policy: it was not measured.")
        if undeclared := sorted(measured - declared):
            raise Misused(f"Declare the {what} {undeclared[0]}: it was measured, and the policy does not name it.")
    people = tuple(VantageRow(name, row.title, row.says, row.holds) for name, row in policy.vantages.items())
    cells = tuple(
        _cell(name, row.key, attacked.outcomes[name, row.key], policy, derived[name, row.key])
        for name in policy.vantages
        for row in rows
    )
    return Matrix(tuple(rows), people, cells, attacked.controls, agree(cells, attacked.controls))


def _cell(vantage: str, key: str, outcome: Outcome, policy: Policy, derived: tuple[Content, Forge]) -> Cell:
    row = policy.vantages[vantage]
    allowed = row.metadata if set(outcome.metadata) - {"size", "when"} else (*row.metadata, *row.sizes)
    return Cell(
        message=key,
        vantage=vantage,
        content=content_of(reads=outcome.reads),
        metadata=outcome.metadata,
        forge=outcome.forge,
        declared=content_of(reads=policy.reads(vantage, key)),
        closure=derived[0],
        forge_declared=policy.forges(vantage, key),
        forge_closure=derived[1],
        metadata_allowed=not outcome.metadata or policy.among(key, allowed),
        derivation=outcome.derivation,
        forged=outcome.forged,
        because=policy.because(vantage, key),
        one_text=outcome.one_text,
    )


def content_of(*, reads: bool | None) -> Content:
    """Return what a cell says; `None` is for what cannot be measured here."""
    return {True: Content.READS, False: Content.SEALED, None: Content.UNMEASURED}[reads]


def agree(cells: Sequence[Cell], checked: Sequence[ControlRow]) -> Agreement:
    """Compare the three in every cell, and look at the controls."""
    wrong = tuple(
        Disagreement(cell.message, cell.vantage, what, *said)
        for cell in cells
        for what, said in cell.disagreements.items()
    )
    missing = tuple(f"{one.source}: {one.says}" for one in checked if one.found is None)
    unmeasured = sum(cell.content is Content.UNMEASURED for cell in cells)
    return Agreement(not wrong and not missing and bool(cells), len(cells), unmeasured, wrong, missing)
