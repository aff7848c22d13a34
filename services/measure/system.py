"""A matrix of somebody's own system: who reads which message, attacked from vantage points made of captures.

    messages, vantage points, secrets, rules -> measure -> Matrix (renderers: matrix/render.py)

A rule is a function that really does what it says. Each must open something for somebody who holds everything, and each
message must be met somewhere: what was never seen is not sealed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, singledispatch
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from tiers.measure.derive import closure
from tiers.measure.derive.closure import Forge
from tiers.measure.derive.knowledge import Engine, Made, Step, derivation
from tiers.measure.derive.rules import Fact, Rule, is_variable
from tiers.measure.errors import Misused, NotWhole
from tiers.measure.matrix.matrix import (
    Attacked,
    Content,
    ControlRow,
    Matrix,
    MessageRow,
    Outcome,
    assemble,
    content_of,
    saying,
)
from tiers.measure.matrix.policy import Policy, Row, parse_policy
from tiers.measure.search.scan import Chunk, Found, Scanner, Source, merge
from tiers.measure.search.spelling import Known, needles
from tiers.measure.secret import Secret

Take = Callable[[], Source]
"""Takes a capture when it is called: `lambda: service.capture("memory")`."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its text, and the ciphertext as it was sent, if it was sent shut."""

    key: str
    title: str
    text: Secret
    sealed: bytes = b""


@dataclass(frozen=True, slots=True)
class Vantage:
    """Who stands where: the captures by name, and what must be found in them (the positive control)."""

    id: str
    captures: Mapping[str, Take]
    control: Secret | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """A rule with the function that does it."""

    rule: Rule
    do: Callable[..., bytes | None]

    @property
    def keys(self) -> tuple[Fact, ...]:
        """The secrets that it needs; a ciphertext is what else it needs."""
        return self.rule.needs[:-1]


def opens(keys: str | Sequence[str], do: Callable[..., bytes | None]) -> Deed:
    """Return the rule that a secret, or several together, by name, open ciphertexts.

    `do` gets their values and a ciphertext, all bytes; it returns what is inside, or `None` for what it does not open.
    """
    names = (keys,) if isinstance(keys, str) else tuple(keys)
    if not names or not callable(do) or iscoroutinefunction(do):  # type: ignore[redundant-expr]  # tests are seldom typed
        raise Misused("Write opens('a secret', function): the function returns what is inside, or None, and not later.")
    if short := [one for one in names if is_variable(one)]:
        raise Misused(f"Give a secret a name of more than one letter: {short[0]} stands for any in a rule.")
    name, verb = " and ".join(names), "opens" if len(names) == 1 else "open"
    needs = (*(("secret", one) for one in names), ("sealed", "M"))
    says = f"{name} {verb} ".replace("{", "{{").replace("}", "}}") + "{M}"
    return Deed(Rule(name, needs, (("opened", name, "M"),), ("plaintext", "M"), says), do)


DEEDS: dict[str, Deed] = {}


@singledispatch
def register(thing: object) -> None:
    """Take up a rule that `opens` made, in place of a former one of its keys; the lab takes up custodies as well."""
    kind = type(thing).__name__
    raise Misused(
        f"Register what opens(…) returns, or a custody after importing tiers.lab.world.arrangement; not a {kind}."
    )


@register.register
def _(deed: Deed) -> None:
    DEEDS[deed.rule.name] = deed


WORDS = {"secret": "{0}", "sealed": "{0}, shut", "plaintext": "the text of {0}"}


def measure(
    messages: Sequence[Message],
    vantages: Sequence[Vantage],
    secrets: Sequence[Secret] = (),
    policy: str | Path | None = None,
) -> Matrix:
    """Attack from every vantage point, and compare with the policy (TOML, as text or file), or with nothing declared.

    Raises `Misused` where an attack would prove nothing: no captures, a message that nobody met, a rule that opens
    nothing; `NotWhole` for an empty capture.
    """
    text = policy.read_text(encoding="utf-8") if isinstance(policy, Path) else policy
    declared = None if text is None else parse_policy(text)
    return _Study(messages, vantages, secrets).matrix(declared)


class _Study:
    def __init__(self, messages: Sequence[Message], vantages: Sequence[Vantage], secrets: Sequence[Secret]) -> None:
        every = list(dict.fromkeys([*secrets, *(one.control for one in vantages if one.control is not None)]))
        for names in ([one.key for one in messages], [one.id for one in vantages], [one.name for one in every]):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise Misused(f"Give each a name of its own: two are called {twice[0]}.")
        known = [one.known() for one in every]
        known += [Known(("plaintext", one.key), one.text.raw, one.text.words) for one in messages]
        known += [Known(("sealed", one.key), one.sealed) for one in messages if one.sealed]
        self.messages, self.vantages = messages, vantages
        self.known = {one.fact: one for one in known}
        deeds = [deed for deed in DEEDS.values() if self.known.keys() >= set(deed.keys)]
        self.scanner = Scanner(needles(known))
        operations = {deed.rule.name: partial(self._operate, deed) for deed in deeds}
        self.engine = Engine([deed.rule for deed in deeds], operations)
        self.opened = frozenset(
            ("opened", deed.rule.name, key)  # every rule apart: two may open the same
            for deed in deeds
            for shut in [("sealed", one.key) for one in messages if one.sealed]
            for (_, key), _ in self._operate(deed, [shut], [self.known[fact].raw for fact in (*deed.keys, shut)])
        )
        self._check()

    def _operate(self, deed: Deed, facts: Sequence[Fact], values: Sequence[Any]) -> Iterable[Made]:
        """Do what a rule says with what was found; it has opened a message if the text is in what it returns."""
        if inside := deed.do(*values):
            found = self.scanner.scan(Source("inside", (Chunk("inside", 0, inside),)))
            if found.places(text := ("plaintext", facts[-1][1])):
                yield text, inside

    def _check(self) -> None:
        rules, opened = {rule for _, rule, _ in self.opened}, {key for _, _, key in self.opened}
        if empty := [one.id for one in self.vantages if not one.captures]:
            raise Misused(f"Say of which captures {empty[0]} is made: who holds nothing proves nothing.")
        if shut := [one.key for one in self.messages if one.sealed and one.key not in opened]:
            raise Misused(f"Register the rule that opens {shut[0]}: not even all secrets together open it.")
        if idle := sorted({rule.name for rule in self.engine.rules} - rules):
            raise Misused(f"Mend the rule of {idle[0]}: it opens no message here, so it would prove nothing.")

    def matrix(self, declared: Policy | None) -> Matrix:
        """Take and scan every capture once, close what each vantage point holds, and compare."""
        takes = dict.fromkeys(take for one in self.vantages for take in one.captures.values())
        found = {take: self.scanner.scan(take()) for take in takes}
        if empty := [one.name for one in found.values() if not one.size]:
            raise NotWhole(f"{empty[0]} is empty")
        held = {one.id: merge([found[take] for take in one.captures.values()]) for one in self.vantages}
        met = {fact[1] for one in held.values() for fact in one.facts if fact[0] in {"sealed", "plaintext"}}
        if unmet := [one.key for one in self.messages if one.key not in met]:
            raise Misused(f"Send {unmet[0]} first: no capture has it, open or shut.")
        outcomes = {where: outcome for name, one in held.items() for where, outcome in self._outcomes(name, one)}
        controls = tuple(
            ControlRow(one.id, one.control.name, next(map(str, held[one.id].places(one.control.fact)), None))
            for one in self.vantages
            if one.control is not None
        )
        if declared is None:
            derived = {where: (content_of(reads=one.reads), one.forge) for where, one in outcomes.items()}
            titles = {one.key: one.title for one in self.messages}
            declared = saying(Policy(titles, {}, {}, {one.id: Row(one.id, "", ()) for one in self.vantages}), derived)
        else:
            derived = dict(self._derive(declared))
        rows = [MessageRow(one.key, declared.messages.get(one.key, one.title), "", "", "", "") for one in self.messages]
        return assemble(
            Attacked(outcomes, controls, {one.name: one.size for one in found.values()}), declared, rows, derived
        )

    def _outcomes(self, vantage: str, held: Found) -> Iterator[tuple[tuple[str, str], Outcome]]:
        steps = {fact: [Step(fact, self.known[fact].raw, places[0])] for fact, places in held.facts.items()}
        knowledge = self.engine.close(steps)
        for message in self.messages:
            told = derivation(knowledge, ("plaintext", message.key), WORDS)
            yield (vantage, message.key), Outcome(bool(told), Forge.NO, (), told, ())

    def _derive(self, declared: Policy) -> Iterator[tuple[tuple[str, str], tuple[Content, Forge]]]:
        """Close what each vantage point is declared to hold: secrets by name, `ciphertext`, `texts`."""
        words: dict[str, list[Fact]] = {fact[1]: [fact] for fact in self.known if fact[0] == "secret"}
        words |= {f"text:{one.key}": [("plaintext", one.key)] for one in self.messages}
        words["ciphertext"] = [("sealed", one.key) for one in self.messages]
        words["texts"] = [("plaintext", one.key) for one in self.messages]
        if strange := sorted({word for row in declared.vantages.values() for word in row.holds} - set(words)):
            raise Misused(f"Declare holdings out of: {', '.join(words)}; {strange[0]} is none.")
        for name, row in declared.vantages.items():
            held = closure.close((fact for word in row.holds for fact in words[word]), self.opened, self.engine.rules)
            for one in self.messages:
                yield (name, one.key), (content_of(reads=("plaintext", one.key) in held), Forge.NO)
