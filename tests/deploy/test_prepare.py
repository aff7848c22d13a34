"""What stands in for a real CA gives every container its files, readable by nobody else."""

import stat
from pathlib import Path

import pytest
import yaml

from kits.dockerfile import DEPLOY
from prepare import exchange, main, prepare
from tiers.chassis.tls import Tls
from tiers.lab.world.cast import WITNESSES
from tiers.lab.world.world import PUBLIC
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log.checkpoint import LogSigner, WitnessSigner
from tiers.wire.log.policy import parse_policy

SERVICES = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


def test_every_folder_that_a_container_mounts_is_there(tmp_path: Path) -> None:
    prepare(tmp_path)
    for service in SERVICES.values():
        for volume in service["volumes"]:
            mounted = tmp_path / volume.split(":")[0].removeprefix("./run/")
            assert mounted.exists() or (DEPLOY / volume.split(":")[0]).exists()
            if ":/tls" in volume:
                Tls(mounted)


def test_every_variable_that_compose_asks_for_is_written(tmp_path: Path) -> None:
    prepare(tmp_path)
    written = dict(line.split("=", 1) for line in (tmp_path / "compose.env").read_text().splitlines())
    asked = {"TIERS_USER", "TIERS_STORE_GATEWAY", "TIERS_STORE_CARRIER"}
    assert written.keys() == asked
    assert all(f"${{{name}" in (DEPLOY / "compose.yaml").read_text() for name in asked)


def test_nobody_else_can_read_any_of_it(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()} == {0o600}


def test_preparing_again_renews_the_certificates_and_keeps_the_rest(tmp_path: Path) -> None:
    prepare(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    prepare(tmp_path)
    changed = {path for path, data in before.items() if path.read_bytes() != data}
    assert changed == {path for path in before if path.suffix == ".pem"}


def test_the_exchange_pins_what_the_parties_made(tmp_path: Path) -> None:
    prepare(tmp_path)
    for name, (made, _) in PUBLIC.items():
        (tmp_path / "state" / name / made).write_text(name)
    (tmp_path / "state" / "ledger" / "log.vkey").write_text(LogSigner("log", SigningKey(b"L" * 32)).key.vkey())
    for name in WITNESSES:
        key = WitnessSigner(f"tiers.example/{name}", SigningKey(name.ljust(32).encode()))
        (tmp_path / "state" / name / "witness.vkey").write_text(key.key.vkey())
    exchange(tmp_path)
    policy = parse_policy((tmp_path / "trust" / "log.policy").read_text())
    assert (len(policy.pinned.witnesses), policy.pinned.quorum) == (3, 2)
    assert set(policy.urls.values()) == {f"https://{name}:8443" for name in WITNESSES}
    assert {name: (tmp_path / "trust" / pinned).read_text() for name, (_, pinned) in PUBLIC.items()} == {
        name: name for name in PUBLIC
    }


def test_root_is_told_to_use_an_ordinary_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 0)
    with pytest.raises(SystemExit, match="ordinary user"):
        main([])
