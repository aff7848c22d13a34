"""A device that speaks OMEMO by slixmpp-omemo: what it keeps and gets, and what keys that were found open.

OMEMO is the one that XMPP clients speak with each other, version 0.3.
"""

import asyncio
import json
import logging
import os
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import slixmpp
from oldmemo import oldmemo
from omemo.backend import DecryptionFailed
from omemo.storage import Just, Nothing, Storage
from slixmpp.plugins import register_plugin
from slixmpp.xmlstream.handler import CoroutineCallback
from slixmpp.xmlstream.matcher import MatchXPath
from slixmpp_omemo import XEP_0384
from xeddsa import priv_to_curve25519_pub

from tiers.lab.systems import kit

NS = oldmemo.NAMESPACE
Kept = Mapping[str, Any]
"""What OMEMO keeps on a device, by name."""


class _Store(Storage):  # type: ignore[misc]  # to mypy, all of these libraries is `Any`
    """What OMEMO keeps on a device: one JSON file, as in the library's own example."""

    def __init__(self, path: Path, kept: Kept) -> None:
        super().__init__()
        self.path, self.kept = path, dict(kept)

    async def _load(self, key: str) -> Any:
        return Just(self.kept[key]) if key in self.kept else Nothing()

    async def _store(self, key: str, value: Any) -> None:
        self.kept[key] = value
        self.path.write_text(json.dumps(self.kept))

    async def _delete(self, key: str) -> None:
        self.kept.pop(key, None)
        self.path.write_text(json.dumps(self.kept))


class _Omemo(XEP_0384):  # type: ignore[misc] # slixmpp has no types
    """OMEMO that trusts new devices until somebody verifies one, as most clients do."""

    default_config = {**XEP_0384.default_config, "store": None}  # noqa: RUF012 - the library wants it so
    storage = property(lambda self: self.store)
    _btbv_enabled = True

    async def _prompt_manual_trust(self, _devices: object, _identifier: object) -> None:
        """Ask nobody: nothing is undecided."""


register_plugin(_Omemo)
for _name in ("omemo", "slixmpp"):
    logging.getLogger(_name).addHandler(logging.NullHandler())  # else their warnings stand on the terminal


class Device(slixmpp.ClientXMPP):  # type: ignore[misc] # slixmpp has no types
    """Somebody's device. Its folder has what OMEMO keeps; `inbox` what arrived: its element of OMEMO, and its text."""

    def __init__(self, who: str, home: Path, password: str = kit.PASSWORD) -> None:
        super().__init__(f"{who}@localhost/{home.name}", password)
        home.mkdir(exist_ok=True)
        self.store = _Store(home / "omemo.json", {})
        self.inbox: asyncio.Queue[tuple[Any, bytes]] = asyncio.Queue()
        self.ca_certs = home.parent / "server/key/certificate.pem"
        for number in ("0030", "0050", "0060", "0163", "0280", "0313", "0334"):
            self.register_plugin(f"xep_{number}")
        self.register_plugin("xep_0384", {"store": self.store})
        self.register_handler(CoroutineCallback("all", MatchXPath("{jabber:client}message"), self._take))

    @property
    def identity_key(self) -> bytes:
        """The private key that this device has for good."""
        return urlsafe_b64decode(self.store.kept["/ikp/key"])

    async def _take(self, stanza: Any) -> None:
        """Take up a message, opened."""
        if (shut := stanza.xml.find(f"{{{NS}}}encrypted")) is not None:
            stanza, _ = await self.plugin["xep_0384"].decrypt_message(stanza)
        elif stanza["type"] != "chat":
            return  # news of keys, or of an archive
        self.inbox.put_nowait((shut, stanza["body"].encode()))


def _sent_to(kept: Kept, shut: Any) -> tuple[Any, bytes] | None:
    """Return what a message that begins a session has for a device: the exchange, and its content's key, encrypted."""
    for one in shut.iter(f"{{{NS}}}key"):
        if one.get("rid") == str(kept["/own_device_id"]) and one.get("prekey"):
            exchange, sent = oldmemo.KeyExchangeImpl.parse(b64decode(one.text), set_sign_bit=False)
            return exchange, sent
    return None


def keys_of(kept: Kept, shut: Any) -> dict[str, bytes]:
    """Return the private keys with which a device opens the first message of a session: its own three (X3DH)."""
    state, sent = kept[f"/{NS}/x3dh"], _sent_to(kept, shut)
    numbers = {b64decode(public): number for public, number in kept[f"/{NS}/pre_key_ids"].items()}
    once = [bytes(map(ord, one)) for one in state["pre_keys"]]
    return {
        "identity key": urlsafe_b64decode(kept["/ikp/key"]),
        "signed pre key": bytes(map(ord, state["signed_pre_key"]["priv"])),
        "one-time pre key": next(
            one for one in once if sent and numbers[priv_to_curve25519_pub(one)] == sent[0].pre_key_id
        ),
    }


def payload(shut: Any, part: str = "payload") -> bytes:
    """Return the encrypted content of a message, or its `iv`."""
    return b64decode(next(shut.iter(f"{{{NS}}}{part}")).text)


def open_as(kept: Kept, of: Mapping[bytes, Any], *found: bytes) -> bytes | None:
    """Open a message as the device would that has these three keys; of its store, `kept`, the rest is public."""
    *keys, sealed = found
    shut = of[sealed]
    if (sent := _sent_to(kept, shut)) is None:
        return None
    identity, signed, once = ("".join(map(chr, key)) for key in keys)
    state = kept[f"/{NS}/x3dh"]
    own = state | {"identity_key": state["identity_key"] | {"secret": identity}, "pre_keys": [once]}
    own["signed_pre_key"] = state["signed_pre_key"] | {"priv": signed}
    backend = oldmemo.Oldmemo(_Store(Path(os.devnull), {**kept, f"/{NS}/x3dh": own}))
    encrypted = oldmemo.EncryptedKeyMaterialImpl.parse(sent[1], "bob@localhost", kept["/own_device_id"])
    _, material = asyncio.run(backend.build_session_passive("alice@localhost", 1, sent[0], encrypted))
    try:
        content = oldmemo.ContentImpl(sealed, payload(shut, "iv"))
        return bytes(asyncio.run(backend.decrypt_plaintext(content, material)))
    except DecryptionFailed:
        return None
