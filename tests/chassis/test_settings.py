"""A party's settings: what is wrong in the file that holds them is one sentence."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tiers.chassis.settings import HostPort, HttpsUrl, Name, PartySettings, PerhapsUrl, load
from tiers.gateway.config import Settings as RelaySettings
from tiers.wire.errors import Yours


@dataclass
class Two:
    state: Path
    workers: int = 1


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (b"\xff\xfe\0", "settings.file"),
        (b"workers = ", "settings.file"),
        (b"workers = " + b"[" * 5_000, "settings.file"),
        (b"colour = 1", "settings.unknown"),
        (b"workers = 1.5", "settings.invalid"),
        (b"workers = 'two'", "settings.invalid"),
    ],
)
def test_a_settings_file_that_is_none_is_one_sentence(tmp_path: Path, file: bytes, code: str) -> None:
    config = tmp_path / "settings.toml"
    config.write_bytes(file)
    with pytest.raises(Yours) as wrong:
        load(Two, {"TIERS_CONFIG": str(config), "TIERS_STATE": str(tmp_path)})
    assert (code, 1) == (wrong.value.code, len(wrong.value.detail.splitlines()))


def test_the_environment_comes_before_the_file_and_a_folder_is_no_file(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("state = '/a'\nworkers = 2")
    assert Two(Path("/b"), 2) == load(Two, {"TIERS_CONFIG": str(config), "TIERS_STATE": "/b"})
    with pytest.raises(Yours, match=r"^settings\.file"):
        load(Two, {"TIERS_CONFIG": str(tmp_path)})


@dataclass
class Three:
    state: Path
    relay_url: HttpsUrl
    listen: HostPort = "127.0.0.1:1"
    carrier: Name = "in"
    court_url: PerhapsUrl = ""
    store_url: str = ""


def test_all_that_is_lacking_is_said_at_once_by_the_name_of_its_variable() -> None:
    with pytest.raises(Yours, match=r"^settings\.missing: Set TIERS_STATE, TIERS_RELAY_URL,"):
        load(Three, {})


GOOD = {"TIERS_STATE": "/b", "TIERS_RELAY_URL": "https://a"}
NO_PORTS = ["x", "999999", "65536", "-1", "\u0663", ""]


@pytest.mark.parametrize(
    "url",
    ["foo", "", "http://127.0.0.1:1", "https://", "https://a/b", "https://a b", "https://a?b", "https://[::1"]
    + [f"https://a:{port}" for port in NO_PORTS],
)
def test_an_address_that_nobody_can_answer_at_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(Yours, match=r"^settings\.invalid: Set TIERS_RELAY_URL to https://host:port\.$"):
        load(Three, {"TIERS_STATE": "/b", "TIERS_RELAY_URL": url})


@pytest.mark.parametrize("listen", ["x", "127.0.0.1", ":1", "a\0:1", *(f"127.0.0.1:{port}" for port in NO_PORTS)])
def test_what_is_no_address_to_listen_at_is_refused_at_the_start(listen: str) -> None:
    with pytest.raises(Yours, match=r"^settings\.invalid: Set TIERS_LISTEN to host:port, such as 127\.0\.0\.1:8443\.$"):
        load(Three, GOOD | {"TIERS_LISTEN": listen})


@pytest.mark.parametrize("listen", ["a:0", "127.0.0.1:65535", "[::1]:8443", "[fe80::1%25lo]:59999"])
def test_any_host_and_port_is_listened_at(listen: str) -> None:
    assert listen == load(Three, GOOD | {"TIERS_LISTEN": listen}).listen


@pytest.mark.parametrize("name", ["../x", "", "a b", "+", "é", "a/b", "in\n", "a" * 41])
def test_what_stands_in_no_certificate_is_no_name(name: str) -> None:
    with pytest.raises(Yours, match=r"^settings\.invalid: Set TIERS_CARRIER to 1 to 40 letters, digits and hyphens\.$"):
        load(Three, GOOD | {"TIERS_CARRIER": name})


def test_an_address_that_may_be_left_out_may_be_empty() -> None:
    assert load(Three, GOOD | {"TIERS_COURT_URL": ""}).court_url == ""
    with pytest.raises(Yours, match=r"^settings\.invalid: Set TIERS_COURT_URL to https://host:port\.$"):
        load(Three, GOOD | {"TIERS_COURT_URL": "x"})


PARTY = {"TIERS_LISTEN": "a:1", "TIERS_TLS": "/tls", "TIERS_NAME": "in"}


def test_a_trust_folder_may_come_later_and_is_a_folder() -> None:
    assert load(PartySettings, PARTY | {"TIERS_TRUST": "/nowhere"}).trust == Path("/nowhere")
    with pytest.raises(Yours, match=r"^settings\.invalid: Set TIERS_TRUST to a folder\.$"):
        load(PartySettings, PARTY | {"TIERS_TRUST": "/dev/null"})


@pytest.mark.parametrize("workers", ["-1", "0", "17", "1000000"])
def test_a_relay_has_a_few_processes(workers: str) -> None:
    urls = {f"TIERS_{name}_URL": "https://a" for name in ("LEDGER", "CARRIER")} | {"TIERS_STORE_URL": "unix://x"}
    told = PARTY | urls | {"TIERS_TRUST": "/nowhere", "TIERS_MEDIATION": "a:1", "TIERS_WORKERS": workers}
    with pytest.raises(Yours, match=r"^settings\.invalid: Set TIERS_WORKERS to another value: Expected `int`"):
        load(RelaySettings, told)


@pytest.mark.parametrize("url", ["https://a", "https://127.0.0.1:1", "https://[::1]:8443/", "https://a:65535"])
def test_any_host_and_port_is_an_address(url: str) -> None:
    assert url == load(Three, {"TIERS_STATE": "/b", "TIERS_RELAY_URL": url, "TIERS_STORE_URL": "unix://x"}).relay_url
