"""Who is asking: SPIFFE ids and the roles that they carry. Pure: it reads a certificate that TLS has verified.

`spiffe://tiers.example/<role>/<name>` (SPIFFE-ID section 2). The role is what a request table names; the name tells
one holder of a role from another (`carrier/in`, `customer/S50000001`). Someone without a certificate is `anyone`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tiers.wire.errors import Unauthenticated

TRUST_DOMAIN = "tiers.example"
NAME = "[A-Za-z0-9-]{1,40}"
_SPIFFE = re.compile(rf"spiffe://{re.escape(TRUST_DOMAIN)}/([a-z]{{1,20}})/({NAME})")


class Role(StrEnum):
    """Parties first, then people, then whoever shows no certificate."""

    GATEWAY = "gateway"
    CARRIER = "carrier"
    COURT = "court"
    AUDITOR = "auditor"
    LEDGER = "ledger"
    WITNESS = "witness"
    CUSTOMER = "customer"
    APPLICANT = "applicant"
    JUDGE = "judge"
    INVESTIGATOR = "investigator"
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    REGULATOR = "regulator"
    ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class Identity:
    """One holder of one role."""

    role: Role
    name: str

    @property
    def uri(self) -> str:
        """The SPIFFE id, as it stands in the certificate."""
        return f"spiffe://{TRUST_DOMAIN}/{self.role}/{self.name}"

    @property
    def host(self) -> str:
        """The DNS name in the certificate, so that TLS itself checks whom a client reached (RFC 9525)."""
        return f"{self.name.lower()}.{self.role}.{TRUST_DOMAIN}"

    def __str__(self) -> str:
        return f"{self.role}/{self.name}"


_CERTIFIED = frozenset(role.value for role in Role if role is not Role.ANYONE)
ANYONE = Identity(Role.ANYONE, "anyone")


def parse_identity(text: str) -> Identity:
    """Read `carrier/in` or a whole SPIFFE id; raises `Unauthenticated` for anything else."""
    uri = text if text.startswith("spiffe://") else f"spiffe://{TRUST_DOMAIN}/{text}"
    match = _SPIFFE.fullmatch(uri)
    if match is None or match[1] not in _CERTIFIED:
        raise Unauthenticated("identity.unknown", "Use a certificate whose SPIFFE id names a known role.")
    return Identity(Role(match[1]), match[2])


def identity_of(certificate: Mapping[str, Any] | None) -> Identity:
    """Name the holder of a verified peer certificate (`SSLSocket.getpeercert()`), or `ANYONE` without one.

    Exactly one URI in the subject alternative name, as X509-SVID section 2 asks.
    """
    if not certificate:
        return ANYONE
    uris = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "URI"]
    if len(uris) != 1:
        raise Unauthenticated("identity.unknown", "Use a certificate with exactly one SPIFFE id.")
    return parse_identity(uris[0])
