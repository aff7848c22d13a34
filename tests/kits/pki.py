"""A private development CA for tests, the same one that `tiers up` mints (tiers.lab.world.pki)."""

from pathlib import Path

from tiers.chassis.tls import Tls
from tiers.lab.world.pki import Authority
from tiers.wire.identity import parse_identity

_authorities: dict[Path, Authority] = {}


def issue(identity: str, folder: Path) -> Tls:
    """Put ca.pem, cert.pem and key.pem for `identity` (`carrier/in`) into `folder/<identity>` and load them.

    All identities issued below one `folder` share one CA.
    """
    authority = _authorities.setdefault(folder, Authority.create())
    own = folder / identity
    authority.issue(parse_identity(identity), own)
    return Tls(own)
