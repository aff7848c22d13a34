"""Forging, tried for real: with the keys that were found, against the running carrier and the receiver's own handset.

A forgery counts when the receiver's handset takes it as a message of the sender: its own code opens it, under its own
keys. Only the delivery is left out, because the story's people should not find it in their mailboxes.
"""

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, cast

import msgspec
import uuid_utils

from tiers.device.keyring import (
    ConsumerKeys,
    Contact,
    Draft,
    EnterpriseKeys,
    Keyring,
    open_consumer,
    open_enterprise,
    seal_consumer,
    seal_enterprise,
)
from tiers.lab.attack.derive.rules import BY_NAME
from tiers.lab.attack.derive.scene import Case
from tiers.lab.attack.derive.two_texts import KEYS, Double, dishonest
from tiers.lab.world.cast import handset
from tiers.measure.derive.closure import NOW, THEN
from tiers.measure.derive.knowledge import Knowledge, Step, learn
from tiers.wire.custody import CARRIER as CARRIER_CUSTODY
from tiers.wire.custody import INDIA, Arrangement, Custody, GlobalKey
from tiers.wire.enterprise.directory import (
    ENTRY_TYP,
    PARTNER_TYP,
    Entry,
    Partner,
    sign_statement,
    verify_entry,
    verify_partner,
)
from tiers.wire.errors import TiersError
from tiers.wire.keys.jose import SigningKey, VerifyKey
from tiers.wire.keys.keytree import (
    DEPTH,
    Master,
    Node,
    NodeKey,
    Position,
    descend,
    epoch_start,
    subscriber_root,
    wrap_key,
)
from tiers.wire.message.envelope import CarrierKid, Channel, Envelope, Recipient, Service, format_kid
from tiers.wire.message.sealing import ContentKey, unwrap_from_carrier, wrap_for_carrier

TEXT = b"I never wrote this."
CARRIER = "in"
Admit = Callable[[Envelope], Awaitable[Recipient]]
"""The running carrier, asked as the relay asks it; raises what it refuses with."""
LookUp = Callable[[str, str], Awaitable[Contact]]
"""A handset (by name) looks up a person (by name) in its customer's directory, and checks what it gets."""


class Try(NamedTuple):
    """One way to forge a message: by which rule, from which step, usable when, and the doing."""

    rule: str
    premise: Step
    when: str
    attempt: Callable[[], Awaitable[bytes]]


@dataclass(slots=True)
class Bench:
    """What forgeries are tried on. `rings` are the handsets' keyrings as they stand; `now` is the present minute."""

    cases: Mapping[str, Case]
    services: Mapping[str, Service]
    rings: Mapping[str, Keyring]
    master: Master
    now: int
    admit: Admit
    look_up: LookUp
    arrangement: Arrangement = INDIA
    homes: Mapping[str, str] = field(default_factory=dict)
    """Who lives in a jurisdiction that has a consumer custody of its own, and in which."""
    tried: dict[tuple[object, ...], bool] = field(default_factory=dict)
    leaves: dict[tuple[str, int], Node] = field(default_factory=dict)

    async def add_to(self, knowledge: Knowledge) -> None:
        """Add to what is known, for every message, whether one like it can be forged."""
        for case in self.cases.values():
            for one in self._ways(case, knowledge):
                fact = ("forged", case.key, one.when)
                if fact not in knowledge and await self._once(case.key, one):
                    learn(knowledge, Step(fact, None, None, BY_NAME[one.rule], (one.premise,)))

    async def _once(self, key: str, one: Try) -> bool:
        """Try it; the same keys give the same result, whoever holds them."""
        what = (key, one.rule, one.when, one.premise.fact, one.premise.value)
        if what not in self.tried:
            try:
                self.tried[what] = await one.attempt() == TEXT
            except TiersError:
                self.tried[what] = False
        return self.tried[what]

    def _ways(self, case: Case, knowledge: Knowledge) -> Iterator[Try]:
        if case.channel is Channel.ENTERPRISE:
            return self._enterprise(case, knowledge)
        custody = self.arrangement.sealing(case.channel, self.homes.get(case.sender, ""))
        if custody is CARRIER_CUSTODY:
            return self._consumer(case, knowledge)
        return self._other_consumer(case, knowledge, custody)

    async def doubles(self) -> tuple[Double, ...]:
        """Have each sender write with two texts, to commit to the one and to the other; show all to the receivers."""
        made = [await self._double(case, committed) for case in self.cases.values() for committed in KEYS]
        return tuple(double for double in made if double is not None)

    async def _double(self, case: Case, committed: ContentKey) -> Double | None:
        """Write with two texts; `None` where the custody of this sender cannot seal in that minute any more."""
        written: list[Envelope] = []
        draft = self._draft(case, epoch_start(int(case.minute)))
        with suppress(TiersError):
            if case.channel is Channel.ENTERPRISE:
                own, to = await self.look_up(case.sender, case.sender), await self.look_up(case.sender, case.receiver)
                custody = dishonest(self.arrangement.enterprise, committed, written)
                seal_enterprise(self.rings[case.sender], draft, own.bes, to, custody)
            else:
                keys = ConsumerKeys(CARRIER, (self._leaf(handset(case.sender).pin, int(case.minute)),))
                ring = replace(self.rings[case.sender], consumer=keys)
                seal_consumer(ring, draft, dishonest(self.arrangement.consumer, committed, written))
        if not written:
            return None
        envelope = self._locked(case, written[0])
        try:
            return Double(case.key, envelope, await self._shown(case, envelope))
        except TiersError:
            return Double(case.key, envelope, None)

    def _locked(self, case: Case, envelope: Envelope) -> Envelope:
        """Add the receiver's lock, where a carrier does: with the first key, as if relay and carrier did not look."""
        if case.channel is Channel.ENTERPRISE or self.arrangement.consumer is not CARRIER_CUSTODY:
            return envelope
        pin, epoch = handset(case.receiver).pin, int(case.minute)
        key = wrap_key(self._leaf(pin, epoch), envelope.jwe.protected)
        return _with(envelope, wrap_for_carrier(format_kid(CarrierKid(CARRIER, pin, epoch)), KEYS[0], key))

    async def _shown(self, case: Case, envelope: Envelope) -> bytes:
        """Return what the receiver's handset shows; raises what it refuses with."""
        if case.channel is Channel.CONSUMER:
            return open_consumer(self._ring_then(case), envelope, self.arrangement.consumer)
        sender = await self.look_up(case.receiver, case.sender)
        return open_enterprise(self.rings[case.receiver], envelope, sender, self.arrangement.enterprise)

    # ---- consumer, in other arrangements: the global key, or a signature ----

    def _other_consumer(self, case: Case, knowledge: Knowledge, custody: Custody) -> Iterator[Try]:
        if not custody.signed:
            for step in knowledge.get(("globalkey",), ()):
                ring = replace(self.rings[case.sender], factory=cast("GlobalKey", step.value))
                yield Try("write-with-global-key", step, NOW, partial(self._consumer_as, case, ring, custody))
            return
        for step in knowledge.get(("sign", case.sender), ()):
            ring = replace(self.rings[case.sender], sign=SigningKey(cast("bytes", step.value)))
            yield Try("sign-as-sender", step, NOW, partial(self._consumer_as, case, ring, custody))

    async def _consumer_as(self, case: Case, ring: Keyring, custody: Custody) -> bytes:
        """Write with what is known of the sender's keys, and show it to the receiver's handset."""
        forged = seal_consumer(ring, self._draft(case, epoch_start(self.now)), custody)
        return open_consumer(self.rings[case.receiver], forged, custody)

    # ---- consumer: nothing but a key says who wrote it ----

    def _consumer(self, case: Case, knowledge: Knowledge) -> Iterator[Try]:
        then = int(case.minute)
        for epoch in dict.fromkeys((self.now, then)):
            # A message of a past minute is opened by a handset that was off since: so the carrier must not admit one.
            off = self._ring_then(case)
            ring = self.rings[case.receiver] if epoch == self.now else off
            for step in knowledge.get(("leaf", case.sender, str(epoch)), ()):
                leaf = cast("Node", step.value)
                yield Try("write-as-sender", step, NOW, partial(self._as_sender, case, leaf, self.admit, ring))
                if epoch == then:
                    past = partial(self._as_sender, case, leaf, self._admit_then, off)
                    yield Try("write-as-sender", step, THEN, past)
            for step in knowledge.get(("leaf", case.receiver, str(epoch)), ()):
                leaf = cast("Node", step.value)
                if epoch == self.now:
                    yield Try("write-to-receiver", step, NOW, partial(self._to_receiver, case, leaf, ring))
                if epoch == then:
                    yield Try("write-to-receiver", step, THEN, partial(self._to_receiver, case, leaf, off))

    async def _as_sender(self, case: Case, leaf: Node, admit: Admit, ring: Keyring) -> bytes:
        """Write with the sender's key, have it admitted, and show it to the receiver's handset."""
        return open_consumer(ring, _with(forged := self._seal(case, leaf), await admit(forged)))

    async def _to_receiver(self, case: Case, leaf: Node, ring: Keyring) -> bytes:
        """Wrap for the receiver as the carrier would, and show it to the receiver's handset.

        The sender's recipient is wrapped under a key that nobody else has: no handset looks at it.
        """
        mine = Node(leaf.at, NodeKey(os.urandom(32)))
        forged = self._seal(case, mine)
        protected = forged.jwe.protected
        cek = unwrap_from_carrier(forged.jwe.recipients[0], wrap_key(mine, protected))
        kid = format_kid(CarrierKid(CARRIER, handset(case.receiver).pin, leaf.at.index))
        return open_consumer(ring, _with(forged, wrap_for_carrier(kid, cek, wrap_key(leaf, protected))))

    def _seal(self, case: Case, leaf: Node) -> Envelope:
        ring = replace(self.rings[case.sender], consumer=ConsumerKeys(CARRIER, (leaf,)))
        return seal_consumer(ring, self._draft(case, epoch_start(leaf.at.index)))

    def _draft(self, case: Case, ts: int) -> Draft:
        return Draft(handset(case.receiver).pin, self.services[case.key], TEXT, str(uuid_utils.uuid7()), ts)

    async def _admit_then(self, forged: Envelope) -> Recipient:
        """Admit as the carrier did in that minute and the next: the one thing here that is not asked for real."""
        protected, recipient = forged.jwe.protected, forged.jwe.recipients[0]
        epoch = int(recipient.header.kid.rpartition("/")[2])
        ends = (forged.header.sender, forged.header.to)
        sender, receiver = (wrap_key(self._leaf(pin, epoch), protected) for pin in ends)
        kid = format_kid(CarrierKid(CARRIER, forged.header.to, epoch))
        return wrap_for_carrier(kid, unwrap_from_carrier(recipient, sender), receiver)

    def _ring_then(self, case: Case) -> Keyring:
        """Return the receiver's keyring as of the message's minute: that of a handset not drained since."""
        leaf = self._leaf(handset(case.receiver).pin, int(case.minute))
        return replace(self.rings[case.receiver], consumer=ConsumerKeys(CARRIER, (leaf,)))

    def _leaf(self, pin: str, epoch: int) -> Node:
        if (pin, epoch) not in self.leaves:
            self.leaves[pin, epoch] = descend(subscriber_root(self.master, pin), Position(DEPTH, epoch))
        return self.leaves[pin, epoch]

    # ---- enterprise: a signature says who wrote it ----

    def _enterprise(self, case: Case, knowledge: Knowledge) -> Iterator[Try]:
        for step in knowledge.get(("sign", case.sender), ()):
            key = SigningKey(cast("bytes", step.value))
            yield Try("sign-as-sender", step, NOW, partial(self._sign, case, key))
        for org in dict.fromkeys((handset(case.sender).org, handset(case.receiver).org)):
            for step in knowledge.get(("orgroot", org), ()):
                root = SigningKey(cast("bytes", step.value))
                yield Try("vouch-falsely", step, NOW, partial(self._vouch, case, org, root))

    async def _sign(self, case: Case, key: SigningKey) -> bytes:
        """Sign with the sender's key, against the entry that the receiver finds in the directory."""
        return await self._show(case, key, await self.look_up(case.receiver, case.sender))

    async def _vouch(self, case: Case, org: str, root: SigningKey) -> bytes:
        """Let `org` answer the receiver's look-up with an entry that names the forger's key as the sender's."""
        ring = self.rings[case.receiver]
        assert ring.enterprise is not None  # noqa: S101 - an enterprise message is for an employee
        true, mine = await self.look_up(case.receiver, case.sender), SigningKey(os.urandom(32))
        entry = msgspec.structs.replace(true.entry, sign=mine.public.jwk())
        false = _false_entry(entry, org, root, mine, ring.enterprise)
        return await self._show(case, mine, Contact(false, true.bes))

    async def _show(self, case: Case, key: SigningKey, sender: Contact) -> bytes:
        """Seal a message signed with `key`, and show it to the receiver's handset, which believes `sender`."""
        ring = replace(self.rings[case.sender], sign=key)
        own, to = await self.look_up(case.sender, case.sender), await self.look_up(case.sender, case.receiver)
        custody = self.arrangement.enterprise
        forged = seal_enterprise(ring, self._draft(case, epoch_start(self.now)), own.bes, to, custody)
        return open_enterprise(self.rings[case.receiver], forged, sender, custody)


def _with(envelope: Envelope, recipient: Recipient) -> Envelope:
    jwe = msgspec.structs.replace(envelope.jwe, recipients=(*envelope.jwe.recipients, recipient))
    return Envelope(envelope.header, jwe)


def _false_entry(entry: Entry, org: str, root: SigningKey, mine: SigningKey, pinned: EnterpriseKeys) -> Entry:
    """Have a false entry signed, and verify it as the receiver's handset does; raises `Yours` if that fails.

    An own colleague's by the customer's root; a partner's employee's by the partner's root, or by a false one that
    the receiver's customer vouches for.
    """
    if entry.org == pinned.org or org != pinned.org:
        believed = pinned.root if entry.org == pinned.org else root.public
        return verify_entry(sign_statement(root, entry.org, ENTRY_TYP, entry), entry.org, believed)
    word = sign_statement(root, org, PARTNER_TYP, Partner(entry.org, mine.public.jwk()))
    partner = verify_partner(word, org, pinned.root)
    token = sign_statement(mine, entry.org, ENTRY_TYP, entry)
    return verify_entry(token, partner.org, VerifyKey.from_jwk(partner.root))
