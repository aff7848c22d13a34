"""Whom a party trusts: the keys that it pins, read from the files of its trust folder. Pure: takes names and bytes.

    applicants/<name>.jwk   judges/<name>.jwk   carriers/<name>.jwk   regulators/<name>.jwk   Ed25519 public JWKs
    auditors/<agency>.jwk                                              HPKE public JWK, kid auditor/<agency>/1
    log.policy                                                         the log and its witnesses (wire/log/policy.py)

A party that is given no file of a kind trusts nobody of that kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tiers.wire.encoding import parse_json
from tiers.wire.errors import Yours
from tiers.wire.identity import Role
from tiers.wire.keys.jose import HpkeJwk, PublicJwk, VerifyKey
from tiers.wire.lawful.warrant import Keys
from tiers.wire.log import policy
from tiers.wire.log.checkpoint import PinnedLog

FOLDERS = {
    "applicants": Role.APPLICANT,
    "judges": Role.JUDGE,
    "carriers": Role.CARRIER,
    "regulators": Role.REGULATOR,
}


@dataclass(frozen=True, slots=True)
class Trust:
    """Pinned keys by `kid`: `applicant/cbi`, `judge/delhi`, `carrier/in`, `auditor/cbi/1`, `regulator/pta`."""

    applicants: Keys
    judges: Keys
    carriers: Keys
    auditors: Mapping[str, HpkeJwk]
    logs: tuple[PinnedLog, ...]
    regulators: Keys = field(default_factory=dict)

    @property
    def log(self) -> PinnedLog:
        """The pinned log; raises `Yours` where none is pinned."""
        if not self.logs:
            raise Yours("settings.trust", f"Put {policy.FILE} into the trust folder.")
        return self.logs[0]


def parse_trust(files: Mapping[str, bytes]) -> Trust:
    """Read a trust folder, given as relative path -> bytes; raises `Yours`."""
    signers: dict[str, dict[str, VerifyKey]] = {folder: {} for folder in FOLDERS}
    auditors: dict[str, HpkeJwk] = {}
    for path, raw in sorted(files.items()):
        folder, _, file = path.partition("/")
        name = file.removesuffix(".jwk")
        if folder in FOLDERS and file.endswith(".jwk"):
            jwk = parse_json(PublicJwk, raw, "settings.trust")
            signers[folder][f"{FOLDERS[folder]}/{name}"] = VerifyKey.from_jwk(jwk)
        elif folder == "auditors" and file.endswith(".jwk"):
            auditors[f"{Role.AUDITOR}/{name}/1"] = parse_json(HpkeJwk, raw, "settings.trust")
    logs: tuple[PinnedLog, ...] = ()
    if policy.FILE in files:
        logs = (policy.parse_policy(files[policy.FILE].decode("ascii", "replace")).pinned,)
    return Trust(signers["applicants"], signers["judges"], signers["carriers"], auditors, logs, signers["regulators"])
