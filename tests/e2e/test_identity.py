"""Who is asking, on real processes: mutual TLS, a role for every request, certificates that come and go."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from cryptography import x509

from kits.lawful import AUDITOR, CARRIER, Hands, leaves
from tiers.chassis.tls import Tls, device_context
from tiers.device.network import Address
from tiers.lab.classroom.desk import opened
from tiers.lab.world import requests
from tiers.lab.world.cast import ACME, ADMINISTRATORS, APPLICANT, GLOBEX, INVESTIGATOR, PARTIES, party
from tiers.lab.world.pki import Authority
from tiers.lab.world.requests import Row
from tiers.lab.world.world import As, booted
from tiers.wire.api.auditor import Inspect
from tiers.wire.api.court import Decide
from tiers.wire.api.enterprise import NewPassword
from tiers.wire.errors import Ours, TiersError
from tiers.wire.identity import Identity, Role, parse_identity
from tiers.wire.message.envelope import Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

PAGE = Path(__file__).parents[2] / "docs" / "requests.md"
NAMES = {Role.CUSTOMER: ACME, Role.ADMINISTRATOR: ACME, Role.JUDGE: "delhi", Role.WITNESS: "w1", Role.GATEWAY: "1"}
AT_ONCE = 3.0
HUGE = 4_000_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hands(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hands]:
    root: Path = tmp_path_factory.mktemp("identity") / "w"
    async with booted(root) as world, opened(world) as desk:
        yield Hands(desk)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tables() -> dict[str, tuple[Row, ...]]:
    return await requests.tables()


async def refusal(asking: Awaitable[object]) -> str:
    with pytest.raises(TiersError) as refused:
        await asking
    return refused.value.code


# The table, and that it is kept


async def test_the_documentation_shows_the_tables_that_the_programs_build(tables: dict[str, tuple[Row, ...]]) -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert requests.put_into(page, requests.render(tables)) == page, "run: python docs/generate.py"


async def head_only(hands: Hands, who: Identity | None, name: str, row: Row) -> tuple[int, str]:
    """Send the head of a request that promises four gigabytes, and not one byte of them; returns status and code."""
    context = Tls(hands.world.tls(who)).client if who else device_context(hands.world.ca)
    port, host = hands.world.ports[name], party(name).identity.host
    path = row.path.replace("{path:.+}", "0/000").replace("{", "").replace("}", "")
    head = f"{row.method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {HUGE}\r\n\r\n"
    async with asyncio.timeout(AT_ONCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host)
        writer.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        code = msgspec.json.decode(await reader.readexactly(length))["code"]
    writer.transport.abort()
    return int(answer.split()[1]), code


@pytest.mark.parametrize("name", ["witness", "ledger", "gateway", "carrier", "acme", "court", "auditor"])
async def test_every_wrong_role_is_refused_before_the_body_is_read(
    hands: Hands, tables: dict[str, tuple[Row, ...]], name: str
) -> None:
    tried = 0
    for row in tables[party(name).identity.role]:
        wrong = [role for role in Role if role not in row.roles and Role.ANYONE not in row.roles]
        for role in wrong:
            who = None if role is Role.ANYONE else Identity(role, NAMES.get(role, "in"))
            if who is not None and not hands.world.tls(who).exists():
                hands.world.authority.issue(who, hands.world.tls(who))
            assert (403, "request.role") == await head_only(hands, who, name, row), (row.path, role)
            tried += 1
    assert tried > 10


# TLS


@pytest.mark.parametrize("name", [one.name for one in PARTIES] + ["mediation"])
async def test_no_party_answers_in_the_clear_or_below_tls_1_3(hands: Hands, name: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hands.world.ports[name])
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(AT_ONCE):
        assert b"HTTP" not in await reader.read()
    writer.transport.abort()

    old = device_context(hands.world.ca)
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", hands.world.ports[name], ssl=old, server_hostname="localhost")


async def test_a_certificate_of_another_ca_is_nobodys(hands: Hands, tmp_path: Path) -> None:
    Authority.create().issue(CARRIER, tmp_path / "forged")
    (tmp_path / "forged" / "ca.pem").write_bytes(hands.world.ca.read_bytes())

    assert "gateway.unavailable" == await asked_with(hands, tmp_path / "forged")


async def test_a_party_with_an_expired_certificate_is_refused(hands: Hands, tmp_path: Path) -> None:
    hands.world.authority.issue(CARRIER, tmp_path / "fresh")
    hands.world.authority.issue(CARRIER, tmp_path / "expired", lifetime=dt.timedelta(seconds=-1))

    assert "" == await asked_with(hands, tmp_path / "fresh")
    assert "gateway.unavailable" == await asked_with(hands, tmp_path / "expired")


async def asked_with(hands: Hands, folder: Path) -> str:
    """Ask the relay for the carrier's tasks with the certificate in `folder`; returns the code of the refusal."""

    class Elsewhere:
        url = hands.world.url

        def tls(self, _identity: Identity) -> Path:
            return folder

    asking = As(Elsewhere(), CARRIER)  # type: ignore[arg-type]
    try:
        await asking.peer("gateway").ask("GET", "/v1/tasks", msgspec.Raw)
    except TiersError as error:
        return error.code
    finally:
        await asking.close()
    return ""


async def test_a_client_that_reached_another_party_than_it_meant_says_nothing(hands: Hands) -> None:
    device = hands.desk.devices["alice"]
    carrier_in_place_of_relay = Address(hands.world.url("gateway"), CARRIER)

    with pytest.raises(Ours):
        await device.enrol(carrier_in_place_of_relay, "")


async def mediation(hands: Hands, who: Identity | None) -> bytes:
    """Connect to the carrier's X2/X3 port; returns what comes after a keepalive."""
    context = Tls(hands.world.tls(who)).client if who else device_context(hands.world.ca)
    port = hands.world.ports["mediation"]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=CARRIER.host)
    writer.write(bytes.fromhex("000500030000003000000000") + bytes(28) + bytes.fromhex("0008000400000001"))
    try:
        async with asyncio.timeout(AT_ONCE):
            return await reader.read(64)
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()


async def test_x2_and_x3_are_taken_from_a_relay_and_from_nobody_else(hands: Hands) -> None:
    other = parse_identity("gateway/2")  # not the one that is at work: a newer connection ends the older
    hands.world.authority.issue(other, hands.world.tls(other))

    assert b"\x00\x05\x00\x04" == (await mediation(hands, other))[:4]
    for who in (None, AUDITOR, CARRIER, parse_identity("court/in")):
        assert b"" == await mediation(hands, who), who


# Certificates that are replaced


async def serial(hands: Hands, name: str) -> int:
    """The serial number of the certificate that a party shows."""
    context = device_context(hands.world.ca)
    _, writer = await asyncio.open_connection(
        "127.0.0.1", hands.world.ports[name], ssl=context, server_hostname=party(name).identity.host
    )
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(shown).serial_number


@pytest.mark.parametrize("name", [one.name for one in PARTIES])
async def test_a_replaced_certificate_is_taken_up_without_a_restart(hands: Hands, name: str) -> None:
    identity, pid = party(name).identity, hands.world.children[name].pid
    hands.world.authority.issue(identity, hands.world.tls(identity))
    new = x509.load_pem_x509_certificate((hands.world.tls(identity) / "cert.pem").read_bytes()).serial_number

    async with asyncio.timeout(10):
        while new != await serial(hands, name):
            pass

    assert pid == hands.world.children[name].pid
    assert hands.world.children[name].running


async def test_a_server_whose_certificate_has_expired_is_not_spoken_to(hands: Hands) -> None:
    folder = hands.world.tls(AUDITOR)
    hands.world.authority.issue(AUDITOR, folder, lifetime=dt.timedelta(seconds=-1))
    asking = Inspect("0190b8a2-7c1e-7d3a-9f10-3b6a5c2d1e0f")
    try:
        async with asyncio.timeout(10):
            while (code := await fresh(hands, asking)) == "auditor.no_warrant":
                pass
        assert "auditor.unavailable" == code
    finally:
        hands.world.authority.issue(AUDITOR, folder)
    async with asyncio.timeout(10):
        while await fresh(hands, asking) != "auditor.no_warrant":
            pass


async def fresh(hands: Hands, asking: Inspect) -> str:
    """Ask the auditor on a new connection; returns the code of the refusal."""
    investigator = As(hands.world, INVESTIGATOR)
    try:
        return await refusal(investigator.peer("auditor").ask("POST", "/v1/inspections", msgspec.Raw, asking))
    finally:
        await investigator.close()


# People: the certificate is the sign-in


async def applied(hands: Hands) -> str:
    return await hands.desk.apply("bob", (Service.BBM,), minutes=1)


async def test_a_judge_signs_in_with_her_certificate_and_nobody_else_approves(hands: Hands) -> None:
    jti = await applied(hands)
    path = f"/v1/applications/{jti}/approval"
    before = len(leaves(hands.world))

    assert "request.role" == await refusal(hands.peer(APPLICANT, "court").ask("POST", path, msgspec.Raw, Decide()))
    for stranger in ("judge/mumbai", "judge/cbi"):
        peer = hands.peer(stranger, "court")
        assert "court.judge" == await refusal(peer.ask("POST", path, msgspec.Raw, Decide()))
    assert [("warrant.refused", "court.judge")] * 2 == [
        (leaf.type, leaf.detail) for leaf in leaves(hands.world)[before:]
    ]
    assert "Approved" == (await hands.desk.decide(jti, "approval")).status


async def test_an_investigator_of_another_agency_inspects_nothing_here(hands: Hands) -> None:
    asking = Inspect("0190b8a2-7c1e-7d3a-9f10-3b6a5c2d1e0f")

    peer = hands.peer("investigator/nia", "auditor")

    assert "auditor.agency" == await refusal(peer.ask("POST", "/v1/inspections", msgspec.Raw, asking))


async def test_an_administrator_administers_his_own_customer_only(hands: Hands) -> None:
    ask = NewPassword("3100000f")
    of_globex = hands.peer(ADMINISTRATORS[GLOBEX], "acme")

    assert "request.org" == await refusal(of_globex.ask("POST", "/v1/passwords", msgspec.Raw, ask))


async def test_an_applicant_of_another_agency_sees_no_warrant_of_this_one(hands: Hands) -> None:
    jti = await applied(hands)
    other = hands.peer("applicant/nia", "court")

    assert jti.encode() not in bytes(await other.ask("GET", "/v1/warrants", msgspec.Raw))
    assert "court.unknown" == await refusal(other.ask("GET", f"/v1/warrants/{jti}", msgspec.Raw))
