"""What the containers are given: certificates, store users, folders. It stands in for a real CA (deploy/README.md).

    python deploy/prepare.py             before the first start, and again before the certificates expire
    python deploy/prepare.py exchange    after the first start: pin the public keys that the parties made

Everything lands in deploy/run, which only you can read.
"""

import os
import secrets
import sys
from pathlib import Path

import msgspec

from tiers.chassis.state import StateDir
from tiers.lab.world.cast import APPLICANT, PARTIES, PEOPLE, WITNESSES
from tiers.lab.world.pki import Authority
from tiers.lab.world.world import PUBLIC, log_policy
from tiers.store.acl import RULES, acl_file
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log.policy import FILE

RUN = Path(__file__).parent / "run"


def prepare(run: Path) -> None:
    """Make the folders, issue a certificate to every party and person, draw the store's passwords.

    State, keys and passwords stay as they are where there are some; the CA and its certificates are new each time.
    """
    home = StateDir(run)
    authority = Authority.create()
    for identity in [*(party.identity for party in PARTIES), *PEOPLE]:
        authority.issue(identity, run / "tls" / identity.role / identity.name)
    for name in [*(party.name for party in PARTIES), "store"]:
        StateDir(run / "state" / name)
    applicant = StateDir(run / "people" / "applicant").key("sign.key", SigningKey)
    home.write(f"trust/applicants/{APPLICANT.name}.jwk", msgspec.json.encode(applicant.public.jwk()))
    if home.read("store/users.acl") is None:
        draw_passwords(home)


def draw_passwords(home: StateDir) -> None:
    """Draw a password for each user of the store: one file for the store, one for compose."""
    passwords = {role: secrets.token_hex(24) for role in RULES}
    settings = [f"TIERS_STORE_{role.upper()}={password}" for role, password in passwords.items()]
    home.write("compose.env", "\n".join([f"TIERS_USER={os.getuid()}:{os.getgid()}", *settings, ""]).encode("ascii"))
    home.write("store/users.acl", acl_file(passwords).encode("ascii"))


def exchange(run: Path) -> None:
    """Pin the public key of every party, as their people would by telephone and on paper."""
    home = StateDir(run)
    for name, (made, pinned) in PUBLIC.items():
        home.write(f"trust/{pinned}", (run / "state" / name / made).read_bytes())
    home.write(
        f"trust/{FILE}", log_policy(run / "state", {name: f"https://{name}:8443" for name in WITNESSES}).encode()
    )


def main(arguments: list[str]) -> None:
    """Run one of the two; raises `SystemExit` with a sentence that says what to do."""
    if os.getuid() == 0:
        raise SystemExit("Run this as an ordinary user: the containers run as whoever runs this.")
    match arguments:
        case []:
            prepare(RUN)
        case ["exchange"]:
            exchange(RUN)
        case _:
            raise SystemExit("Write: prepare.py, or prepare.py exchange.")


if __name__ == "__main__":
    main(sys.argv[1:])
