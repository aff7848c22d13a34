"""The lesson of a measured matrix: four sentences with numbers, and a table that fits a small terminal. Pure.

Every cell is measured. Vantage points of a group share a row only if all of them say the same in every cell of it;
what differs a little (an agency without a warrant, another company) is left to the full matrix.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.console import Console

from tiers.measure.matrix.matrix import Content, Matrix, MessageRow
from tiers.measure.matrix.policy import Policy
from tiers.wire.message.envelope import Channel, Service

COLUMNS = tuple((channel, service) for channel in Channel for service in Service)
HEADS = {Service.BBM: "chat", Service.EMAIL: "mail"}
GROUPS = {"way": "on the way", "provider": "provider", "state": "state", "company": "company", "ends": "the ends"}
OUTSIDE = ("way", "provider", "state")
READS, SEALED, IN_WINDOW, UNMEASURED = "READS", "sealed", "in window", "-"
_WIDE = (11, 33, 10, 10, 8, 6)
"""Characters of group, label, and the four columns; a longer label makes its column wider."""
_COLOURS = {READS: "bold red", SEALED: "green", UNMEASURED: "dim"}


class Row(NamedTuple):
    """One row of the table: whose, the vantage points that share it, and a word for each column."""

    group: str
    vantages: tuple[str, ...]
    words: tuple[str, ...]


def rows(matrix: Matrix, policy: Policy) -> list[Row]:
    """Return the table, in the policy's order."""
    shared: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for group in GROUPS:
        for name, row in policy.vantages.items():
            if row.group == group and not row.variant_of:
                words = tuple(_word(matrix, policy, name, _of(matrix, *column)) for column in COLUMNS)
                shared.setdefault((group, words), []).append(name)
    return [Row(group, tuple(names), words) for (group, words), names in shared.items()]


def sentences(matrix: Matrix, policy: Policy) -> tuple[str, ...]:
    """Say the lesson, with numbers."""
    consumer, enterprise = ([m for m in matrix.messages if m.channel == channel] for channel in Channel)
    able = [one for one in _members(policy, OUTSIDE) if _count(matrix, one, enterprise)]
    outsiders = "; ".join(f"{name(policy, one)} reads {_count(matrix, one, enterprise)}" for one in able)
    return (
        f"Consumer: the provider reads {_of_all(matrix, 'operator', consumer)} messages, without anyone's leave.",
        f"An auditor with a warrant reads {_count(matrix, 'auditor', consumer)} of them, inside its minute.",
        f"Enterprise: of {len(enterprise)} messages, "
        + (outsiders or "nobody at the provider or in the state reads any, warrant or not")
        + ".",
        f"The company, which holds the keys, reads {_of_all(matrix, 'customer', enterprise)}.",
    )


def show(matrix: Matrix, policy: Policy, console: Console) -> None:
    """Print the sentences and the table, 80 columns wide; every word is in it, none only in a colour."""
    console.print()
    for sentence in sentences(matrix, policy):
        console.print(sentence, highlight=False)
    labels = [(row, _names(policy, row.vantages)) for row in rows(matrix, policy)]
    wide = max(_WIDE[1], *(len(label) + 1 for _, label in labels))
    first, second = (channel.value for channel, service in COLUMNS if service is COLUMNS[0][1])
    gap = " " * (_WIDE[0] + wide - len("Who can read it?"))
    console.print(f"\n[bold]Who can read it?[/]{gap}{first:<{2 * _WIDE[2]}}{second}", highlight=False)
    heads = "".join(f"{HEADS[service]:<{width}}" for (_, service), width in zip(COLUMNS, _WIDE[2:], strict=True))
    console.print(" " * (_WIDE[0] + wide) + heads.rstrip(), highlight=False)
    before = ""
    for row, label in labels:
        cells = (
            f"[{_COLOURS.get(word, 'yellow')}]{word}[/]{' ' * (width - len(word))}"
            for word, width in zip(row.words, _WIDE[2:], strict=True)
        )
        group = "" if row.group == before else GROUPS[row.group]
        console.print(f"{group:<{_WIDE[0]}}{label:<{wide}}{''.join(cells)}", highlight=False, soft_wrap=True)
        before = row.group


def markdown(matrix: Matrix, policy: Policy) -> str:
    """Return the rows that a reader needs first, for the README."""
    head = " | ".join(f"{channel} {HEADS[service]}" for channel, service in COLUMNS)
    lines = [
        f"| {GROUPS[row.group]}: {_names(policy, row.vantages)} | {' | '.join(row.words)} |"
        for row in rows(matrix, policy)
        if {"court", "seized-handset"}.isdisjoint(row.vantages)
    ]
    return "\n".join([f"| who | {head} |", "|---" * (len(COLUMNS) + 1) + "|", *lines])


def name(policy: Policy, vantage: str) -> str:
    """Return what a vantage point is called inside a sentence or a list."""
    return re.sub(r"^(The|An?) ", "", policy.vantages[vantage].name)


def _names(policy: Policy, vantages: Iterable[str]) -> str:
    return ", ".join(name(policy, one) for one in vantages)


def _members(policy: Policy, groups: Sequence[str]) -> list[str]:
    return [one for one, row in policy.vantages.items() if row.group in groups]


def _of(matrix: Matrix, channel: Channel, service: Service) -> list[MessageRow]:
    return [one for one in matrix.messages if (one.channel, one.service) == (channel, service)]


def _reads(matrix: Matrix, vantage: str) -> set[str]:
    return {one.key for one in matrix.messages if matrix.cell(vantage, one.key).content is Content.READS}


def _count(matrix: Matrix, vantage: str, messages: Sequence[MessageRow]) -> int:
    return len(_reads(matrix, vantage) & {one.key for one in messages})


def _of_all(matrix: Matrix, vantage: str, messages: Sequence[MessageRow]) -> str:
    return f"{_count(matrix, vantage, messages)} of {len(messages)}"


def _word(matrix: Matrix, policy: Policy, vantage: str, messages: Sequence[MessageRow]) -> str:
    """Return one word for some messages; "in window" if nothing is read that was not under a warrant in its window."""
    said = {matrix.cell(vantage, one.key).content for one in messages}
    if Content.UNMEASURED in said or not said:
        return UNMEASURED
    if said == {Content.SEALED}:
        return SEALED
    if all(policy.among(key, ("under-warrant",)) for key in _reads(matrix, vantage)):
        return IN_WINDOW
    return READS if said == {Content.READS} else _of_all(matrix, vantage, messages)
