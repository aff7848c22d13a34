"""Who is in the classroom: parties, people and handsets, as data."""

from dataclasses import dataclass

from tiers.wire.errors import Missing
from tiers.wire.identity import Identity, Role, parse_identity

ACME = "S50000001"
GLOBEX = "S50000002"


@dataclass(frozen=True, slots=True)
class Party:
    """One process: what it is called here, who it is on the wire, which program it is."""

    name: str
    identity: Identity
    program: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a handset. `org` is set for an employee, `subscriber` for a carrier's customer."""

    name: str
    pin: str
    subscriber: bool
    org: str = ""


PARTIES = (
    Party("witness", parse_identity("witness/w1"), "tiers.ledger.witness"),
    Party("witness-2", parse_identity("witness/w2"), "tiers.ledger.witness"),
    Party("witness-3", parse_identity("witness/w3"), "tiers.ledger.witness"),
    Party("ledger", parse_identity("ledger/in"), "tiers.ledger"),
    Party("gateway", parse_identity("gateway/1"), "tiers.gateway"),
    Party("carrier", parse_identity("carrier/in"), "tiers.carrier"),
    Party("acme", parse_identity(f"customer/{ACME}"), "tiers.enterprise"),
    Party("globex", parse_identity(f"customer/{GLOBEX}"), "tiers.enterprise"),
    Party("court", parse_identity("court/in"), "tiers.court"),
    Party("auditor", parse_identity("auditor/cbi"), "tiers.auditor"),
)

WITNESSES = tuple(one.name for one in PARTIES if one.program == "tiers.ledger.witness")
WITNESS_QUORUM = 2
"""How many of the witnesses must have cosigned a checkpoint before anybody believes it."""

APPLICANT = parse_identity("applicant/cbi")
JUDGE = parse_identity("judge/delhi")
INVESTIGATOR = parse_identity("investigator/cbi")
OPERATOR = parse_identity("operator/in")
ADMINISTRATORS = {org: parse_identity(f"administrator/{org}") for org in (ACME, GLOBEX)}
PEOPLE = (APPLICANT, JUDGE, INVESTIGATOR, OPERATOR, *ADMINISTRATORS.values())

HANDSETS = (
    Person("alice", "2100000a", subscriber=True),
    Person("bob", "2100000b", subscriber=True),
    Person("mallory", "2100000c", subscriber=True),
    Person("priya", "3100000a", subscriber=True, org=ACME),
    Person("quentin", "3100000b", subscriber=False, org=ACME),
    Person("ravi", "3100000c", subscriber=False, org=ACME),
    Person("gita", "4100000a", subscriber=False, org=GLOBEX),
)


def party(name: str) -> Party:
    return next(one for one in PARTIES if one.name == name)


def handset(name: str) -> Person:
    """Return whose handset this is; raises `Missing` for a name that nobody has."""
    for one in HANDSETS:
        if one.name == name:
            return one
    raise Missing("lab.handset", f"Name a handset of the classroom: {', '.join(one.name for one in HANDSETS)}.")


def org_of(company: str) -> str:
    """Return a customer by its name, such as acme, or as it is; raises `Missing` for one that there is not."""
    orgs = {one.name: one.identity.name for one in PARTIES if one.identity.role is Role.CUSTOMER}
    found = orgs.get(company.casefold(), company.upper())
    if found not in ADMINISTRATORS:
        raise Missing("lab.customer", f"Name a company of the classroom: {', '.join(orgs)}.")
    return found
