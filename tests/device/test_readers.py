"""Who can read a message, as its receiver's handset sees it: signed by the sender, named by the custody."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kits.keyring import ACME, ALICE, BOB, GLOBEX, admitted, contact, draft, employee, subscriber
from tiers.device.keyring import Contact, open_consumer, open_enterprise, seal_consumer, seal_enterprise
from tiers.wire.custody import CARRIER, CUSTOMER, DEVICE, SPLIT, Custody
from tiers.wire.errors import TiersError, Yours
from tiers.wire.keys.keytree import WrapKey, epoch_of
from tiers.wire.message.content import readers_of, sign_content
from tiers.wire.message.envelope import Envelope, Recipient, Service, format_protected
from tiers.wire.message.sealing import (
    ContentKey,
    HpkePrivateKey,
    decrypt_with,
    encrypt_for,
    seal_content,
    wrap_for_carrier,
)

BES, AUDITOR = HpkePrivateKey(b"b" * 32), HpkePrivateKey(b"a" * 32)
GHOST = f"org/{ACME}/3100000f/1"
PRIYA, QUENTIN = employee("3100000a", ACME), employee("3100000b", ACME)
PRIYAS = contact(PRIYA, BES)
SENT = seal_enterprise(PRIYA, draft(to=QUENTIN.pin), PRIYAS.bes, contact(QUENTIN, BES))
CEK = decrypt_with(SENT.jwe.recipients[0], QUENTIN.hpke)


def read(envelope: Envelope, sender: Contact = PRIYAS) -> bytes:
    return open_enterprise(QUENTIN, envelope, sender)


def with_readers(*recipients: Recipient) -> Envelope:
    return Envelope(SENT.header, msgspec.structs.replace(SENT.jwe, recipients=recipients))


def haunted(kid: str) -> Custody:
    """The custody of a handset whose maker was told to name one more reader; its signature names him as well."""

    def seal(cek, header, protected, holder, to):
        return [*CUSTOMER.seal(cek, header, protected, holder, to), encrypt_for(kid, cek, AUDITOR.public)]

    return replace(CUSTOMER, seal=seal)


def test_the_order_of_the_recipients_is_nobodys_business() -> None:
    assert read(with_readers(*SENT.jwe.recipients[::-1])) == b"hello"


@pytest.mark.parametrize("kid", [GHOST, f"org/{ACME}/bes/2", f"org/{GLOBEX}/bes/1", f"device/{QUENTIN.pin}/1"])
def test_a_reader_whom_somebody_added_is_refused_whatever_he_is_called(kid: str) -> None:
    ghost = encrypt_for(kid, CEK, AUDITOR.public)
    for place in range(3):
        recipients = list(SENT.jwe.recipients)
        recipients.insert(place, ghost)
        with pytest.raises(Yours, match=r"^(device|content)\.readers"):
            read(with_readers(*recipients))


def test_a_reader_who_was_left_out_is_refused() -> None:
    with pytest.raises(Yours, match=r"^device\.readers"):
        read(with_readers(SENT.jwe.recipients[0]))


@pytest.mark.parametrize("kid", [GHOST, f"org/{ACME}/bes/2"])
def test_a_ghost_whom_the_senders_own_handset_signs_is_refused_by_the_receivers(kid: str) -> None:
    envelope = seal_enterprise(PRIYA, draft(to=QUENTIN.pin), PRIYAS.bes, contact(QUENTIN, BES), haunted(kid))
    with pytest.raises(Yours, match=r"^device\.readers"):
        read(envelope)


def test_another_key_under_the_key_servers_name_is_refused() -> None:
    false = replace(PRIYAS, bes=msgspec.structs.replace(PRIYAS.bes, hpke=AUDITOR.public.jwk()))
    envelope = seal_enterprise(PRIYA, draft(to=QUENTIN.pin), false.bes, replace(contact(QUENTIN, BES), bes=false.bes))
    with pytest.raises(Yours, match=r"^content\.readers"):
        read(envelope)


def test_a_sender_who_was_given_another_key_for_the_receiver_is_found_out_by_the_receiver() -> None:
    """Key swap: somebody in the middle opens with the false key and wraps the content key for the true one."""
    to = contact(QUENTIN, BES)
    false = replace(to, entry=msgspec.structs.replace(to.entry, hpke=AUDITOR.public.jwk()))
    sent = seal_enterprise(PRIYA, draft(to=QUENTIN.pin), PRIYAS.bes, false)
    cek = decrypt_with(sent.jwe.recipients[0], AUDITOR)
    again = (encrypt_for(to.kid, cek, QUENTIN.hpke.public), sent.jwe.recipients[1])
    with pytest.raises(Yours, match=r"^content\.readers"):
        read(Envelope(sent.header, msgspec.structs.replace(sent.jwe, recipients=again)))


@pytest.mark.parametrize("custody", [SPLIT, DEVICE], ids=lambda one: one.name)
def test_under_a_custody_of_subscribers_own_keys_a_reader_more_is_refused(custody: Custody) -> None:
    alice, bob = subscriber(ALICE), subscriber(BOB)
    alice = replace(alice, cards=(bob.card(),), escrow=alice.consumer.nodes if alice.consumer else ())
    bob = replace(bob, cards=(alice.card(),))
    envelope = seal_consumer(alice, draft(), custody)
    assert open_consumer(bob, envelope, custody) == b"hello"
    cek = decrypt_with(envelope.jwe.recipients[0], bob.hpke)
    for ghost in (
        encrypt_for("device/2100000f/1", cek, AUDITOR.public),
        wrap_for_carrier(f"carrier/in/{BOB}/{epoch_of(envelope.header.ts)}", cek, WrapKey(b"w" * 32)),
    ):
        jwe = msgspec.structs.replace(envelope.jwe, recipients=(*envelope.jwe.recipients, ghost))
        with pytest.raises(Yours, match=r"^device\.readers"):
            open_consumer(bob, Envelope(envelope.header, jwe), custody)


def test_under_the_carriers_custody_a_reader_more_is_refused() -> None:
    envelope = admitted(seal_consumer(subscriber(ALICE), draft()))
    ghost = encrypt_for("device/2100000f/1", ContentKey(b"k" * 32), AUDITOR.public)
    jwe = msgspec.structs.replace(envelope.jwe, recipients=(*envelope.jwe.recipients, ghost))
    assert open_consumer(subscriber(BOB), envelope) == b"hello"
    with pytest.raises(Yours, match=r"^device\.readers"):
        open_consumer(subscriber(BOB), Envelope(envelope.header, jwe))


# ---- one text: what a dishonest sender might seal ----


def dishonest(committed: ContentKey, sealed: ContentKey, plaintext: bytes | None = None) -> Envelope:
    """A message of Priya's to Quentin, whose header commits to one key, its content being under another."""
    header = msgspec.structs.replace(SENT.header, cmt=committed.commitment)
    protected, to = format_protected(header), contact(QUENTIN, BES)
    keys = {to.kid: QUENTIN.hpke.public, f"org/{ACME}/bes/1": BES.public}
    recipients = [encrypt_for(kid, sealed, key) for kid, key in keys.items()]
    readers = readers_of(recipients, {kid: key.jwk().thumbprint() for kid, key in keys.items()})
    if plaintext is None:
        plaintext = sign_content(PRIYA.sign, PRIYAS.kid, protected, Service.BBM, readers, b"hello")
    return Envelope(header, seal_content(sealed, protected, recipients, plaintext))


def test_a_content_key_that_the_header_does_not_commit_to_opens_nothing() -> None:
    one, other = ContentKey.draw(), ContentKey.draw()
    assert read(dishonest(one, one)) == b"hello"
    with pytest.raises(Yours, match=r"^sealing\.commitment"):
        read(dishonest(one, other))


@given(st.binary(max_size=100))
def test_a_plaintext_that_nobody_signed_is_never_shown(plaintext: bytes) -> None:
    with pytest.raises(TiersError, match=r"^content\."):
        read(dishonest(CEK, CEK, plaintext))


def test_a_message_that_is_not_signed_as_its_custody_has_it_is_refused() -> None:
    alice, bob = subscriber(ALICE), subscriber(BOB)
    unsigned = admitted(seal_consumer(alice, draft()))
    signed = seal_consumer(replace(alice, cards=(bob.card(),)), draft(), DEVICE)
    for message, custody in ((unsigned, DEVICE), (unsigned, SPLIT), (signed, CARRIER)):
        with pytest.raises(Yours, match=r"^content\.type"):
            open_consumer(bob, message, custody)
    with pytest.raises(Yours, match=r"^content\.type"):
        open_enterprise(replace(QUENTIN, pin=BOB), unsigned, PRIYAS)
