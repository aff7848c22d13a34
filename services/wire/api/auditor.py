"""What the auditor's console is asked."""

import msgspec

from tiers.wire.encoding import Discreet
from tiers.wire.keys.jose import GeneralJws


class FileWarrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/warrants` by the applicant: a warrant that was served on the carrier."""

    warrant: GeneralJws


class Filed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The warrant is on file; inspections of it may be asked for."""

    jti: str
    liid: str


class Inspect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from"}):
    """`POST /v1/inspections` by an investigator: fetch the product of a warrant, ask for the window, open what opens.

    `from` and `until` (ms, whole minutes) default to the part of the window that has elapsed.
    """

    jti: str
    start: int | None = None
    until: int | None = None


class Finding(Discreet, frozen=True, forbid_unknown_fields=True, rename={"sender": "from"}):
    """One intercepted message: metadata always; `content` where it opens, else `sealed`, the reason why not.

    `content` is text to read (of a mail its main headers and its body); `raw` the opened bytes themselves, base64url.
    `ts` is ms since 1970, `size` the octets of the JWE (of the JWE that X3 would carry, where there is none).
    """

    mid: str
    channel: str
    service: str
    sender: str
    to: str
    ts: int
    size: int
    content: str | None = None
    sealed: str | None = None
    raw: str | None = None


class Inspection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one inspection found. `third_parties` are people in the product whom no warrant names.

    `lost` counts PDUs that never arrived, `unreadable` those that are not as specified. `grant_refused` is the code
    with which the carrier refused the keys, or with which the auditor refused what the carrier sent as a grant.
    """

    jti: str
    liid: str
    findings: tuple[Finding, ...]
    lost: int
    third_parties: tuple[str, ...]
    grant_refused: str | None = None
    unreadable: int = 0


class Inspections(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`GET /v1/inspections`."""

    inspections: tuple[Inspection, ...]
