"""Attacks a running world: takes the captures, scans them, closes under the rules, tries to forge. I/O around attacker.

    what was sent, warrants, vantage points -> attack -> Attacked

There is one `Outcome` for each vantage point and message.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import msgspec

from tiers.device.keyring import Contact
from tiers.lab.attack.capture.interview import Interview, Served, ask_again, ask_all, ask_as_relay
from tiers.lab.attack.capture.take import DRAIN_MINUTES, at_once, drained, seized
from tiers.lab.attack.derive.attacker import Scene, close, derivation, start
from tiers.lab.attack.derive.forge import Bench
from tiers.lab.attack.derive.scene import Case
from tiers.lab.attack.derive.two_texts import Double, scene_of, shown_twice
from tiers.lab.attack.search.catalogue import Catalogue, cases_of, catalogue
from tiers.lab.attack.search.searcher import Searcher
from tiers.lab.attack.search.shapes import JWE
from tiers.lab.attack.vantages import CIPHERTEXT, Vantage, controls
from tiers.lab.classroom.desk import Desk, Sent
from tiers.lab.world.cast import APPLICANT, HANDSETS, handset, party
from tiers.measure.derive.closure import NOW, THEN, forges
from tiers.measure.derive.knowledge import Knowledge, Step
from tiers.measure.derive.rules import Fact
from tiers.measure.errors import NotWhole
from tiers.measure.matrix.matrix import Attacked, ControlRow, Outcome
from tiers.measure.search.scan import Evidence, Found, Scanner, Source, merge
from tiers.wire.api.carrier import Admissions, Ask, Refusal, parse_admitted
from tiers.wire.api.court import Entry
from tiers.wire.encoding import unb64u
from tiers.wire.errors import Ours, Policy
from tiers.wire.keys.keytree import EPOCH_MS, epoch_of
from tiers.wire.lawful.warrant import Claims
from tiers.wire.message.envelope import Envelope, Recipient

ROOTS = frozenset({"master", "seed", "orgroot", "sign", "grant", "sealed", "recipient", "relay"})
"""Kinds of facts that are no step on somebody's way to another."""
HEADER = ("from", "to", "when", "service", "size")
SIZES = ("size", "when")
AFTER_EXPIRY = "answers:auditor-expired"


async def attack(
    desk: Desk, messages: Mapping[str, Sent], warrants: Iterable[str], vantages: Sequence[Vantage]
) -> Attacked:
    """Attack a world from vantage points; `warrants` are served ones. Turns the classroom clock by about an hour.

    Raises `Ours` (`lab.capture`) for a capture that is not whole.
    """
    try:
        return await _attack(desk, messages, warrants, vantages)
    except NotWhole as error:
        raise Ours("lab.capture", str(error)) from None


async def _attack(
    desk: Desk, messages: Mapping[str, Sent], warrants: Iterable[str], vantages: Sequence[Vantage]
) -> Attacked:
    run = await _prepare(desk, messages, warrants, vantages)
    with closing(run.searcher):
        bench = await run.capture()
        outcomes = await run.judge(bench, after_expiry=False)
        if AFTER_EXPIRY in run.wanted:
            await run.expire()
            outcomes |= await run.judge(bench, after_expiry=True)
    sizes = {name: found.size for name, found in run.found.items()}
    return Attacked(outcomes, tuple(run.check()), sizes)


async def _prepare(
    desk: Desk, messages: Mapping[str, Sent], warrants: Iterable[str], vantages: Sequence[Vantage]
) -> "_Run":
    cases = cases_of(messages)
    claims = [await _claims(desk, jti) for jti in warrants]
    last = max(int(case.minute) for case in cases.values())
    now = max(epoch_of(desk.world.clock.now()), last + DRAIN_MINUTES)
    served = tuple(Served(one.jti, one.sub, one.window) for one in claims)
    wanted = {source for one in vantages for case in cases.values() for source in one.of(case.sender, case.receiver)}
    expiry = max((one.exp * 1000 for one in claims), default=0)
    book = await asyncio.to_thread(catalogue, desk, messages, (now,))
    searcher = Searcher(lambda: Scanner(book.needles(), [JWE]))
    return _Run(Interview(desk, messages, served), cases, tuple(vantages), book, searcher, frozenset(wanted), expiry)


async def _claims(desk: Desk, jti: str) -> Claims:
    entry = await desk.as_(APPLICANT).peer("court").ask("GET", f"/v1/warrants/{jti}", Entry)
    return msgspec.json.decode(unb64u(entry.warrant.payload, "lab.warrant"), type=Claims)


@dataclass(slots=True)
class _Run:
    """One attack under way. `found` grows by the captures, which are searched meanwhile."""

    interview: Interview
    cases: Mapping[str, Case]
    vantages: tuple[Vantage, ...]
    book: Catalogue
    searcher: Searcher
    wanted: frozenset[str]
    expiry: int
    found: dict[str, Found] = field(default_factory=dict)
    known: dict[tuple[tuple[str, ...], bool], tuple[Knowledge, Knowledge]] = field(default_factory=dict)
    doubles: tuple[Double, ...] = ()
    doubled: Scene = field(default_factory=lambda: Scene({}, ()))
    twice: dict[tuple[tuple[str, ...], bool], frozenset[str]] = field(default_factory=dict)

    async def capture(self) -> Bench:
        """Take and scan every capture but the last (take.py, 1 to 4)."""
        desk, messages = self.interview.desk, self.interview.messages
        here = {name for name in self.wanted if name.partition(":")[0] not in {"answers", "seized"}}
        memory = {name for name in here if name.startswith("memory:")}  # last: the rest is searched while it is read
        there = (at_once(desk, messages.values(), names) for names in (here - memory, memory))
        looks = [self.searcher.look(await _all(sources)) for sources in there]
        last = max(int(case.minute) for case in self.cases.values())
        subscribers = {name for case in self.cases.values() for name in (case.sender, case.receiver)}
        said = await self._ask(ask_as_relay)
        later, _ = await asyncio.gather(self._ask(ask_all), drained(desk, subscribers, last))
        looks.append(self.searcher.look([*said, *later]))
        people = [name.partition(":")[2] for name in self.wanted if name.startswith("seized:")]
        looks.append(self.searcher.look(await _all(seized(desk, name) for name in people)))
        bench = self._bench()
        self.doubles = await bench.doubles()
        self.doubled = scene_of(self.doubles, self.book.scene)
        for look in looks:
            self._keep(await look)
        return bench

    async def expire(self) -> None:
        """Let the warrants expire and ask again (take.py, 5)."""
        clock = self.interview.desk.world.clock
        minutes = -(-(self.expiry - clock.now()) // EPOCH_MS)
        if minutes > 0:
            clock.turn(minutes)
        self._keep(await self.searcher.look([await ask_again(self.interview)]))

    async def _ask(self, whom: Callable[[Interview], Awaitable[list[Source]]]) -> list[Source]:
        asks = any(name.startswith("answers:") for name in self.wanted)
        return [one for one in await whom(self.interview) if one.name in self.wanted] if asks else []

    def _keep(self, found: Iterable[Found]) -> None:
        self.found |= {one.name: one for one in found}

    def _bench(self) -> Bench:
        desk = self.interview.desk
        services = {key: sent.note.service for key, sent in self.interview.messages.items()}
        rings = {name: device.ring for name, device in desk.devices.items()}
        now = epoch_of(desk.world.clock.now())
        custody = desk.world.arrangement.custody
        homes = {person.name: desk.world.arrangement.home(person.name) for person in HANDSETS}
        return Bench(self.cases, services, rings, self.book.master, now, self._admit, self._look_up, custody, homes)

    async def _admit(self, forged: Envelope) -> Recipient:
        relay = self.interview.desk.as_(party("gateway").identity).peer("carrier")
        asked = Admissions((Ask(forged.jwe.protected, forged.jwe.recipients[0]),))
        (answer,) = parse_admitted(await relay.ask_raw("POST", "/v1/admissions", asked)).answers
        if isinstance(answer, Refusal):
            raise Policy(answer.code, answer.detail)
        return answer

    async def _look_up(self, who: str, whom: str) -> Contact:
        return await self.interview.desk.devices[who].contact(handset(whom).pin)

    # ---- what follows ----

    async def judge(self, bench: Bench, *, after_expiry: bool) -> dict[tuple[str, str], Outcome]:
        """Judge every vantage point whose captures are there by now, for every message."""
        out: dict[tuple[str, str], Outcome] = {}
        for vantage in self.vantages:
            if (AFTER_EXPIRY in vantage.sources) == after_expiry:
                for case in self.cases.values():
                    out[vantage.id, case.key] = await self._outcome(vantage, case, bench)
        return out

    async def _outcome(self, vantage: Vantage, case: Case, bench: Bench) -> Outcome:
        sources = vantage.of(case.sender, case.receiver)
        knowledge, roots = await self._knowledge(sources, bench, relay=vantage.relay)
        whole = all(name in self.found for name in sources)
        goal, forged = ("plaintext", case.key), ("forged", case.key)
        reads = True if goal in knowledge else (False if whole else None)
        best = next((fact for when in (NOW, THEN) if (fact := (*forged, when)) in knowledge), None)
        return Outcome(
            reads,
            forges(knowledge, case.key),
            self._metadata(sources, case.key),
            _tell(goal, roots, knowledge),
            _tell(best, roots, knowledge) if best else (),
            case.key not in self._twice(sources, knowledge, relay=vantage.relay) if reads else None,
        )

    async def _knowledge(self, sources: tuple[str, ...], bench: Bench, *, relay: bool) -> tuple[Knowledge, Knowledge]:
        """Return what is known, and what is known from long-lived keys alone: that way is the one worth telling."""
        if (sources, relay) not in self.known:
            parts = [self.found[name] for name in sources if name in self.found]
            found = start(merge(parts), self.book.known, self.book.scene)
            if relay:
                found["relay",] = [Step(("relay",), None, Evidence("the relay's own process", 0, "it is its own"))]
            both = found, {fact: list(steps) for fact, steps in found.items() if fact[0] in ROOTS}
            for knowledge in both:
                await bench.add_to(close(knowledge, self.book.scene))
            self.known[sources, relay] = both
        return self.known[sources, relay]

    def _twice(self, sources: tuple[str, ...], knowledge: Knowledge, *, relay: bool) -> frozenset[str]:
        if (sources, relay) not in self.twice:
            self.twice[sources, relay] = shown_twice(knowledge, self.doubles, self.doubled)
        return self.twice[sources, relay]

    def _metadata(self, sources: tuple[str, ...], key: str) -> tuple[str, ...]:
        """Say what shows of a message without opening it. The ciphertext that is laid beside does not count."""
        own = [self.found[name] for name in sources if name in self.found and name != CIPHERTEXT]
        facts: set[Fact] = {fact for part in own for fact in part.facts}
        if ("header", key) in facts:
            return HEADER
        if ("mid", key) in facts:
            return ("mid",)
        case = self.cases[key]
        ends = (f"tap:{case.sender}", f"tap:{case.receiver}")
        return SIZES if any(part.name in ends and part.size for part in own) else ()

    def check(self) -> Iterable[ControlRow]:
        """Look for the positive controls of everything that was captured."""
        for control in controls(self.cases):
            if (found := self.found.get(control.source)) is not None:
                places = [place for fact in control.facts for place in found.facts.get(fact, ())]
                yield ControlRow(control.source, control.says, str(places[0]) if places else None)
        if (laid := self.found.get(CIPHERTEXT)) is not None:
            read = start(laid, self.book.known, self.book.scene)
            for key in self.cases:
                steps = read.get(("sealed", key))
                yield ControlRow(CIPHERTEXT, f"the message {key}", str(steps[0].evidence) if steps else None)


async def _all(sources: Iterable[Source]) -> list[Source]:
    """Take captures, beside what else we do."""
    return await asyncio.to_thread(lambda: list(sources))


def _tell(goal: Fact, roots: Knowledge, knowledge: Knowledge) -> tuple[str, ...]:
    return derivation(roots, goal) or derivation(knowledge, goal)
