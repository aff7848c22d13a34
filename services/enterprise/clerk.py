"""Answers production orders: the policy decides, the log learns of it, and only then does anything leave. Thin I/O."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from tiers.chassis.outside import Outside
from tiers.enterprise.orders import (
    MAX_MESSAGES,
    Message,
    OrderPolicy,
    Page,
    Traffic,
    decide,
    leaf_of,
    page_of,
    seal_of,
    subject_of,
)
from tiers.enterprise.reader import Reader
from tiers.enterprise.store import Store
from tiers.wire.api.enterprise import Decision, Opened, Order, OrderAnswer, Unreadable
from tiers.wire.encoding import parse_json
from tiers.wire.errors import Ours, TiersError, Yours
from tiers.wire.identity import Identity
from tiers.wire.log.checkpoint import LoggedLeaf
from tiers.wire.log.leaf import SALT_BYTES

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Clerk:
    """`policy` reads the customer's file each time."""

    outside: Outside
    store: Store
    reader: Reader
    policy: Callable[[], OrderPolicy]

    async def answer(self, court: Identity, served: bytes) -> OrderAnswer:
        """Answer an order as the court served it; raises `Yours`, or `Ours` while it cannot be logged."""
        order = parse_json(Order, served, "request.malformed")
        try:
            subject = subject_of(order)
            decision = decide(self._read_policy(), order)
            page = self._reached(subject) if decision is Decision.DISCLOSE else Page(())
        except Yours:  # an answer, too
            await self._logged(order, served, Decision.REFUSE, court)
            raise
        return await self._produce(order, decision, page, await self._logged(order, served, decision, court))

    async def _logged(self, order: Order, served: bytes, decision: Decision, court: Identity) -> LoggedLeaf:
        seal = seal_of(order, served, os.urandom(SALT_BYTES))
        leaf = leaf_of(seal, decision, court, self.outside.author, self.outside.clock())
        logged = await self.outside.ledger.append(leaf)
        self.store.keep_seal(logged.index, seal)
        _log.info("order.answered", reference=order.reference, decision=decision, leaf=logged.index)
        return logged

    def _reached(self, subject: Message | Traffic) -> Page:
        if isinstance(subject, Message):
            return Page(() if self.store.copy(subject.mid) is None else (subject.mid,))
        if subject.after is not None and self.store.copy(subject.after) is None:
            raise Yours("order.after", "Go on after the mid that the page before names as next.")
        return page_of(self.store.find_copies(subject, MAX_MESSAGES + 1))

    async def _produce(self, order: Order, decision: Decision, page: Page, logged: LoggedLeaf) -> OrderAnswer:
        """Open what an order reaches. Takes the logged leaf: nothing is opened before it stands in the log."""
        opened: list[Opened] = []
        sealed: list[Unreadable] = []
        for mid in page.mids:
            try:
                opened.append(await self.reader.read(mid))
            except TiersError as error:
                sealed.append(Unreadable(mid, error.code))
        return OrderAnswer(order.reference, decision, logged.index, tuple(opened), tuple(sealed), page.next)

    def _read_policy(self) -> OrderPolicy:
        try:
            return self.policy()
        except Yours as error:  # the customer's mistake and not the court's
            _log.error("order.policy", code=error.code, detail=error.detail)
            said = "Try again later: the customer must mend policy.toml (chmod 600 if others can read it)."
            raise Ours("order.policy", said) from None
