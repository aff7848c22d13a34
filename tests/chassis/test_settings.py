"""A party's settings: what is wrong in the file that holds them is one sentence."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tiers.chassis.settings import load
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
    relay_url: str
    store_url: str = ""


def test_all_that_is_lacking_is_said_at_once_by_the_name_of_its_variable() -> None:
    with pytest.raises(Yours, match=r"^settings\.missing: Set TIERS_STATE, TIERS_RELAY_URL,"):
        load(Three, {})


@pytest.mark.parametrize("url", ["foo", "http://127.0.0.1:1", "https://", "https://a/b", "https://a b", "https://a?b"])
def test_an_address_that_nobody_can_answer_at_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(Yours, match=r"^settings\.invalid: Set TIERS_RELAY_URL to https://host:port\.$"):
        load(Three, {"TIERS_STATE": "/b", "TIERS_RELAY_URL": url})


@pytest.mark.parametrize("url", ["https://a", "https://127.0.0.1:1", "https://[::1]:8443/"])
def test_any_host_and_port_is_an_address(url: str) -> None:
    assert url == load(Three, {"TIERS_STATE": "/b", "TIERS_RELAY_URL": url, "TIERS_STORE_URL": "unix://x"}).relay_url
