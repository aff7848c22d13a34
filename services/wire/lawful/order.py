"""A regulator's order to a relay: a compact JWS (docs/spec/order.md). Pure.

    suspend    a service is not carried in this jurisdiction from a date on; what waits in mailboxes is kept
    withdraw   an earlier order ends
    demand     give access to contents; the answer says who could, and shows the recipients

An order moves no key. Whoever holds none can hand over none, whatever is ordered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from tiers.wire.encoding import parse_json
from tiers.wire.errors import Policy, TooLarge, Yours
from tiers.wire.identity import Identity, Role
from tiers.wire.keys.jose import SigningKey, VerifyKey, verify_compact
from tiers.wire.log.leaf import Jti, Jurisdiction
from tiers.wire.message.envelope import Channel, Org, Protected, Service

TYP = "order+jws"
MAX_ORDER = 4096


class Kind(StrEnum):
    SUSPEND = "suspend"
    WITHDRAW = "withdraw"
    DEMAND = "demand"


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an order says (RFC 7519 names where there are some). `nbf` is seconds since 1970: from when it holds.

    `jti` is the reference by which it is quoted, `iss` the regulator's name, `aud` the relay's. `orgs` are customers
    whose enterprise messages a suspension stops; none named: all. `lifts` names an earlier order of the same regulator
    that ends with this one.
    """

    jti: Jti
    iss: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,19}\Z")]
    aud: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,40}\Z")]
    jurisdiction: Jurisdiction
    kind: Kind
    nbf: Annotated[int, Meta(ge=0, lt=1 << 40)]
    legal_basis: Annotated[str, Meta(min_length=1, max_length=200)]
    channels: Annotated[tuple[Channel, ...], Meta(max_length=2)] = ()
    services: Annotated[tuple[Service, ...], Meta(max_length=2)] = ()
    orgs: Annotated[tuple[Org, ...], Meta(max_length=64)] = ()
    lifts: Jti | None = None

    def suspends(self, header: Protected, now: int) -> bool:
        """Whether this order suspends a message with this header at `now` (ms)."""
        covered = header.channel in self.channels and header.service in self.services
        covered = covered and (not self.orgs or header.org in self.orgs)
        return self.kind is Kind.SUSPEND and covered and now >= self.nbf * 1000


@dataclass(frozen=True, slots=True)
class VerifiedOrder:
    """An order whose signature was checked: made by `verify_order` only. `digest` is SHA-256 of the token."""

    order: Order
    token: str
    digest: bytes


def sign_order(order: Order, key: SigningKey) -> str:
    return key.sign_compact({"typ": TYP, "kid": str(Identity(Role.REGULATOR, order.iss))}, msgspec.json.encode(order))


def verify_order(token: str, regulators: Mapping[str, VerifyKey], relay: str, jurisdiction: str) -> VerifiedOrder:
    """Check an order with pinned keys, for the relay of that name in that jurisdiction; raises `Yours` or `Policy`.

    1. Signed by a regulator whose key is pinned. 2. In that regulator's own name, well formed. 3. Addressed to this
    relay. 4. For the jurisdiction that it serves.
    """
    if len(token) > MAX_ORDER:
        raise TooLarge("order.too_large", f"Send an order of at most {MAX_ORDER} bytes.")
    stranger = Yours("order.regulator", "Have the order signed by a regulator whose key is pinned here.")
    done = verify_compact(token, TYP, regulators, "order.signature", stranger)  # 1
    order = _claims(done.payload)
    if done.header.kid != str(Identity(Role.REGULATOR, order.iss)):  # 2
        raise Yours("order.regulator", "Sign in your own name.")
    if order.aud != relay:  # 3
        raise Policy("order.relay", f"Serve it on gateway/{order.aud}: it is not addressed to gateway/{relay}.")
    if order.jurisdiction != jurisdiction:  # 4
        raise Policy("order.jurisdiction", f"Serve it where it holds: this relay serves {jurisdiction}.")
    return VerifiedOrder(order, token, sha256(token.encode("ascii")).digest())


def _claims(payload: bytes) -> Order:
    order = parse_json(Order, payload, "order.malformed")
    if msgspec.json.encode(order) != payload:  # else two readers could see two orders in the same signed bytes
        raise Yours("order.malformed", "Write the claims compact, each member once, in the order specified.")
    if order.kind is Kind.WITHDRAW:
        fits = order.lifts is not None and not (order.channels or order.services or order.orgs)
    else:
        fits = bool(order.channels and order.services) and (order.kind is Kind.SUSPEND or order.lifts is None)
    if order.orgs:  # a consumer has no customer, and a demand is for whole channels
        fits = fits and order.kind is Kind.SUSPEND and order.channels == (Channel.ENTERPRISE,)
    if not fits or any(len(set(names)) != len(names) for names in (order.channels, order.services, order.orgs)):
        raise Yours("order.malformed", "Name each channel and service once; an order to withdraw names what it lifts.")
    return order
