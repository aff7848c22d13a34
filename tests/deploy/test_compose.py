"""The networks are trust domains: two parties share one only if one of them asks the other something."""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from kits.dockerfile import DEPLOY, read_image
from tiers.lab.world.cast import PARTIES, WITNESSES
from tiers.store.acl import RULES

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: Mapping[str, dict[str, Any]] = COMPOSE["services"]
PARTY = {name: service for name, service in SERVICES.items() if name != "store"}
# Customers add each other's address while they run (`PUT /v1/partners/{org}`): no setting names it. Nor does one name a
# witness: the ledger reads its policy.
PARTNERS = {frozenset({"acme", "globex"}), *(frozenset({"ledger", name}) for name in WITNESSES)}


def asked_by_settings() -> set[frozenset[str]]:
    """Return every pair of containers of which one is told the other's address."""
    host = re.compile(r"(?:https://|@|^)(\w+):\d+$")
    return {
        frozenset({name, found[1]})
        for name, service in PARTY.items()
        for value in service["environment"].values()
        if (found := host.search(str(value)))
    }


def neighbours(services: Mapping[str, dict[str, Any]]) -> Iterator[frozenset[str]]:
    for network in COMPOSE["networks"]:
        members = [name for name, service in services.items() if network in service["networks"]]
        yield from (frozenset(pair) for pair in itertools.combinations(members, 2))


def test_every_party_and_the_store_have_a_container() -> None:
    assert set(SERVICES) == {party.name for party in PARTIES} | {"store"}


def test_whoever_asks_shares_a_network_with_whom_he_asks_and_nobody_else_does() -> None:
    assert set(neighbours(SERVICES)) == asked_by_settings() | PARTNERS


def test_only_those_with_a_user_of_the_store_reach_it() -> None:
    reach = {name for pair in neighbours(SERVICES) if "store" in pair for name in pair - {"store"}}
    assert reach == {str(role) for role in RULES}
    assert SERVICES["store"]["networks"] == ["store"]
    assert COMPOSE["networks"]["store"] == {"internal": True}


def test_no_provider_shares_a_folder_with_anybody() -> None:
    writable = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service["volumes"]
        if not volume.endswith(":ro")
    ]
    keys = [volume.split(":")[0] for service in PARTY.values() for volume in service["volumes"] if ":/tls" in volume]
    assert len(set(writable)) == len(writable) == len(SERVICES) - 1  # the relay writes nothing to disk
    assert len(set(keys)) == len(keys) == len(PARTY)


def test_each_container_bears_the_certificate_of_its_party() -> None:
    for party in PARTIES:
        (tls,) = [volume for volume in SERVICES[party.name]["volumes"] if ":/tls" in volume]
        assert tls == f"./run/tls/{party.identity}:/tls:ro"
        assert SERVICES[party.name]["environment"]["TIERS_NAME"] == party.identity.name


@pytest.mark.parametrize("name", PARTY)
def test_a_container_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [port.split(":")[0] for port in service["ports"]] == ["127.0.0.1"]
    dockerfile = service["build"]["dockerfile"]
    assert read_image(dockerfile.split("/")[1]).one("EXPOSE").split()[0] == "8443"
