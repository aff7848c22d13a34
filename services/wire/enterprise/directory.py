"""A customer's directory: who its employees are, signed by the customer's root. Pure.

A device pins its own customer's root at activation. An entry of its own customer is signed by that root; an entry of
a partner by the partner's root, which the pinned root has signed in turn. A relay that swaps a key fails both.
"""

from typing import TypeVar

import msgspec

from tiers.wire.api.enterprise import Lookup
from tiers.wire.encoding import parse_json
from tiers.wire.errors import Yours
from tiers.wire.keys.jose import HpkeJwk, PublicJwk, SigningKey, VerifyKey, verify_compact
from tiers.wire.message.envelope import Org, Pin

ENTRY_TYP = "directory-entry+jws"
BES_TYP = "bes-key+jws"
PARTNER_TYP = "partner+jws"
T = TypeVar("T", "Entry", "BesKey")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One employee's device: the keys that it is reached and recognised by. `issued` is ms since 1970."""

    org: Org
    pin: Pin
    generation: int
    hpke: HpkeJwk
    sign: PublicJwk
    issued: int


class BesKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    org: Org
    generation: int
    hpke: HpkeJwk
    issued: int


class Partner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another customer whose root this customer vouches for."""

    org: Org
    root: PublicJwk


def root_kid(org: str) -> str:
    return f"org/{org}/root"


def sign_statement(root: SigningKey, org: str, typ: str, statement: Entry | BesKey | Partner) -> str:
    return root.sign_compact({"typ": typ, "kid": root_kid(org)}, msgspec.json.encode(statement))


def verify_entry(token: str, org: str, root: VerifyKey) -> Entry:
    """Check an employee's entry against the root of `org`; raises `Yours`."""
    entry = parse_json(Entry, _verify(token, ENTRY_TYP, org, root), "directory.malformed")
    return _of(entry, org)


def verify_bes_key(token: str, org: str, root: VerifyKey) -> BesKey:
    """Check a key server's statement against the root of `org`; raises `Yours`."""
    key = parse_json(BesKey, _verify(token, BES_TYP, org, root), "directory.malformed")
    return _of(key, org)


def verify_partner(token: str, org: str, root: VerifyKey) -> Partner:
    """Check that `org` vouches for a partner's root; raises `Yours`."""
    return parse_json(Partner, _verify(token, PARTNER_TYP, org, root), "directory.malformed")


def verify_lookup(found: Lookup, pin: str, org: str, root: VerifyKey) -> tuple[Entry, BesKey]:
    """Check a directory's answer for `pin` against the one root that the reader pinned, that of `org`; raises `Yours`.

    1. A partner's root is vouched for by the pinned one, and then stands in its place. 2. It signed the entry.
    3. The entry is the one asked for. 4. It signed the key server's statement.
    """
    if found.partner is not None:  # 1
        partner = verify_partner(found.partner, org, root)
        org, root = partner.org, VerifyKey.from_jwk(partner.root)
    entry = verify_entry(found.entry, org, root)  # 2
    if entry.pin != pin:  # 3
        raise Yours("directory.pin", "Ask again: the directory answered with another employee's entry.")
    return entry, verify_bes_key(found.bes, org, root)  # 4


def _verify(token: str, typ: str, org: str, root: VerifyKey) -> bytes:
    stranger = Yours("directory.root", f"Ask for a statement by the root of {org}.")
    return verify_compact(token, typ, {root_kid(org): root}, "directory.signature", stranger).payload


def _of(statement: T, org: str) -> T:
    if statement.org != org:
        raise Yours("directory.org", f"Ask {org} for its own statement.")
    return statement
