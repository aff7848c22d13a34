"""What a customer's key server (its BES) is asked."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from tiers.wire.encoding import Discreet
from tiers.wire.keys.jose import HpkeJwk, PublicJwk
from tiers.wire.lawful.warrant import Window
from tiers.wire.log.leaf import Jti
from tiers.wire.message.envelope import Mid, Org, Pin


class NewPassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/passwords` by the administrator: let this device activate once."""

    pin: Pin


class Password(Discreet, frozen=True, forbid_unknown_fields=True):
    """The one-time password, given to the employee out of band. The repr hides it."""

    pin: Pin
    password: str


class Activate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/activations`: the device's keys, and an HMAC over them under the password (docs/spec/activation.md)."""

    pin: Pin
    sign: PublicJwk
    hpke: HpkeJwk
    mac: str


class Activated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The customer's root, its key server's statement, the device's own entry, and an HMAC over all three.

    The HMAC, under the same password, is what lets the device pin the root: a relay in between has no password.
    """

    org: Org
    root: PublicJwk
    bes: str
    entry: str
    mac: str


class Lookup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`GET /v1/directory/{pin}`: signed statements. `partner` is set where the entry is another customer's."""

    entry: str
    bes: str
    partner: str | None = None


class Journal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/journal`, signed by a device: a copy of an envelope that it sent or received, still sealed."""

    envelope: msgspec.Raw


class Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/read` by the administrator: open a journalled message of the customer's own."""

    mid: str


class Opened(Discreet, frozen=True, forbid_unknown_fields=True):
    r"""What the customer reads. The repr hides it. Bytes of `content` that are not UTF-8 stand as `\xff`."""

    mid: str
    sender: Pin
    to: Pin
    ts: int
    content: str


class Revoke(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/revocations` by the administrator: this device is nobody's any more."""

    pin: Pin


class Rotate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/rotations` by the administrator. `destroy` erases every older generation: the kill switch."""

    destroy: bool = False


class Rotated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key server's new statement, and the generations that nobody at the customer can open from now on."""

    generation: int
    bes: str
    destroyed: tuple[int, ...]


class AddPartner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`PUT /v1/partners/{org}` by the administrator: exchange roots with another customer."""

    root: PublicJwk
    url: Annotated[str, Meta(pattern=r"^https://[^ ]{1,200}\Z")]


class Roots(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`GET /v1/root`: this customer's root, to be exchanged and pinned out of band."""

    org: Org
    root: PublicJwk


class Reason(StrEnum):
    """Why content is asked for, after the codes of Google's Key Access Justifications."""

    UNSPECIFIED = "REASON_UNSPECIFIED"
    THIRD_PARTY_DATA_REQUEST = "THIRD_PARTY_DATA_REQUEST"
    PROVIDER_INITIATED_REVIEW = "PROVIDER_INITIATED_REVIEW"
    CUSTOMER_INITIATED_SUPPORT = "CUSTOMER_INITIATED_SUPPORT"


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/orders` by a court: produce one message (`mid`), or one PIN's within a window (ms since 1970).

    `after` asks for the next page: what follows this mid, `next` of the page before.
    """

    reference: Jti
    reason: Reason
    mid: Mid | None = None
    pin: Pin | None = None
    window: Window | None = None
    after: Mid | None = None


class Decision(StrEnum):
    """What the customer's policy says to an order."""

    DISCLOSE = "disclose"
    REFUSE = "refuse"


class Unreadable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message that an order reaches and that the customer cannot open: `code` says why."""

    mid: str
    code: str


class OrderAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The customer's answer, a page of it, which stands in the public log at index `leaf`.

    Where `next` is set there is more: serve the order again with it as `after`.
    """

    reference: str
    decision: Decision
    leaf: int
    messages: tuple[Opened, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    next: str | None = None
