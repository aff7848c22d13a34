"""Decisions about warrants, without a socket: the log here is a list, the relay a set of tasks."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kits.carrier import AUDITOR, MINUTE, NOW, TARGET, Log, claims, verified
from tiers.carrier import lawful
from tiers.carrier.lawful import (
    Activate,
    Authorisation,
    Deactivate,
    Word,
    authorise,
    check_grant,
    check_new,
    check_product,
)
from tiers.wire.errors import Conflict, Policy, TiersError
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.keytree import epoch_of
from tiers.wire.lawful.release import AskGrant
from tiers.wire.lawful.warrant import (
    MAX_WORD_MS,
    SKEW_MS,
    Claims,
    Delivery,
    Status,
    StatusStatement,
    Window,
    seal_of,
)
from tiers.wire.log.leaf import Author, encode_leaf, verify_opening

HERE = Author(Identity(Role.CARRIER, "in"), "IN")
KEYS = {"auditor/cbi/1": AUDITOR.public.jwk()}
LATER = NOW + 20 * MINUTE
HOUR = 60 * MINUTE


def served(**members) -> Authorisation:
    """A warrant that is logged and whose task stands."""
    auth = taken_on(claims(**members))
    auth = lawful.logged(auth, Log().prove(auth.outbox[0]))
    return lawful.activated(lawful.tasking(auth, "xid"))


def taken_on(of: Claims, now: int = NOW) -> Authorisation:
    return authorise(HERE, verified(of), word(of), now)


def word(of: Claims, status: Status = Status.APPROVED, serial: int = 1, at: int = NOW) -> Word:
    said = StatusStatement(of.jti, seal_of(of).commit(), status, serial, at, at + MAX_WORD_MS)
    return Word(said, "as signed")


def said(auth: Authorisation, status: Status, serial: int) -> Word:
    return word(auth.claims, status, serial)


def ask(auth: Authorisation, start: int = NOW, until: int = NOW + 5 * MINUTE) -> AskGrant:
    return AskGrant(auth.claims.jti, start, until, "n" * 22)


SERVED = served()


def refusal(call, *args, **options) -> str:
    with pytest.raises(TiersError) as refused:
        call(*args, **options)
    return refused.value.code


def test_nothing_is_done_at_the_relay_before_the_warrant_is_logged():
    auth = taken_on(claims())

    assert lawful.next_step(auth, NOW, "xid") is None
    assert [leaf.type for leaf in auth.outbox] == ["warrant.served"]


def test_a_logged_warrant_gets_a_task_under_a_fresh_xid():
    auth = taken_on(claims())
    auth = lawful.logged(auth, Log().prove(auth.outbox[0]))

    assert lawful.next_step(auth, NOW, "xid") == Activate("xid")


def test_a_task_that_may_stand_is_asked_for_again_under_the_same_xid():
    auth = taken_on(claims())
    auth = lawful.tasking(lawful.logged(auth, Log().prove(auth.outbox[0])), "first")

    assert lawful.next_step(auth, NOW, "second") == Activate("first")


def test_a_task_that_may_stand_is_taken_away_when_the_warrant_is_suspended():
    auth = taken_on(claims())
    auth = lawful.tasking(lawful.logged(auth, Log().prove(auth.outbox[0])), "first")
    auth = lawful.heed(auth, said(auth, Status.SUSPENDED, 2))

    assert lawful.next_step(auth, NOW, "second") == Deactivate("first")


def test_a_leaf_names_neither_target_nor_liid():
    auth = taken_on(claims())

    entry = encode_leaf(auth.outbox[0])

    assert TARGET.encode() not in entry
    assert auth.claims.liid.encode() not in entry
    assert auth.claims.jti.encode() not in entry


def test_a_warrant_that_the_court_has_suspended_or_cancelled_is_not_taken_on():
    warrant = verified(claims())
    for status, code in ((Status.SUSPENDED, "warrant.suspended"), (Status.CANCELLED, "warrant.cancelled")):
        assert refusal(authorise, HERE, warrant, word(warrant.claims, status, 3), NOW) == code


def test_a_warrant_on_which_the_court_has_said_nothing_is_not_taken_on():
    assert refusal(authorise, HERE, verified(claims()), None, NOW) == "warrant.no_word"


def test_a_warrant_is_taken_on_by_a_word_that_holds():
    warrant = verified(of := claims())
    assert refusal(authorise, HERE, warrant, word(of, at=NOW - MAX_WORD_MS), NOW) == "warrant.stale"


@pytest.mark.parametrize("late", [SKEW_MS + 1, 10 * MINUTE, 29 * MINUTE])
def test_a_warrant_whose_window_began_before_it_is_served_is_not_taken_on(late):
    of = claims()
    assert taken_on(of, NOW + SKEW_MS)
    assert refusal(authorise, HERE, verified(of), word(of), NOW + late) == "warrant.past"


def test_a_newer_word_of_the_court_is_shown_to_the_relay_under_the_same_xid():
    auth = lawful.heed(auth := served(), said(auth, Status.APPROVED, 2))

    assert lawful.next_step(auth, NOW, "other") == Activate("xid")
    assert lawful.next_step(lawful.activated(auth), NOW, "other") is None


def test_without_a_word_that_holds_there_is_no_task_no_key_and_no_product():
    auth = served(exp=NOW // 1000 + 10 * 24 * 3600)
    stale = NOW + MAX_WORD_MS

    assert lawful.next_step(auth, stale - 1, "other") is None
    assert lawful.next_step(auth, stale, "other") == Deactivate("xid")
    assert refusal(check_grant, auth, ask(auth), "cbi", KEYS, stale) == "warrant.stale"
    assert refusal(check_product, auth, "cbi", stale) == "warrant.stale"
    back = lawful.heed(lawful.deactivated(auth), word(auth.claims, serial=2, at=stale))
    assert lawful.next_step(back, stale, "fresh") == Activate("fresh")


def test_a_warrant_whose_task_stands_is_not_served_twice():
    auth = served()

    assert refusal(check_new, auth, verified(auth.claims)) == "warrant.already_served"


def test_another_warrant_under_the_same_jti_is_refused():
    auth = served()

    assert refusal(check_new, auth, verified(claims(jti=auth.claims.jti, sub="2100000c"))) == "warrant.other_jti"


def test_a_warrant_that_was_left_half_done_is_taken_up_again():
    auth = taken_on(said := claims())

    assert check_new(lawful.turned_down(auth), verified(said)) == auth


def test_a_statement_counts_once_and_an_older_one_never():
    auth = served()
    suspended = lawful.heed(auth, said(auth, Status.SUSPENDED, 3))

    assert lawful.heed(suspended, said(auth, Status.SUSPENDED, 3)) == suspended
    assert refusal(lawful.heed, suspended, said(auth, Status.APPROVED, 3)) == "warrant.serial"
    assert refusal(lawful.heed, suspended, said(auth, Status.APPROVED, 2)) == "warrant.serial"
    assert lawful.heed(suspended, said(auth, Status.APPROVED, 4)).status is Status.APPROVED


def test_a_cancelled_warrant_stays_cancelled():
    auth = served()
    cancelled = lawful.heed(auth, said(auth, Status.CANCELLED, 2))

    assert refusal(lawful.heed, cancelled, said(auth, Status.APPROVED, 3)) == "warrant.transition"
    assert lawful.advance(cancelled, HERE, NOW + 2 * HOUR).status is Status.CANCELLED


def test_the_clock_ends_a_warrant_to_the_millisecond():
    auth = served()
    end = auth.claims.exp * 1000

    assert lawful.next_step(lawful.advance(auth, HERE, end - 1), end - 1, "other") is None
    assert lawful.next_step(auth, end, "other") == Deactivate("xid")
    assert [leaf.type for leaf in lawful.advance(auth, HERE, end).outbox] == ["warrant.expired", "seal.opened"]


def test_a_seal_is_opened_for_everybody_after_its_date():
    log, auth = Log(), taken_on(claims())
    auth = lawful.logged(auth, log.prove(auth.outbox[0]))

    opened = lawful.advance(auth, HERE, auth.claims.exp * 1000).outbox[-1]

    seal = verify_opening(opened, log.leaves[0])
    assert seal.commit() == seal_of(auth.claims).commit()


def test_a_grant_covers_what_was_asked_and_no_minute_more():
    auth = served()

    order = check_grant(auth, ask(auth), "cbi", KEYS, LATER)

    assert (order.start, order.end) == (epoch_of(NOW), epoch_of(NOW) + 5)


def test_a_grant_needs_a_warrant():
    assert refusal(check_grant, None, ask(served()), "cbi", KEYS, LATER) == "grant.no_warrant"


def test_a_grant_needs_a_logged_warrant():
    auth = taken_on(claims())

    assert refusal(check_grant, auth, ask(auth), "cbi", KEYS, LATER) == "grant.no_warrant"


def test_another_agency_gets_no_grant():
    auth = served()
    keys = KEYS | {"auditor/ib/1": AUDITOR.public.jwk()}

    assert refusal(check_grant, auth, ask(auth), "ib", keys, LATER) == "grant.agency"


def test_an_agency_whose_key_is_not_pinned_gets_no_grant():
    assert refusal(check_grant, SERVED, ask(SERVED), "cbi", {}, LATER) == "grant.key"


@pytest.mark.parametrize(
    ("status", "code"), [(Status.SUSPENDED, "warrant.suspended"), (Status.CANCELLED, "warrant.cancelled")]
)
def test_a_warrant_out_of_force_gives_neither_grant_nor_product(status, code):
    auth = served()
    auth = lawful.heed(auth, said(auth, status, 2))

    assert refusal(check_grant, auth, ask(auth), "cbi", KEYS, LATER) == code
    assert refusal(check_product, auth, "cbi", LATER) == code


def test_an_expired_warrant_gives_nothing_even_before_the_sweep_has_seen_it():
    auth = served()

    assert refusal(check_grant, auth, ask(auth), "cbi", KEYS, auth.claims.exp * 1000) == "warrant.expired"
    assert refusal(check_product, auth, "cbi", auth.claims.exp * 1000) == "warrant.expired"


def test_a_warrant_that_has_expired_gives_nothing_when_the_clock_comes_back():
    auth = lawful.advance(served(), HERE, NOW + HOUR)

    assert refusal(check_grant, auth, ask(auth), "cbi", KEYS, LATER) == "warrant.expired"
    assert refusal(check_product, auth, "cbi", LATER) == "warrant.expired"
    assert lawful.next_step(auth, LATER, "fresh") == Deactivate("xid")


@pytest.mark.parametrize(
    ("start", "until"),
    [
        (NOW - MINUTE, NOW + MINUTE),
        (NOW + 29 * MINUTE, NOW + 31 * MINUTE),
        (NOW, NOW),
        (NOW + 2 * MINUTE, NOW + MINUTE),
        (-1, 1),
        (0, 2**70),
    ],
)
def test_minutes_outside_the_window_stay_shut(start, until):
    assert refusal(check_grant, SERVED, ask(SERVED, start, until), "cbi", KEYS, NOW + 40 * MINUTE) == "grant.window"


def test_half_minutes_are_not_granted():
    assert refusal(check_grant, SERVED, ask(SERVED, NOW + 1), "cbi", KEYS, LATER) == "grant.minutes"


def test_a_minute_is_granted_once_it_has_passed_and_not_before():
    auth, end = served(), NOW + 5 * MINUTE

    assert refusal(check_grant, auth, ask(auth), "cbi", KEYS, end - 1) == "grant.future"
    assert check_grant(auth, ask(auth), "cbi", KEYS, end).end == epoch_of(end)


def test_a_warrant_for_metadata_grants_no_key():
    auth = served(delivery=Delivery.IRI)

    assert refusal(check_grant, auth, ask(auth), "cbi", KEYS, LATER) == "grant.metadata_only"


def test_the_product_is_for_the_agency_that_the_warrant_names():
    auth = served()

    assert check_product(auth, "cbi", LATER).auth == auth
    assert refusal(check_product, auth, "ib", LATER) == "product.agency"
    assert refusal(check_product, None, "cbi", LATER) == "product.no_warrant"


TIMES = (
    st.integers(-(2**40), 2**63)
    | st.integers(NOW - HOUR, NOW + 2 * HOUR)
    | st.integers(-60, 60).map(lambda minute: NOW + minute * MINUTE)
)


@given(TIMES, TIMES, TIMES, st.sampled_from(["cbi", "ib"]), st.sampled_from(list(Status)))
def test_a_grant_is_never_for_anything_but_elapsed_minutes_of_the_window_of_a_warrant_in_force(
    start, until, now, agency, status
):
    auth = msgspec.structs.replace(SERVED, word=word(SERVED.claims, status, 2))
    try:
        order = check_grant(auth, ask(auth, start, until), agency, KEYS, now)
    except TiersError as error:
        assert error.code.split(".")[0] in {"grant", "warrant"}
        return
    window = auth.claims.window
    assert agency == "cbi"
    assert status is Status.APPROVED
    assert window.start <= start < until <= min(window.until, now)
    assert auth.claims.nbf * 1000 <= now < auth.claims.exp * 1000
    assert (order.start, order.end) == (epoch_of(start), epoch_of(until))


def test_a_window_is_granted_to_its_last_minute():
    window = Window(NOW, NOW + 30 * MINUTE)

    assert check_grant(SERVED, ask(SERVED, window.start, window.until), "cbi", KEYS, window.until).end == epoch_of(
        window.until
    )


class Carrier(RuleBasedStateMachine):
    """Whatever the court says and whenever the clock ticks: no task without a logged warrant in force."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Log()
        self.now = NOW
        self.serial = 1
        self.auth = taken_on(claims())
        self.tasks: set[str] = set()
        self.drawn = 0

    @rule(status=st.sampled_from(list(Status)), skip=st.integers(-1, 2))
    def the_court_speaks(self, status, skip):
        try:
            spoken = word(self.auth.claims, status, max(self.serial + skip, 1), self.now)
            self.auth = lawful.heed(self.auth, spoken)
        except Conflict:
            return
        self.serial = self.auth.word.said.serial

    @rule(minutes=st.integers(0, 45))
    def time_passes(self, minutes):
        self.now += minutes * MINUTE
        self.auth = lawful.advance(self.auth, HERE, self.now)

    @rule(lost=st.booleans())
    def a_step_is_done_and_perhaps_its_answer_is_lost(self, lost):
        self.drawn += 1
        step = lawful.next_step(self.auth, self.now, f"xid-{self.drawn}")
        if isinstance(step, Activate):
            self.auth = lawful.tasking(self.auth, step.xid)
            self.tasks.add(step.xid)
            self.auth = self.auth if lost else lawful.activated(self.auth)
        elif isinstance(step, Deactivate):
            self.tasks.discard(step.xid)
            self.auth = self.auth if lost else lawful.deactivated(self.auth)

    @precondition(lambda self: self.auth.outbox)
    @rule(lost=st.booleans())
    def a_fact_is_logged_and_perhaps_its_answer_is_lost(self, lost):
        done = self.log.prove(self.auth.outbox[0])
        self.auth = self.auth if lost else lawful.logged(self.auth, done)

    @invariant()
    def the_relay_has_a_task_only_if_the_warrant_is_logged(self):
        assert not self.tasks or self.log.facts[0] == "warrant.served"

    @invariant()
    def there_is_one_task_at_most_and_the_carrier_knows_it(self):
        assert self.tasks <= {self.auth.xid}

    @invariant()
    def settling_leaves_a_task_exactly_while_the_warrant_is_in_force(self):
        auth, tasks = self.auth, set(self.tasks)
        log = Log()
        log.entries = list(self.log.entries)
        for number in range(20):
            step = lawful.next_step(auth, self.now, f"settled-{number}")
            if isinstance(step, Activate):
                auth = lawful.activated(lawful.tasking(auth, step.xid))
                tasks.add(step.xid)
            elif isinstance(step, Deactivate):
                auth = lawful.deactivated(auth)
                tasks.discard(step.xid)
            elif (auth := lawful.advance(auth, HERE, self.now)).outbox:
                auth = lawful.logged(auth, log.prove(auth.outbox[0]))
            else:
                break
        in_force = self.now < auth.claims.exp * 1000
        assert bool(tasks) == (auth.status is Status.APPROVED and in_force and self.now < auth.word.said.until)
        assert auth.finished == (not in_force)
        assert log.facts.count("warrant.served") == 1
        assert log.facts.count("seal.opened") == (0 if in_force else 1)
        assert TARGET.encode() not in b"".join(log.entries)


TestCarrier = Carrier.TestCase
TestCarrier.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_a_policy_refusal_is_policy():
    with pytest.raises(Policy):
        check_grant(SERVED, ask(SERVED), "cbi", KEYS, NOW)
