"""What decides a look-up: who may ask, and which answer of a partner's is believed. Pure.

An own employee's entry is signed by our root. A partner's employee's is signed by the partner's pinned root, and our
root vouches for the partner's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tiers.wire.api.enterprise import Lookup
from tiers.wire.enterprise.directory import PARTNER_TYP, Entry, Partner, sign_statement, verify_lookup
from tiers.wire.errors import Conflict, Forbidden, Missing, Ours, Policy, TiersError, Yours
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import SigningKey, VerifyKey


@dataclass(frozen=True, slots=True)
class PinnedPartner:
    """Another customer whose root this customer pinned, and where its key server answers."""

    org: str
    root: VerifyKey
    url: str

    @property
    def identity(self) -> Identity:
        return Identity(Role.CUSTOMER, self.org)


@dataclass(frozen=True, slots=True)
class PartnerEntry:
    """A partner's answer with every signature checked: made by `verify_partner_answer` only."""

    entry: Entry
    answer: Lookup


def check_partner(partner: PinnedPartner, org: str, root: VerifyKey) -> PinnedPartner:
    """Return the partner if it is somebody else, with a root of its own; raises `Conflict`."""
    if partner.org == org or partner.root == root:
        raise Conflict("partner.self", "Name another customer, and the root that this customer sent you.")
    return partner


def check_asks(caller: Identity, partners: Mapping[str, PinnedPartner]) -> PinnedPartner:
    """Return the partner that a customer's server is; raises `Forbidden` for one whose root is not pinned."""
    if caller.role is not Role.CUSTOMER or caller.name not in partners:
        raise Forbidden("partner.unknown", "Exchange roots first: this customer has not pinned yours.")
    return partners[caller.name]


def verify_partner_answer(answer: Lookup, pin: str, partner: PinnedPartner) -> PartnerEntry:
    """Check a partner's answer for `pin`; raises `Yours`.

    1. The partner speaks for itself and not for a partner of its own. 2. Its pinned root signed what was asked for.
    """
    if answer.partner is not None:  # 1
        raise Yours("directory.partner", "Answer for your own employees only.")
    entry, _ = verify_lookup(answer, pin, partner.org, partner.root)  # 2
    return PartnerEntry(entry, answer)


def vouch(found: PartnerEntry, partner: PinnedPartner, root: SigningKey, org: str) -> Lookup:
    """Return a partner's answer with our root's word for the partner's root, for a device that pins ours alone."""
    word = sign_statement(root, org, PARTNER_TYP, Partner(partner.org, partner.root.jwk()))
    return Lookup(found.answer.entry, found.answer.bes, word)


def nobody_has(failures: Mapping[str, TiersError]) -> TiersError:
    """Return why no partner gave an entry. `failures` holds the partners that did not say a clean `Missing`.

    A partner that answers wrongly is worse news than one that is silent, and both are other news than "unknown".
    """
    lying = sorted(org for org, error in failures.items() if not isinstance(error, Ours))
    if lying:
        who = ", ".join(lying)
        return Policy(
            "partner.unverified", f"Have roots exchanged with {who} again: its answer was not what is pinned."
        )
    if failures:
        return Ours("partner.unavailable", f"Try again in a second: {', '.join(sorted(failures))} did not answer.")
    return unknown()


def unknown() -> Missing:
    """Return the answer for a PIN that is nobody's, whether never activated or revoked."""
    return Missing("directory.unknown", "Ask for the PIN of an activated device of this customer or of a partner.")
