"""Parties that misbehave on purpose, for scenarios: what a relay's own operator, or an intruder in it, could install.

`plant` runs in the party's process before the party's code does (launcher.py) and replaces a function of it. No party
has a switch for any of this.
"""

import os
from collections.abc import Callable, Mapping
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


def any_readers() -> None:
    """A relay that lets messages through whoever they name as readers."""
    from gateway import channels  # noqa: PLC0415 - only in the rogue's own process

    channels.Readers.check = lambda _self, envelope, _sender, _receiver: envelope  # type: ignore[method-assign]


def copy_all() -> None:
    """A relay that keeps a copy of everything for itself, and tells nobody (Athens, 2004 to 2005)."""
    from gateway import intake  # noqa: PLC0415 - as above

    take = intake.Intake.take

    async def copying(self: Any, pin: str, raw: bytes, sender: Any) -> None:
        with (_state() / COPIES).open("ab") as file:
            file.write(raw + b"\n")
        await take(self, pin, raw, sender)

    intake.Intake.take = copying  # type: ignore[method-assign]


def swap_keys() -> None:
    """A relay that gave a sender a false key of the receiver: it opens, keeps, and seals again to the true one.

    The signature inside still fits: it names the header, and the header stays as it was.
    """
    from gateway import intake  # noqa: PLC0415 - as above
    from services.wire.custody import Card  # noqa: PLC0415 - a relay has no way to open; this one brought it along
    from services.wire.envelope import format_jwe, format_kid, parse_envelope  # noqa: PLC0415
    from services.wire.sealing import (  # noqa: PLC0415
        HpkePrivateKey,
        HpkePublicKey,
        decrypt_with,
        encrypt_for,
        open_content,
        seal_content,
    )

    take = intake.Intake.take

    async def swapping(self: Any, pin: str, raw: bytes, sender: Any) -> None:
        envelope = parse_envelope(raw)
        card = msgspec.json.decode((_state() / TRUE_CARD).read_bytes(), type=Card)
        if envelope.header.to == card.pin:
            jwe = envelope.jwe
            false = HpkePrivateKey((_state() / FALSE_KEY).read_bytes())
            text = open_content(jwe, decrypt_with(jwe.recipients[0], false))
            with (_state() / COPIES).open("ab") as file:
                file.write(text + b"\n")
            sealed = seal_content(jwe.protected, text, len(text))
            raw = format_jwe(sealed.jwe([encrypt_for(format_kid(card.kid), sealed.cek, HpkePublicKey.from_jwk(card.hpke))]))
        await take(self, pin, raw, sender)

    intake.Intake.take = swapping  # type: ignore[method-assign]


ROGUES: Mapping[str, Callable[[], None]] = {
    "any-readers": any_readers,
    "copy-all": copy_all,
    "swap-keys": swap_keys,
}
