"""The rules and the symbolic closure: the policy follows from what it says is held, and a solver agrees."""

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.solver import as_atoms, program, solve
from tiers.lab.attack.derive.attacker import OPERATIONS
from tiers.lab.attack.derive.closure import HOLDINGS, close, expand
from tiers.lab.attack.derive.rules import FORGING, RULES
from tiers.lab.attack.derive.scene import relations, told
from tiers.lab.attack.vantages import VANTAGES, controls
from tiers.lab.matrix.matrix import REFERENCE, derive
from tiers.lab.matrix.policy import load_policy
from tiers.lab.world.arrangement import load
from tiers.lab.world.cast import HANDSETS
from tiers.measure.derive.closure import Forge, forges
from tiers.measure.derive.rules import Fact, indexed, is_variable, match, matches, substitute
from tiers.measure.matrix.matrix import Content
from tiers.wire.errors import Yours

POLICY = load_policy()
STORY = told()
WORLD = relations(STORY)
FILES = files("tiers.lab.world") / "arrangements"
ARRANGEMENTS = sorted(path.name.removesuffix(".toml") for path in FILES.iterdir())
KEYS = [case.key for case in STORY]


@pytest.mark.parametrize("vantage", VANTAGES, ids=lambda one: one.id)
def test_what_is_declared_follows_from_what_is_held(vantage: object) -> None:
    name = vantage.id  # type: ignore[attr-defined]
    derived = derive(POLICY, STORY)
    declared = {
        key: (Content.READS if POLICY.reads(name, key) else Content.SEALED, POLICY.forges(name, key)) for key in KEYS
    }
    assert {key: derived[name, key] for key in KEYS} == declared


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_the_closure_of_an_arrangement_is_what_its_file_declares(name: str) -> None:
    arranged = load(name)
    derived = derive(POLICY, arranged=arranged)
    for channel, key in REFERENCE.items():
        reads = {who for who in POLICY.vantages if derived[who, key][0] is Content.READS} - {"auditor-outside-window"}
        assert reads == set(arranged.side(channel).who_reads)


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_an_independent_solver_closes_every_arrangement_the_same(name: str) -> None:
    arranged = load(name)
    world = relations(STORY, arranged)
    for holds in (["ciphertext", "handset:receiver"], ["ciphertext", "master", "judge-key", "grant:alice"]):
        held = expand(holds, STORY[1], STORY, arranged)
        assert solve(program(held, world, RULES)) == as_atoms(close(held, world) | world)


@pytest.mark.parametrize("name", POLICY.vantages)
def test_an_independent_solver_closes_the_same(name: str) -> None:
    for case in STORY:
        held = expand(POLICY.vantages[name].holds, case, STORY)
        assert solve(program(held, WORLD, RULES)) == as_atoms(close(held, WORLD) | WORLD)


WORDS = [word for word in HOLDINGS if word not in {"grant", "customer", "handset", "emptied-handset"}]
HELD = st.one_of(
    st.sampled_from(WORDS),
    st.builds("grant:{}".format, st.sampled_from(["alice", "priya"])),
    st.builds("customer:{}".format, st.sampled_from(["S50000001", "S50000002"])),
    st.builds(
        "{}:{}".format, st.sampled_from(["handset", "emptied-handset"]), st.sampled_from([p.name for p in HANDSETS])
    ),
)


@given(st.lists(HELD, max_size=6), st.sampled_from(STORY))
def test_any_holdings_close_the_same_in_both(holds: list[str], case: object) -> None:
    facts = expand(holds, case, STORY)  # type: ignore[arg-type]
    assert solve(program(facts, WORLD, RULES)) == as_atoms(close(facts, WORLD) | WORLD)


@given(st.lists(HELD, max_size=4), st.lists(HELD, max_size=4), st.sampled_from(STORY))
def test_holding_more_never_opens_less(fewer: list[str], more: list[str], case: object) -> None:
    small = close(expand(fewer, case, STORY), WORLD)  # type: ignore[arg-type]
    large = close(expand([*fewer, *more], case, STORY), WORLD)  # type: ignore[arg-type]
    assert small <= large


def test_one_half_of_a_hybrid_key_opens_nothing() -> None:
    kid = "org/S50000001/3100000b/1"
    sealed = expand(["ciphertext"], STORY[4], STORY)
    assert ("plaintext", "bes-bbm") not in close(sealed | {("mlkem", kid)}, WORLD)
    assert ("plaintext", "bes-bbm") not in close(sealed | {("x25519", kid)}, WORLD)
    assert ("plaintext", "bes-bbm") in close(sealed | {("mlkem", kid), ("x25519", kid)}, WORLD)


def test_a_grant_without_its_key_opens_nothing() -> None:
    held = expand(["grant:alice", "grant:priya", "ciphertext"], STORY[1], STORY)
    assert not [fact for fact in close(held, WORLD) if fact[0] in {"leaf", "cek", "plaintext"}]


def test_without_the_ciphertext_the_master_reads_nothing() -> None:
    assert not [fact for fact in close({("master",)}, WORLD) if fact[0] == "plaintext"]


def test_every_rule_is_executed_somewhere() -> None:
    assert set(OPERATIONS) | FORGING == {rule.name for rule in RULES}


def test_what_a_rule_gives_hangs_on_what_it_needs() -> None:
    for rule in RULES:
        bound = {term for fact in (*rule.needs, *rule.where) for term in fact[1:] if is_variable(term)}
        assert {term for term in rule.gives[1:] if is_variable(term)} <= bound, rule.name


def test_a_variable_stands_for_one_thing_at_a_time() -> None:
    assert match(("sealed", "M", "M"), ("sealed", "a", "b"), {}) is None
    assert match(("sealed", "M", "M"), ("sealed", "a", "a"), {}) == {"M": "a"}
    pairs = matches((("cek", "M"), ("sealed", "M")), indexed([("cek", "a"), ("cek", "b"), ("sealed", "b")]))
    assert [substitute(("plaintext", "M"), bound) for _, bound in pairs] == [("plaintext", "b")]


def test_a_forgery_that_nobody_delivers_needs_the_relay() -> None:
    forged: frozenset[Fact] = frozenset({("forged", "bbm", "now")})
    assert forges(forged, "bbm") is Forge.WITH_RELAY
    assert forges(forged | {("delivers", "bbm")}, "bbm") is Forge.YES
    assert forges(frozenset({("forged", "bbm", "then"), ("delivers", "bbm")}), "bbm") is Forge.BRIEFLY
    assert forges(frozenset({("delivers", "bbm")}), "bbm") is Forge.NO


@pytest.mark.parametrize("holds", [["the moon"], ["handset:nobody"], ["emptied-handset"]])
def test_a_holding_that_nobody_knows_is_refused(holds: list[str]) -> None:
    with pytest.raises(Yours, match=r"policy\.holds"):
        expand(holds, STORY[0], STORY)


def test_every_vantage_point_is_declared_measured_and_has_a_control() -> None:
    watched = {control.source for control in controls(KEYS)}
    assert set(POLICY.vantages) == {vantage.id for vantage in VANTAGES}
    for vantage in VANTAGES:
        for case in STORY:
            assert watched >= set(vantage.of(case.sender, case.receiver)) - {"log:store"}, vantage.id


def test_the_vantage_points_of_the_design_are_all_there() -> None:
    design = """link gateway store logs carrier-keys operator auditor auditor-none auditor-expired auditor-wrong-subject
    auditor-outside-window court ledger state customer sender receiver seized-handset other-subscriber
    gateway-and-subscriber other-employee other-customer"""
    assert {vantage.id for vantage in VANTAGES} >= set(design.split())
