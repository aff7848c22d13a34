"""What the court is asked."""

from typing import Annotated

import msgspec
from msgspec import Meta

from tiers.wire.keys.jose import GeneralJws
from tiers.wire.lawful.warrant import Status


class Apply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/applications`: a JWS with the applicant's signature."""

    application: GeneralJws


class Decide(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/applications/{jti}/<verb>` by a judge: approval, rejection, suspension, resumption, cancellation.

    A rejection gives its `reason`. It stays in the register: the public log says only that there is one.
    """

    reason: Annotated[str, Meta(max_length=200)] = ""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One warrant in the register. `warrant` has one signature until it is approved.

    `reason` is the judge's, of the latest decision. `carrier_told` is false while the carrier has not taken the
    latest suspension, resumption or cancellation: the court goes on telling it.
    """

    jti: str
    status: Status
    warrant: GeneralJws
    reason: str = ""
    carrier_told: bool = True


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`GET /v1/warrants`."""

    entries: tuple[Entry, ...]
