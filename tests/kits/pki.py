"""A private development CA for tests, the same one that `tiers up` mints (tiers.lab.world.pki)."""

import datetime as dt
from pathlib import Path

from tiers.chassis.tls import Tls
from tiers.lab.world.pki import Authority
from tiers.wire.identity import parse_identity

SHORT = dt.timedelta(seconds=2)
_authorities: dict[Path, Authority] = {}


def issue(identity: str, folder: Path) -> Tls:
    """Put ca.pem, cert.pem and key.pem for `identity` (`carrier/in`) into `folder/<identity>` and load them.

    All identities issued below one `folder` share one CA.
    """
    authority = _authorities.setdefault(folder, Authority.create())
    own = folder / identity
    authority.issue(parse_identity(identity), own)
    return Tls(own)


def short_lived(identity: str, folder: Path) -> Tls:
    """Issue a certificate that is good for two seconds."""
    issue(identity, folder)
    _authorities[folder].issue(parse_identity(identity), folder / identity, lifetime=SHORT)
    return Tls(folder / identity)
