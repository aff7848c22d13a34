"""Who comes in: the decisions of the page's door."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.lab.page import control
from tiers.lab.page.bodies import Warrant
from tiers.lab.page.door import HEADERS, POLICY, Door
from tiers.wire.errors import Forbidden, TiersError, Unauthenticated

DOOR = Door(4711)
HOST = DOOR.host
OWN = {"Host": HOST, "Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def door() -> Door:
    return DOOR


@pytest.fixture
def cookie(door: Door) -> str:
    return door.enter(door.invite().partition("token=")[2])


def test_an_invitation_lets_one_browser_in_once(door: Door) -> None:
    token = door.invite().partition("token=")[2]
    door.enter(token)

    with pytest.raises(Unauthenticated, match="lab.invitation"):
        door.enter(token)


def test_two_invitations_are_two(door: Door) -> None:
    first, second = door.invite(), door.invite()

    assert first != second
    assert door.enter(second.partition("token=")[2]) == door.enter(first.partition("token=")[2])


def test_the_page_comes_in_with_its_cookie(door: Door, cookie: str) -> None:
    door.check("POST", OWN, cookie)
    door.check("GET", {"Host": HOST, "Sec-Fetch-Site": "none"}, cookie)


def test_the_command_line_comes_in_with_its_token(door: Door) -> None:
    door.check("POST", {"Host": "127.0.0.1:4711", "Authorization": f"Bearer {door.token}"}, "")


@pytest.mark.parametrize(
    ("method", "change", "code"),
    [
        ("GET", {"Host": "evil.example"}, "lab.host"),
        ("GET", {"Host": "localhost:4711"}, "lab.host"),
        ("GET", {"Host": "127.0.0.1:4711"}, "lab.host"),
        ("GET", {"Authorization": "Bearer \udce9"}, "lab.token"),
        ("POST", {"Origin": "http://evil.example"}, "lab.origin"),
        ("POST", {"Origin": "null"}, "lab.origin"),
        ("POST", {"Origin": None}, "lab.origin"),
        ("GET", {"Origin": "http://127.0.0.1:4712"}, "lab.origin"),
        ("GET", {"Sec-Fetch-Site": "cross-site"}, "lab.origin"),
        ("GET", {"Sec-Fetch-Site": "same-site"}, "lab.origin"),
        ("GET", {"Authorization": "Bearer guessed"}, "lab.token"),
    ],
)
def test_whoever_comes_from_elsewhere_stays_out(
    door: Door, cookie: str, method: str, change: dict[str, str | None], code: str
) -> None:
    headers = {name: value for name, value in (OWN | change).items() if value is not None}

    with pytest.raises(TiersError, match=code):
        door.check(method, headers, cookie)


def test_without_the_cookie_nobody_comes_in(door: Door, cookie: str) -> None:
    for other in ("", cookie[:-1], cookie + "A", "\udcff", "é"):
        with pytest.raises(Unauthenticated, match="lab.cookie"):
            door.check("GET", OWN, other)


def test_a_token_in_the_wrong_header_is_no_cookie(door: Door) -> None:
    with pytest.raises(Unauthenticated):
        door.check("GET", OWN, door.token)


@given(st.dictionaries(st.sampled_from(["Host", "Origin", "Authorization", "Sec-Fetch-Site"]), st.text()), st.text())
def test_nothing_but_our_own_errors_escapes(headers: dict[str, str], cookie: str) -> None:
    with pytest.raises((Unauthenticated, Forbidden)):
        Door(1).check("GET", headers, cookie)


def test_the_policy_allows_our_own_files_and_nothing_else() -> None:
    assert POLICY.startswith("default-src 'none'")
    assert "unsafe" not in POLICY
    assert "*" not in POLICY
    assert HEADERS["X-Content-Type-Options"] == "nosniff"


def test_the_page_has_a_name_that_no_other_port_of_this_machine_knows() -> None:
    first, second = Door(1), Door(1)
    assert first.host != second.host
    assert first.host.endswith(".localhost:1")
    assert "127.0.0.1" not in first.invite()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_at_an_invitation_spends_nothing(door: Door, method: str) -> None:
    token = door.invite().partition("token=")[2]
    for _ in range(3):
        door.check_enter(method, {"Host": HOST, "Sec-Fetch-Site": "cross-site"})
        assert token in door.button(token)
    assert door.enter(token)


@pytest.mark.parametrize("change", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "x"}])
def test_nobody_else_presses_the_button(door: Door, change: dict[str, str]) -> None:
    door.check_enter("POST", OWN)
    with pytest.raises(Forbidden):
        door.check_enter("POST", OWN | change)


def test_a_token_writes_nothing_into_the_page(door: Door) -> None:
    assert "<script" not in door.button('"><script>')


async def test_the_address_is_in_a_file_of_our_own_and_on_no_command_line(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(control.webbrowser, "open", opened.append)
    address = door.invite()

    await control.show(tmp_path, address)

    (file,) = tmp_path.iterdir()
    assert [file.as_uri()] == opened
    assert address in file.read_text(encoding="utf-8")
    assert 0o600 == file.stat().st_mode & 0o777


def test_a_door_never_shows_its_keys(door: Door, cookie: str) -> None:
    assert door.token not in repr(door)
    assert cookie not in repr(door)


@pytest.mark.parametrize("about", [{"jti": "../../v1/vouchers"}, {"jti": "a%2fb"}, {"jti": "a", "verb": "../x"}])
def test_the_name_of_a_warrant_is_no_way_to_another_request(about: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(about, Warrant)
