"""Parties that misbehave on purpose, for scenarios: what a relay's own operator, or an intruder in it, could install.

`plant` runs in the party's process before the party's code does (launcher.py) and replaces a function of it. No party
has a switch for any of this.
"""

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

FALSE_KEY = "false.key"
TRUE_CARD = "true.card"
COPIES = "copies.bin"


def plant(name: str) -> None:
    """Install one."""
    ROGUES[name]()


def _state() -> Path:
    return Path(os.environ["TIERS_STATE"])


def _keep(what: bytes) -> None:
    _state().mkdir(mode=0o700, exist_ok=True)  # an honest relay with a store elsewhere keeps nothing there
    with (_state() / COPIES).open("ab") as file:
        file.write(bytes(what) + b"\n")


def any_readers() -> None:
    """Make a relay that lets messages through whoever they name as readers."""
    channels: Any = import_module("tiers.gateway.channels")  # only in the rogue's own process

    channels.Readers.check = lambda _self, envelope, _sender, _receiver: envelope


def copy_all() -> None:
    """Make a relay that keeps a copy of everything for itself, and tells nobody (Athens, 2004 to 2005)."""
    intake: Any = import_module("tiers.gateway.path.intake")

    submit = intake.Intake._submit  # an intruder keeps to no interface

    def copying(self: Any, item: Any, device: Any, receiver: Any) -> None:
        _keep(item.envelope)
        submit(self, item, device, receiver)

    intake.Intake._submit = copying


def swap_keys() -> None:
    """Make a relay that gave a sender a false key of the receiver: it opens, keeps, seals again to the true one.

    The signature inside still fits: it names the header, and the header stays as it was.
    """
    intake: Any = import_module("tiers.gateway.path.intake")
    from tiers.wire.custody import Card  # noqa: PLC0415 - a relay has no way to open; this one brought it along
    from tiers.wire.message.envelope import format_jwe, format_kid, parse_envelope  # noqa: PLC0415
    from tiers.wire.message.sealing import (  # noqa: PLC0415
        HpkePrivateKey,
        HpkePublicKey,
        decrypt_with,
        encrypt_for,
        open_content,
        seal_content,
    )

    submit = intake.Intake._submit

    def swapping(self: Any, item: Any, device: Any, receiver: Any) -> None:
        card = msgspec.json.decode((_state() / TRUE_CARD).read_bytes(), type=Card)
        if item.parsed.header.to == card.pin:
            jwe = item.parsed.jwe
            false = HpkePrivateKey((_state() / FALSE_KEY).read_bytes())
            text = open_content(jwe, decrypt_with(jwe.recipients[0], false))
            _keep(text)
            again = seal_content(jwe.protected, text, len(text))
            true = encrypt_for(format_kid(card.kid), again.cek, HpkePublicKey.from_jwk(card.hpke))
            raw = format_jwe(again.jwe([true]))
            item = msgspec.structs.replace(item, parsed=parse_envelope(raw), envelope=raw)
        submit(self, item, device, receiver)

    intake.Intake._submit = swapping


ROGUES: Mapping[str, Callable[[], None]] = {
    "any-readers": any_readers,
    "copy-all": copy_all,
    "swap-keys": swap_keys,
}
