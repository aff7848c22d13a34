"""The models say what the README says, and each claim falls when the thing it rests on is taken away."""

import pytest

from kits.proverif.expected import MODELS, Claim, plain, promised, source, stated
from kits.proverif.resolution import decide
from kits.proverif.syntax import ModelError, parse


def verdicts(text: str) -> dict[str, bool]:
    return {plain(query): true for query, true in decide(parse(text)).items()}


@pytest.fixture(scope="module")
def decided() -> dict[str, dict[str, bool]]:
    return {model: verdicts(source(model)) for model in MODELS}


def test_the_readme_and_the_models_list_the_same_claims_in_the_same_words() -> None:
    expected = [Claim(row.model, row.query, row.claim) for row in promised()]

    assert expected == [claim for model in MODELS for claim in stated(model)]
    assert len(expected) == sum(source(model).count("\nquery ") for model in MODELS)


@pytest.mark.parametrize("row", promised(), ids=lambda row: f"{row.model}: {row.query}")
def test_every_claim_stands_as_the_readme_says(row: Claim, decided: dict[str, dict[str, bool]]) -> None:
    if row.result == "not true":
        assert "inj-event" in row.query  # ProVerif alone decides it
        return

    assert decided[row.model][plain(row.query)] == (row.result == "true")


def test_every_control_fails_and_every_other_claim_holds() -> None:
    wrong = [row for row in promised() if row.claim.startswith("Control: ") != (row.result == "false")]

    assert [row.query for row in wrong if row.result != "not true"] == []


SPOILED = [
    ("a grant one node too wide opens the minute before", "consumer",
     "right(left(root(own, alice)))", "left(root(own, alice))", "attacker(before)"),
    ("a grant of two nodes too many opens the minute after", "consumer",
     "left(right(root(own, alice)))", "right(root(own, alice))", "attacker(after)"),
    ("a child that leads back to its parent opens everything around it", "consumer",
     "fun left(node): node.", "fun left(node): node. reduc forall n: node; up(left(n)) = n.", "attacker(after)"),
    ("a handset that forgets to erase opens its past", "consumer",
     "right(left(root(own, carol)))", "left(root(own, carol))", "attacker(drained)"),
    ("admission without the header in the wrapping key translates", "consumer",
     "fun wrap_key(node, protected): symmetric.",
     "fun of_leaf(node): symmetric. reduc forall n: node, h: protected; wrap_key(n, h) = of_leaf(n).",
     "attacker(not_for_eve)"),
    ("a master that is known opens untasked people", "consumer",
     "out(net, taken)", "out(net, own)", "attacker(untasked)"),
    ("a key server's key that is known opens the customer's mail", "enterprise",
     "out(net, (globex, bes_hpke(globex)))", "out(net, (globex, bes_hpke(acme)))", "attacker(pinned)"),
    ("an entry that is not checked for its PIN opens the message to whoever is entered", "enterprise",
     "entry(=you, yours: hpke_public, unused: sign_public)",
     "entry(who: pin, yours: hpke_public, unused: sign_public)", "attacker(pinned)"),
    ("a sender's entry that is not checked for its PIN lets a colleague forge", "enterprise",
     "entry(=peer, unused: hpke_public, theirs: sign_public) = verify(listed, sign_pk(org)) in\n  let inner(=h",
     "entry(who: pin, unused: hpke_public, theirs: sign_public) = verify(listed, sign_pk(org)) in\n  let inner(=h",
     "event(accepted(acme,alice,bob,t))==>event(sent(acme,alice,bob,t))"),
    ("a signature that is not compared with the header is handed on", "enterprise",
     "let inner(=h, =hpke_pk(device_hpke(org, me))", "let inner(other: protected, mine: hpke_public",
     "event(accepted(acme,alice,bob,t))==>event(sent(acme,alice,bob,t))"),
    ("a key of the receiver's that is not compared is passed on", "enterprise",
     "=hpke_pk(device_hpke(org, me)), =hpke_pk(bes_hpke(org))", "mine: hpke_public, =hpke_pk(bes_hpke(org))",
     "event(accepted(acme,alice,bob,t))==>event(sealed_to(acme,alice,bob,hpke_pk(device_hpke(acme,bob)),t))"),
    ("one reader who does not compare is shown another text", "one_text",
     "  let header(again: bitstring, =commit(two)) = h in\n", "", "attacker(two_texts)"),
    ("a carrier that does not compare passes another key on", "one_text",
     "  let header(said: bitstring, =commit(first(a))) = h in\n", "", "attacker(admitted_another)"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "old", "new", "query"), [case[1:] for case in SPOILED], ids=[c[0] for c in SPOILED])
def test_a_spoiled_model_loses_the_claim(
    model: str, old: str, new: str, query: str, decided: dict[str, dict[str, bool]]
) -> None:
    assert source(model).count(old) == 1
    assert decided[model][query]

    assert not verdicts(source(model).replace(old, new))[query]


TOY = """
type key. free net: channel. free k: key [private]. free x: bitstring [private].
fun seal(bitstring, key): bitstring. reduc forall m: bitstring, n: key; unseal(seal(m, n), n) = m.
query attacker(x).
"""


@pytest.mark.parametrize(("process", "kept"), [
    ("out(net, seal(x, k))", True),
    ("( out(net, seal(x, k)) ) | ( in(net, c: bitstring); let m = unseal(c, k) in out(net, (m, k)) )", False),
    ("in(net, (a: bitstring, b: key)); let seal2 = seal(x, b) in out(net, seal2)", False),
    ("( out(net, seal(x, k)) ) | ( in(net, n: key); out(net, seal(x, k)) )", True),
])  # fmt: skip
def test_the_resolution_knows_small_cases(process: str, kept: bool) -> None:
    assert verdicts(f"{TOY} process {process}") == {"attacker(x)": kept}


@pytest.mark.parametrize("process", [
    "out(net, seal(k, x))",
    "out(net, unknown)",
    "out(other, x)",
    "out(net, x) yield",
    "phase 1; out(net, x)",
    "let seal(a, b) = x in out(net, b)",
])  # fmt: skip
def test_what_the_reader_does_not_know_or_cannot_type_is_refused(process: str) -> None:
    with pytest.raises(ModelError):
        parse(f"{TOY} process {process}")
