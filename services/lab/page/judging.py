"""Keeps who reads what in step with what happens: writes a `Judged` on the feed whenever a verdict becomes another."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tiers.lab.page.events import Judged
from tiers.lab.page.feed import Feed
from tiers.lab.page.shapes import MeasuredCell
from tiers.lab.page.verdicts import Passed, judge, locks_of
from tiers.wire.keys.keytree import epoch_of
from tiers.wire.message.envelope import Envelope, message_epoch


@dataclass(slots=True)
class Judging:
    """The messages of one world. `in_force` says whose warrants are served and have not expired."""

    feed: Feed
    in_force: Callable[[], frozenset[str]]
    _passed: dict[str, tuple[Passed, int]] = field(default_factory=dict)
    _copied: dict[str, set[str]] = field(default_factory=dict)
    _granted: set[tuple[str, int]] = field(default_factory=set)
    _said: dict[str, dict[str, str]] = field(default_factory=dict)

    def passes(self, sender: str, receiver: str, envelope: Envelope) -> None:
        """Judge a message, by the locks that are on it by now."""
        header = envelope.header
        message = Passed(sender, receiver, header.channel, locks_of(envelope))
        self._passed[header.mid] = message, message_epoch(header)
        self._say(header.mid)

    def copied(self, mid: str, target: str) -> None:
        """Take note that a task copied a message."""
        self._copied.setdefault(mid, set()).add(target)
        if mid in self._passed:  # else it is judged when it passes
            self._say(mid)

    def granted(self, target: str, start: int, until: int) -> None:
        """Take note that the auditor was given the keys of [start, until), ms."""
        self._granted |= {(target, epoch) for epoch in range(epoch_of(start), epoch_of(until))}
        for mid in self._passed:
            self._say(mid)

    def declared(self, mid: str) -> Mapping[str, str]:
        """Return what is declared of a message at this moment, for every vantage point."""
        self._say(mid)
        return self._said[mid]

    def asserted(self, cells: Sequence[tuple[str, str, str]], mids: Mapping[str, str]) -> None:
        """Take the measured cells of a scenario's act: (vantage, message, reads or sealed)."""
        for key, mid in mids.items():
            if mid in self._passed:
                told = self.declared(mid)
                found = {who: _as(told[who], reads) for who, name, reads in cells if name == key and who in told}
                self.feed.append(Judged(mid, True, found))

    def measured(self, cells: Iterable[MeasuredCell]) -> None:
        """Take what an attack found."""
        found: dict[str, dict[str, str]] = {}
        for cell in cells:
            if cell.content in {"reads", "sealed"}:
                shows = "all" if "from" in cell.metadata else "size" if "size" in cell.metadata else "none"
                why = _as(self._said[cell.mid][cell.vantage], cell.content).split()[2]
                found.setdefault(cell.mid, {})[cell.vantage] = f"{cell.content} {shows} {why}"
        for mid, verdicts in found.items():
            self.feed.append(Judged(mid, True, verdicts))

    def _say(self, mid: str) -> None:
        message, epoch = self._passed[mid]
        ends = (message.sender, message.receiver)
        granted = frozenset(who for who in ends if (who, epoch) in self._granted)
        copied = frozenset(self._copied.get(mid, ()))
        whole = replace(message, granted=granted, copied=copied, in_force=self.in_force())
        verdicts = {name: str(verdict) for name, verdict in judge(whole).items()}
        before = self._said.get(mid, {})
        if new := {name: said for name, said in verdicts.items() if before.get(name) != said}:
            self._said[mid] = verdicts
            self.feed.append(Judged(mid, False, new))


def _as(declared: str, content: str) -> str:
    """Return a verdict with its content measured: where that is not what was declared, the attack is the reason."""
    said, shows, why = declared.split()
    return f"{content} {shows} {why if said == content else 'attack'}"
