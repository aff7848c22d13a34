"""The declared policy: a table that a lawyer can read, as structs. Pure."""

import tomllib
from collections.abc import Iterable, Mapping

import msgspec

from tiers.measure.derive.closure import Forge
from tiers.measure.errors import Misused


class Forgeries(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Which messages a vantage point could forge the like of, and how."""

    alone: tuple[str, ...] = ()
    with_relay: tuple[str, ...] = ()
    briefly: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """One vantage point: who it is, what it holds, and for each message what it can do. Names may be groups.

    `metadata` are the messages whose headers may be seen; `sizes` those of which only length and time show. `because`
    explains, by message or group, what a reader would not expect. `name`, `group`, `at` (boxes), `variant_of` and
    `knows_warrants` are for whoever draws it.
    """

    title: str
    says: str
    holds: tuple[str, ...]
    reads: tuple[str, ...] = ()
    forges: Forgeries = Forgeries()
    metadata: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    because: Mapping[str, str] = {}
    name: str = ""
    group: str = ""
    at: tuple[str, ...] = ()
    variant_of: str = ""
    knows_warrants: bool = False


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `messages` are titles, `groups` names for several of them, `holdings` the words of `holds`."""

    messages: Mapping[str, str]
    groups: Mapping[str, tuple[str, ...]]
    holdings: Mapping[str, str]
    vantages: Mapping[str, Row]

    def among(self, key: str, names: Iterable[str]) -> bool:
        """Whether a message is named, by itself or in a group."""
        return any(key == name or key in self.groups.get(name, ()) for name in names)

    def reads(self, vantage: str, key: str) -> bool:
        """Whether the text is declared to be readable."""
        return self.among(key, self.vantages[vantage].reads)

    def forges(self, vantage: str, key: str) -> Forge:
        """How the like of a message is declared to be forgeable."""
        said = self.vantages[vantage].forges
        named = {Forge.YES: said.alone, Forge.WITH_RELAY: said.with_relay, Forge.BRIEFLY: said.briefly}
        return next((forge for forge, names in named.items() if self.among(key, names)), Forge.NO)

    def because(self, vantage: str, key: str) -> str:
        """Return the sentence that explains a cell, the most particular one; empty if none does."""
        said = self.vantages[vantage].because
        groups = [name for name in said if key in self.groups.get(name, ())]
        return said.get(key) or next((said[name] for name in groups), "")


def parse_policy(text: str) -> Policy:
    """Read a policy; raises `Misused`."""
    try:
        policy = msgspec.convert(tomllib.loads(text), Policy)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise Misused(f"Write the policy as docs/spec/matrix.md says: {error}.") from None
    known = {*policy.messages, *policy.groups}
    for group, members in policy.groups.items():
        if unknown := sorted(set(members) - set(policy.messages)):
            raise Misused(f"Name messages of the policy: the group {group} names {unknown[0]}.")
    for name, row in policy.vantages.items():
        named = {*row.reads, *row.metadata, *row.sizes, *row.because, *row.forges.alone, *row.forges.with_relay}
        if unknown := sorted((named | set(row.forges.briefly)) - known):
            raise Misused(f"Name messages or groups of the policy: {name} names {unknown[0]}.")
        if words := sorted({held.partition(":")[0] for held in row.holds} - set(policy.holdings)):
            raise Misused(f"Explain {words[0]} under [holdings]: {name} holds it.")
    return policy
