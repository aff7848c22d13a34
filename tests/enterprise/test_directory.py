import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.enterprise import ACME, ALICE, BOB, ERIN, GINA, GLOBEX, NOW, outcome, verify_lookup
from tiers.enterprise.directory import PinnedPartner, check_asks, check_partner, nobody_has, verify_partner_answer
from tiers.wire.api.enterprise import AddPartner, Lookup, Revoke, Roots, Rotate, Rotated
from tiers.wire.api.gateway import Done
from tiers.wire.enterprise.directory import (
    BES_TYP,
    ENTRY_TYP,
    BesKey,
    Entry,
    sign_statement,
    verify_bes_key,
    verify_entry,
)
from tiers.wire.errors import Conflict, Forbidden, Missing, Ours, Policy, TiersError, Unauthenticated, Yours
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import SigningKey
from tiers.wire.message.proof import GOOD_FOR_MS
from tiers.wire.message.sealing import HpkePrivateKey

THEIRS = SigningKey(b"g" * 32)
PARTNER = PinnedPartner(GLOBEX, THEIRS.public, "https://127.0.0.1:1")
HPKE = HpkePrivateKey(b"h" * 32).public.jwk()


def entry(org=GLOBEX, pin=GINA, key=b"d"):
    return Entry(org, pin, 1, HPKE, SigningKey(key * 32).public.jwk(), NOW)


def lookup(root=THEIRS, org=GLOBEX, **changed):
    signed = {
        "entry": sign_statement(root, org, ENTRY_TYP, entry(org)),
        "bes": sign_statement(root, org, BES_TYP, BesKey(org, 1, HPKE, NOW)),
    }
    return Lookup(**signed | changed)


async def test_a_device_looks_up_a_colleague_and_the_key_server(acme, alice):
    bob = await acme.hire(BOB)
    found = await alice.look_up(BOB)
    assert (found.entry.sign, found.entry.hpke) == (bob.sign.public.jwk(), bob.hpke.public.jwk())
    assert found.bes.hpke == acme.keys.key(1).public.jwk()


async def test_a_device_looks_up_a_partners_employee_with_its_own_root_alone(town, globex, alice):
    gina = await globex.hire(GINA)
    await town.exchange_roots()
    found = await alice.look_up(GINA)
    assert (found.entry.org, found.entry.sign) == (GLOBEX, gina.sign.public.jwk())
    assert found.bes.hpke == globex.keys.key(1).public.jwk()


async def test_a_partners_answer_is_worth_nothing_without_the_own_roots_word(town, globex, alice):
    await globex.hire(GINA)
    await town.exchange_roots()
    said = await alice.ask("GET", f"/v1/directory/{GINA}", Lookup)
    with pytest.raises(Yours, match=r"^directory\."):
        verify_lookup(msgspec.structs.replace(said, partner=None), GINA, alice.pinned)


async def test_a_partner_that_is_not_pinned_is_refused(acme, globex, alice):
    with pytest.raises(Forbidden, match=r"^partner\.unknown"):
        await acme.ask(f"customer/{GLOBEX}", "GET", f"/v1/directory/{ALICE}", Lookup)
    # Pinned on one side only: the other side still refuses, and our own device learns that it is no plain "unknown".
    await globex.hire(GINA)
    await acme.pin_partner(globex)
    with pytest.raises(Forbidden, match=r"^partner\.unverified"):
        await alice.look_up(GINA)


async def test_a_key_that_the_partners_server_swapped_is_caught(town, globex, alice, events):
    await globex.hire(GINA)
    await town.exchange_roots()
    thief = SigningKey(b"t" * 32)
    swapped = sign_statement(thief, GLOBEX, ENTRY_TYP, entry(key=b"t"))
    globex.store.activate(msgspec.structs.replace(entry(), generation=2), swapped)
    with pytest.raises(Forbidden, match=r"^partner\.unverified"):
        await alice.look_up(GINA)
    assert {"org": GLOBEX, "code": "directory.signature"}.items() <= next(
        event for event in events if event["event"] == "partner.failed"
    ).items()


async def test_a_root_that_is_not_the_pinned_one_is_caught(acme, globex, alice):
    await globex.hire(GINA)
    await globex.pin_partner(acme)
    wrong = AddPartner(SigningKey(b"x" * 32).public.jwk(), globex.url)
    await acme.administer("PUT", f"/v1/partners/{GLOBEX}", Done, wrong)
    with pytest.raises(Forbidden, match=r"^partner\.unverified"):
        await alice.look_up(GINA)
    await acme.pin_partner(globex)
    assert (await alice.look_up(GINA)).entry.org == GLOBEX


@pytest.mark.usefixtures("globex")
async def test_a_pin_that_nobody_has_is_missing_everywhere(town, alice):
    await town.exchange_roots()
    for pin in (ERIN, "00000000"):
        with pytest.raises(Missing, match=r"^directory\.unknown"):
            await alice.look_up(pin)


async def test_a_silent_partner_is_not_taken_for_a_no(acme, alice):
    await acme.administer("PUT", f"/v1/partners/{GLOBEX}", Done, AddPartner(THEIRS.public.jwk(), "https://127.0.0.1:1"))
    with pytest.raises(Ours, match=r"^partner\.unavailable"):
        await alice.look_up(GINA)


async def test_a_partner_never_asks_on_for_a_partner(town, acme, globex):
    await globex.hire(GINA)
    await town.exchange_roots()
    with pytest.raises(Missing, match=r"^directory\.unknown"):
        await acme.ask(f"customer/{GLOBEX}", "GET", f"/v1/directory/{GINA}", Lookup)


async def test_nobody_looks_up_without_an_activated_device(acme, globex, alice):
    stranger = await globex.hire(GINA)
    stranger.customer = acme
    with pytest.raises(Yours, match=r"^request\.proof"):
        await stranger.ask("GET", f"/v1/directory/{ALICE}", Lookup)
    with pytest.raises(Yours, match=r"^request\.proof"):
        await alice.ask("GET", f"/v1/directory/{ALICE}", Lookup, proof=False)
    alice.sign = SigningKey(b"o" * 32)
    with pytest.raises(Yours, match=r"^request\.proof"):
        await alice.ask("GET", f"/v1/directory/{ALICE}", Lookup)


async def test_a_proof_that_is_too_old_is_refused(acme, alice, monkeypatch):
    monkeypatch.setattr(acme.town, "clock", lambda: NOW - GOOD_FOR_MS - 1)
    with pytest.raises(Yours, match=r"^request\.stale"):
        await alice.ask("GET", f"/v1/directory/{ALICE}", Lookup)


@pytest.mark.parametrize("path", ["A11CE001", "a11ce00", "..%2Froot", "a11ce001%0A", "a11ce001x"])
async def test_a_path_that_is_no_pin_reaches_no_partner(alice, path):
    with pytest.raises(TiersError, match=r"^request\.(path|proof|unknown)"):
        await alice.ask("GET", f"/v1/directory/{path}", Lookup)


async def test_a_revoked_device_is_forgotten_here_and_at_the_relay(town, acme, alice):
    bob = await acme.hire(BOB)
    await acme.administer("POST", "/v1/revocations", Done, Revoke(BOB))
    assert BOB not in town.relay.devices
    with pytest.raises(Missing, match=r"^directory\.unknown"):
        await alice.look_up(BOB)
    with pytest.raises(Yours, match=r"^request\.proof"):
        await bob.look_up(ALICE)


async def test_revoking_while_the_relay_is_down_holds_here_and_is_finished_by_asking_again(town, acme, alice):
    await acme.hire(BOB)
    town.relay.down = True
    with pytest.raises(Ours, match=r"^gateway\.unavailable"):
        await acme.administer("POST", "/v1/revocations", Done, Revoke(BOB))
    with pytest.raises(Missing, match=r"^directory\.unknown"):
        await alice.look_up(BOB)
    town.relay.down = False
    for _ in range(2):
        assert await acme.administer("POST", "/v1/revocations", Done, Revoke(BOB)) == Done()
    assert set(town.relay.devices) == {ALICE}


async def test_revoking_takes_the_open_password_too(acme, alice):
    password = await acme.password(ALICE)
    await acme.administer("POST", "/v1/revocations", Done, Revoke(ALICE))
    with pytest.raises(Yours, match=r"^activation\.password"):
        await alice.activate(password)


@pytest.mark.usefixtures("alice")
async def test_a_device_that_comes_back_after_revocation_gets_a_new_kid(acme):
    await acme.administer("POST", "/v1/revocations", Done, Revoke(ALICE))
    assert (await acme.hire(ALICE)).pinned.entry.generation == 2


async def test_revoking_somebody_unknown_is_missing(acme):
    with pytest.raises(Missing, match=r"^directory\.unknown"):
        await acme.administer("POST", "/v1/revocations", Done, Revoke(ERIN))


async def test_after_a_rotation_every_look_up_brings_the_new_key(town, acme, globex, alice):
    gina = await globex.hire(GINA)
    await town.exchange_roots()
    rotated = await acme.administer("POST", "/v1/rotations", Rotated, Rotate())
    assert (rotated.generation, rotated.destroyed) == (2, ())
    assert verify_bes_key(rotated.bes, ACME, acme.keys.root.public).hpke == acme.keys.key(2).public.jwk()
    assert (await alice.look_up(ALICE)).bes.generation == 2
    assert (await gina.look_up(ALICE)).bes.generation == 2


async def test_the_root_is_given_to_partners_and_to_the_own_administrator(acme):
    root = Roots(ACME, acme.keys.root.public.jwk())
    assert await acme.administer("GET", "/v1/root", Roots) == root
    assert await acme.ask(f"customer/{GLOBEX}", "GET", "/v1/root", Roots) == root
    for who in (f"administrator/{GLOBEX}", "court/in", "gateway/1"):
        with pytest.raises(Forbidden, match=r"^request\."):
            await acme.ask(who, "GET", "/v1/root", Roots)


async def test_a_customer_is_no_partner_of_its_own(acme):
    own = AddPartner(acme.keys.root.public.jwk(), acme.url)
    for org in (ACME, GLOBEX):
        with pytest.raises(Conflict, match=r"^partner\.self"):
            await acme.administer("PUT", f"/v1/partners/{org}", Done, own)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lookup(), None),
        (lookup(root=SigningKey(b"x" * 32)), "directory.signature"),
        (lookup(org=ACME), "directory.root"),
        (lookup(entry=sign_statement(THEIRS, GLOBEX, ENTRY_TYP, entry(org=ACME))), "directory.org"),
        (lookup(entry=sign_statement(THEIRS, GLOBEX, ENTRY_TYP, entry(pin=ERIN))), "directory.pin"),
        (lookup(bes=sign_statement(THEIRS, GLOBEX, ENTRY_TYP, entry())), "directory.signature"),
        (lookup(partner="x"), "directory.partner"),
    ],
)
def test_a_partners_answer_is_believed_only_whole(answer, code):
    if code is None:
        assert verify_partner_answer(answer, GINA, PARTNER).entry == entry()
        return
    with pytest.raises(Yours) as caught:
        verify_partner_answer(answer, GINA, PARTNER)
    assert caught.value.code == code


@given(st.text() | st.just(lookup().entry), st.text() | st.just(lookup().bes), st.none() | st.text())
def test_nothing_but_our_own_errors_escapes_from_a_partners_answer(entry_token, bes, partner):
    answer = Lookup(entry_token, bes, partner)
    done = outcome(lambda: verify_partner_answer(answer, GINA, PARTNER).answer)
    assert done == lookup() or done.code.startswith("directory.")


@given(st.sampled_from(Role), st.sampled_from([GLOBEX, ACME, "x"]))
def test_only_a_pinned_customer_asks_as_a_partner(role, name):
    done = outcome(lambda: check_asks(Identity(role, name), {GLOBEX: PARTNER}))
    assert (done == PARTNER) == ((role, name) == (Role.CUSTOMER, GLOBEX))
    assert done == PARTNER or done.code == "partner.unknown"


failures = st.dictionaries(
    st.sampled_from([ACME, GLOBEX]),
    st.sampled_from(
        [Ours("customer.unavailable", "x"), Yours("directory.signature", "x"), Forbidden("partner.x", "x")]
    ),
)


@given(failures)
def test_a_lie_weighs_more_than_silence_and_silence_more_than_unknown(failed):
    kinds = {type(error) for error in failed.values()}
    expected = Policy if kinds - {Ours} else Ours if kinds else Missing
    assert type(nobody_has(failed)) is expected


def test_a_partner_with_our_root_is_refused_before_it_is_pinned():
    with pytest.raises(Conflict, match=r"^partner\.self"):
        check_partner(PARTNER, ACME, THEIRS.public)
    assert check_partner(PARTNER, ACME, SigningKey(b"o" * 32).public) == PARTNER


def test_the_own_root_signed_the_entry_that_is_given_out():
    token = sign_statement(THEIRS, GLOBEX, ENTRY_TYP, entry())
    assert verify_entry(token, GLOBEX, THEIRS.public) == entry()
    assert Unauthenticated.status == 401
