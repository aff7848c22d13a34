import asyncio
import sqlite3
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.enterprise import ALICE, BOB, NOW, Handset, outcome
from tiers.enterprise.activation import GOOD_FOR_MS, MAX_TRIES, OpenPassword, admit, is_good
from tiers.wire.api.enterprise import Activate, Activated, NewPassword, Password
from tiers.wire.enterprise import activation
from tiers.wire.enterprise.directory import verify_bes_key, verify_entry
from tiers.wire.errors import Forbidden, Ours, TiersError, Unauthenticated, Yours
from tiers.wire.keys.jose import SigningKey, VerifyKey
from tiers.wire.message.sealing import HpkePrivateKey

KEY = activation.activation_key("0" * 16)
SIGN, HPKE = SigningKey(b"s" * 32).public.jwk(), HpkePrivateKey(b"h" * 32).public.jwk()
ASKED = activation.request("0" * 16, ALICE, SIGN, HPKE)


async def refused(handset: Handset, password: str) -> tuple[int, bytes, str]:
    """Return everything that a refused device sees: status, body and headers but for the date."""
    session = await handset.customer.town.session(handset.customer.town.stack, "")
    raw, host = msgspec.json.encode(handset.request(password)), handset.customer.identity.host
    async with session.post(handset.customer.url + "/v1/activations", data=raw, server_hostname=host) as response:
        headers = repr(sorted(item for item in response.headers.items() if item[0] != "Date"))
        return response.status, await response.read(), headers


async def test_a_device_with_the_password_pins_the_root_and_is_known_to_the_relay(town, acme):
    handset = Handset(acme, ALICE)
    pinned = await handset.activate(await acme.password(ALICE))
    assert pinned.root == acme.keys.root.public
    assert (pinned.org, pinned.bes.generation, pinned.entry.generation) == (acme.org, 1, 1)
    assert pinned.entry.issued == NOW
    assert town.relay.devices == {ALICE: (handset.sign.public, f"customer/{acme.org}")}


async def test_every_way_to_be_wrong_looks_the_same_and_tells_nothing(town, acme):
    good = await acme.password(ALICE)
    wrong = "0" * 16 if good != "0" * 16 else "1" * 16
    seen = {await refused(Handset(acme, ALICE), wrong)}
    seen.add(await refused(Handset(acme, BOB), wrong))  # no password was ever issued for this PIN
    await Handset(acme, ALICE).activate(good)
    seen.add(await refused(Handset(acme, ALICE), good))  # used
    late = await acme.password(BOB)
    town.clock.now += GOOD_FOR_MS
    seen.add(await refused(Handset(acme, BOB), late))  # expired
    assert len(seen) == 1
    status, problem, _ = seen.pop()
    assert status == 401
    assert msgspec.json.decode(problem)["code"] == "activation.password"


async def test_a_password_dies_with_the_fifth_wrong_try(acme):
    password = await acme.password(ALICE)
    for _ in range(MAX_TRIES):
        await refused(Handset(acme, ALICE), "0" * 16)
    assert (await refused(Handset(acme, ALICE), password))[0] == 401


async def test_the_fifth_try_may_still_be_right(acme):
    password = await acme.password(ALICE)
    for _ in range(MAX_TRIES - 1):
        await refused(Handset(acme, ALICE), "0" * 16)
    assert (await Handset(acme, ALICE).activate(password)).entry.generation == 1


async def test_a_new_password_replaces_the_old_one(acme):
    old, new = await acme.password(ALICE), await acme.password(ALICE)
    assert (await refused(Handset(acme, ALICE), old))[0] == 401
    assert (await Handset(acme, ALICE).activate(new)).entry.generation == 1


async def test_activating_again_is_the_next_generation_and_the_old_device_is_out(acme, alice):
    again = await acme.hire(ALICE)
    assert again.pinned.entry.generation == 2
    assert (await again.look_up(ALICE)).entry.sign == again.sign.public.jwk()
    with pytest.raises(Yours, match=r"^request\.proof"):
        await alice.look_up(ALICE)


async def test_while_the_relay_is_down_nothing_is_activated_and_the_password_stays_good(town, acme):
    password, handset = await acme.password(ALICE), Handset(acme, ALICE)
    town.relay.down = True
    with pytest.raises(Ours, match=r"^gateway\.unavailable"):
        await handset.activate(password)
    assert acme.store.device(ALICE) is None
    town.relay.down = False
    assert (await handset.activate(password)).entry.generation == 1


async def test_one_password_activates_one_device_however_many_ask_at_once(acme):
    password = await acme.password(ALICE)
    asked = [Handset(acme, ALICE).activate(password) for _ in range(4)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert [one.code for one in done if isinstance(one, TiersError)] == ["activation.password"] * 3
    assert acme.store.last_generation(acme.org, ALICE) == 1


async def test_what_sits_in_between_can_change_no_member_of_the_request(acme):
    password, handset = await acme.password(ALICE), Handset(acme, ALICE)
    asked, other = handset.request(password), Handset(acme, ALICE)
    for swapped in (
        msgspec.structs.replace(asked, sign=other.sign.public.jwk()),
        msgspec.structs.replace(asked, hpke=other.hpke.public.jwk()),
    ):
        with pytest.raises(Yours, match=r"^activation\.password"):
            await handset.ask("POST", "/v1/activations", Activated, swapped, proof=False)


async def test_keys_that_are_no_keys_are_refused_without_a_look_at_the_password(acme):
    password, handset = await acme.password(ALICE), Handset(acme, ALICE)
    asked = handset.request(password)
    bad = activation.request(password, ALICE, asked.sign, msgspec.structs.replace(asked.hpke, pub="AAAA"))
    with pytest.raises(Yours, match=r"^jwk\.malformed"):
        await handset.ask("POST", "/v1/activations", Activated, bad, proof=False)
    assert (await handset.activate(password)).entry.generation == 1


async def test_only_the_customers_own_administrator_issues_passwords(acme, globex):
    for who, code in (
        (f"administrator/{globex.org}", "request.org"),
        ("court/in", "request.role"),
        ("carrier/in", "request.role"),
        (f"customer/{globex.org}", "request.role"),
    ):
        with pytest.raises(Forbidden) as caught:
            await acme.ask(who, "POST", "/v1/passwords", Password, NewPassword(ALICE))
        assert caught.value.code == code


async def test_passwords_and_keys_are_in_no_log_and_no_repr(acme, events):
    password, handset = await acme.password(ALICE), Handset(acme, ALICE)
    await refused(handset, "0" * 16)
    await handset.activate(password)
    shown = repr(events) + repr(acme.store) + repr(acme.keys.__dict__) + repr(Password(ALICE, password))
    shown += repr(OpenPassword(ALICE, activation.activation_key(password), NOW, 0))
    key = activation.activation_key(password).reveal()
    secrets = [key, acme.keys.root.reveal(), acme.keys.key(1).reveal(), password.encode()]
    assert [one for one in secrets if one.decode("latin-1") in shown or one.hex() in shown or repr(one) in shown] == []
    assert {"password.issued", "device.activated"} <= {event["event"] for event in events}


async def test_the_password_itself_is_not_on_disk_and_its_key_goes_when_it_is_used(acme):
    password = await acme.password(ALICE)
    files = b"".join(path.read_bytes() for path in acme.folder.iterdir())
    assert password.encode() not in files
    await Handset(acme, ALICE).activate(password)
    rows = sqlite3.connect(acme.folder / "enterprise.db")
    try:
        assert rows.execute("SELECT count(*) FROM passwords WHERE pin != ''").fetchone() == (0,)
    finally:
        rows.close()


@pytest.mark.usefixtures("alice")
async def test_everything_on_disk_is_the_customers_alone(acme):
    modes = {path.name: path.stat().st_mode & 0o777 for path in acme.folder.iterdir()}
    assert set(modes.values()) == {0o600}
    assert acme.folder.stat().st_mode & 0o777 == 0o700
    assert {"root.key", "root.jwk", "bes-1.key", "bes-1.jws", "enterprise.db"} <= set(modes)


@given(st.integers(min_value=-GOOD_FOR_MS, max_value=2 * GOOD_FOR_MS), st.integers(min_value=0, max_value=9))
def test_a_password_is_good_for_a_day_and_five_tries(after, tries):
    password = OpenPassword(ALICE, KEY, NOW, tries)
    good = 0 <= after < GOOD_FOR_MS and tries < MAX_TRIES
    assert is_good(password, NOW + after) == good
    done = outcome(lambda: admit(ASKED, password, NOW + after))
    assert getattr(done, "code", None) == (None if good else "activation.password")


@given(st.builds(Activate, st.text(), st.just(SIGN), st.just(HPKE), st.text()), st.none() | st.just(KEY))
def test_nothing_but_the_one_refusal_escapes_from_a_decision(asked, key):
    password = replace(OpenPassword(ALICE, KEY, NOW, 0), key=key) if key else None
    with pytest.raises(Unauthenticated, match=r"^activation\.password"):
        admit(asked, password, NOW)


def test_nobodys_key_opens_nothing():
    asked = msgspec.structs.replace(
        ASKED, mac=activation._request_mac(activation.ActivationKey(bytes(32)), ALICE, SIGN, HPKE)
    )
    with pytest.raises(Unauthenticated, match=r"^activation\.password"):
        admit(asked, None, NOW)


async def test_the_answer_names_statements_of_the_root_that_it_carries(acme):
    password, handset = await acme.password(ALICE), Handset(acme, ALICE)
    said = await handset.ask("POST", "/v1/activations", Activated, handset.request(password), proof=False)
    root = VerifyKey.from_jwk(said.root)
    assert verify_bes_key(said.bes, acme.org, root).hpke == acme.keys.key(1).public.jwk()
    assert verify_entry(said.entry, acme.org, root).pin == ALICE
