"""XMPP, measured: a Prosody with archive on loopback, and people with slixmpp and OMEMO. Nothing is mocked.

    alice's phone -> TLS -> Prosody, archive -> TLS -> bob's phone; his tablet has joined, and is switched off

Who can read what is declared in xmpp.toml. A device is its folder: what slixmpp-omemo keeps in it. OMEMO is the one
that XMPP clients speak with each other, version 0.3.
"""

import asyncio
import json
import logging
import os
import shutil
import tempfile
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import slixmpp
from oldmemo import etree, oldmemo
from omemo.backend import DecryptionFailed
from omemo.storage import Just, Nothing, Storage
from slixmpp.exceptions import IqError
from slixmpp.plugins import register_plugin
from slixmpp.xmlstream.handler import CoroutineCallback
from slixmpp.xmlstream.matcher import MatchXPath
from slixmpp_omemo import XEP_0384
from xeddsa import priv_to_curve25519_pub

from tiers.lab.systems.kit import HERE, PASSWORD, Answers, identity, in_time, judged, seized, takes, told
from tiers.measure import Secret, Service, Unmeasured, Vantage, canary, opens, register, run
from tiers.measure.matrix.matrix import Matrix

SHUT = ("omemo", "second", "joined")
NS = oldmemo.NAMESPACE
_SECONDS = 60
_NOWHERE = Path(os.devnull)
_KEY = oldmemo.PlainKeyMaterialImpl.KEY_LENGTH


def measured() -> Matrix:
    """Start a Prosody, talk, attack from everywhere; raises `Unmeasured` where it is to be installed."""
    if not (prosody := shutil.which("prosody")):
        raise Unmeasured("Install prosody (Debian): XMPP is measured with it.")
    with tempfile.TemporaryDirectory(prefix="measure-") as kept:
        root = Path(kept)
        identity(root / "server")
        (accounts := root / "state/localhost/accounts").mkdir(parents=True)
        (root / "log").mkdir()
        for name in ("alice", "bob", "mallory", "root"):
            (accounts / f"{name}.dat").write_text(f'return {{ ["password"] = "{PASSWORD}" }};')
        command = ["env", f"ROOT={root}", "PORT={port}", prosody, "--config", str(HERE / "prosody.cfg.lua"), "-F"]
        with run("prosody", command, logs=[root / "log"], state=[root / "state"], tap=True) as server:
            return in_time(_attacked(root, server))


async def _attacked(root: Path, server: Service) -> Matrix:
    """Talk, and measure while everybody is connected."""
    texts = {key: canary(key) for key in ("plain", *SHUT)}
    own = canary("mallory's own message")
    devices, kept, said, got = await _talked(root, server.port, texts, own)
    shut = {key: got[key].shut for key in SHUT}
    sealed = {key: _payload(one) for key, one in shut.items()}
    of = {sealed[key]: one for key, one in shut.items()}
    keys = []
    for (name, store), key in zip(kept.items(), SHUT, strict=False):
        three = [Secret(f"{name}'s {what}", value) for what, value in _keys_of(store, shut[key]).items()]
        register(opens([one.name for one in three], partial(_open_as, store, of)))
        keys += three
    for key in SHUT:
        keys.append(Secret(f"content key of {key}", got[key].key))
        register(opens(keys[-1].name, lambda found, message: _open_content(found, of[message])))
    lasting = {name: Secret(f"{name}'s identity key", one.identity_key) for name, one in devices.items()}
    log, archive = takes("log", server), takes("store", server)
    vantages = [
        Vantage("link", takes("wire", server)),
        Vantage("operator", takes("memory", server) | log | archive, control=own),
        Vantage("logs", log),
        Vantage("administrator", told("administrator", said["administrator"])),
        Vantage("other", told("mallory", said["mallory"]), control=own),
        Vantage("sender", seized(root, "alice"), control=lasting["alice"]),
        Vantage("receiver", seized(root, "phone"), control=lasting["phone"]),
        Vantage("receiver-operator", seized(root, "phone") | archive, control=lasting["phone"]),
        Vantage("tablet-operator", seized(root, "tablet") | archive, control=lasting["tablet"]),
    ]
    matrix = await asyncio.to_thread(judged, "xmpp.toml", texts, sealed, vantages, keys)
    await asyncio.gather(*(one.disconnect() for one in devices.values()))
    return matrix


# ---- devices ----


class _Store(Storage):  # type: ignore[misc]  # to mypy, all of these libraries is `Any`
    """What OMEMO keeps on a device: one JSON file, as in the library's own example."""

    def __init__(self, path: Path, kept: Mapping[str, Any]) -> None:
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


class _Got(NamedTuple):
    """What arrived: its element of OMEMO if it was shut, its text, and the key and tag of its content."""

    shut: Any
    text: bytes | None
    key: bytes


class _Device(slixmpp.ClientXMPP):  # type: ignore[misc] # slixmpp has no types
    """Somebody's device. Its folder has what OMEMO keeps; `inbox` the messages that arrived."""

    def __init__(self, who: str, home: Path, password: str = PASSWORD) -> None:
        super().__init__(f"{who}@localhost/{home.name}", password)
        home.mkdir(exist_ok=True)
        self.store = _Store(home / "omemo.json", {})
        self.inbox: asyncio.Queue[_Got] = asyncio.Queue()
        self.ca_certs = home.parent / "server/key/certificate.pem"
        for number in ("0030", "0050", "0060", "0163", "0280", "0313", "0334"):
            self.register_plugin(f"xep_{number}")
        self.register_plugin("xep_0384", {"store": self.store})
        self.register_handler(CoroutineCallback("all", MatchXPath("{jabber:client}message"), self._take))

    @property
    def identity_key(self) -> bytes:
        """The private key that this device has for good."""
        return urlsafe_b64decode(self.store.kept["/ikp/key"])

    async def online(self, port: int) -> "_Device":
        """Log in, and publish the keys of this device."""
        ready = asyncio.ensure_future(self.wait_until("omemo_initialized", _SECONDS))
        await asyncio.sleep(0)  # until it waits
        self.connect("127.0.0.1", port)
        await ready
        self.send_presence()
        return self

    async def say(self, to: str, text: str, *, shut: bool) -> None:
        """Send a message; if it is shut, to all devices of the receiver."""
        stanza = self.make_message(slixmpp.JID(to), text, mtype="chat")
        if shut:
            stanza, _ = await self.plugin["xep_0384"].encrypt_message(stanza, slixmpp.JID(to))
        stanza.send()

    async def _take(self, stanza: Any) -> None:
        """Take up a message, opened."""
        shut, text, key = stanza.xml.find(f"{{{NS}}}encrypted"), stanza["body"].encode(), b""
        if shut is None and stanza["type"] != "chat":
            return  # news of keys, or of an archive
        if shut is not None:
            manager = await self.plugin["xep_0384"].get_session_manager()
            message = await etree.parse_message(shut, stanza["from"].bare, self.boundjid.bare, manager)
            text, _, material = await manager.decrypt(message)
            key = material.key + material.auth_tag
        self.inbox.put_nowait(_Got(shut, text, key))

    async def archive(self, of: str | None = None) -> Answers:
        """Ask for somebody's archive, without `of` for one's own (XEP-0313)."""
        try:
            done = await self.plugin["xep_0313"].retrieve(slixmpp.JID(of) if of else None)
        except IqError as refused:
            return [(f"archive of {of}", str(refused.iq).encode())]
        return [(f"archive, {at}", str(one).encode()) for at, one in enumerate(done["mam"]["results"])]

    async def reset(self, of: str, password: str) -> Answers:
        """Change somebody's password, as an administrator may (XEP-0133)."""
        node, said = "http://jabber.org/protocol/admin#change-user-password", []
        form = self.plugin["xep_0004"].make_form(ftype="submit")
        for name, value in {"FORM_TYPE": node.partition("#")[0], "accountjid": of, "password": password}.items():
            form.add_field(var=name, value=value)
        session = None
        for payload in (None, form):
            answer = await self.plugin["xep_0050"].send_command("localhost", node, payload=payload, sessionid=session)
            session = answer["command"]["sessionid"]
            said.append((f"password of {of}", str(answer).encode()))
        return said


_Kept = Mapping[str, Any]
_Talked = tuple[dict[str, _Device], dict[str, _Kept], dict[str, Answers], dict[str, _Got]]
"""The devices, what two of them kept before their first message, what the curious were answered, what came."""


async def _talked(root: Path, port: int, texts: Mapping[str, Secret], own: Secret) -> _Talked:
    """Say `texts`, as their keys have it, and to Mallory her `own`; the last one after an administrator has joined."""

    async def join(who: str, where: str, password: str = PASSWORD) -> _Device:
        return await _Device(who, root / where, password).online(port)

    people = {"alice": "alice", "phone": "bob", "mallory": "mallory", "root": "root"}
    devices = {where: await join(who, where) for where, who in people.items()}
    alice, phone, mallory, boss = devices.values()
    await alice.say("mallory@localhost", own.text, shut=False)
    await mallory.inbox.get()
    got: dict[str, _Got] = {}
    kept: dict[str, _Kept] = {"phone": dict(phone.store.kept)}
    for key in ("plain", "omemo", "second"):
        if key == "second":
            devices["tablet"] = await join("bob", "tablet")
            await devices["tablet"].disconnect()
            kept["tablet"] = dict(devices["tablet"].store.kept)
        await alice.say("bob@localhost", texts[key].text, shut=key != "plain")
        got[key] = await phone.inbox.get()
        if key == "omemo":
            await alice.inbox.get()  # an empty answer: from now on both have a session
    said = {"mallory": [*await mallory.archive(), *await mallory.archive("bob@localhost")]}
    reset = await boss.reset("bob@localhost", "another")
    ghost = devices["ghost"] = await join("bob", "ghost", "another")
    said["administrator"] = [*reset, *await ghost.archive()]
    await alice.say("bob@localhost", texts["joined"].text, shut=True)
    got["joined"] = await ghost.inbox.get()
    said["administrator"].append(("his device's screen", got["joined"].text or b""))
    return devices, kept, said, got


def _sent_to(kept: _Kept, shut: Any) -> tuple[Any, bytes] | None:
    """Return what a message that begins a session has for a device: the exchange, and its content's key, encrypted."""
    for one in shut.iter(f"{{{NS}}}key"):
        if one.get("rid") == str(kept["/own_device_id"]) and one.get("prekey"):
            exchange, sent = oldmemo.KeyExchangeImpl.parse(b64decode(one.text), set_sign_bit=False)
            return exchange, sent
    return None


def _keys_of(kept: _Kept, shut: Any) -> dict[str, bytes]:
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


def _payload(shut: Any, part: str = "payload") -> bytes:
    """Return the encrypted content of a message, or its `iv`."""
    return b64decode(next(shut.iter(f"{{{NS}}}{part}")).text)


def _open_content(key: bytes, shut: Any) -> bytes | None:
    """Open the content of a message with a key and tag; returns `None` if they are another's."""
    content = oldmemo.ContentImpl(_payload(shut), _payload(shut, "iv"))
    material = oldmemo.PlainKeyMaterialImpl(key[:_KEY], key[_KEY:])
    try:
        return bytes(asyncio.run(oldmemo.Oldmemo(_Store(_NOWHERE, {})).decrypt_plaintext(content, material)))
    except DecryptionFailed:
        return None


def _open_as(kept: _Kept, of: Mapping[bytes, Any], *found: bytes) -> bytes | None:
    """Open a message as the device would that has these three keys; of its store, `kept`, the rest is public."""
    *keys, sealed = found
    if (sent := _sent_to(kept, of[sealed])) is None:
        return None
    identity, signed, once = ("".join(map(chr, key)) for key in keys)
    state = kept[f"/{NS}/x3dh"]
    own = state | {"identity_key": state["identity_key"] | {"secret": identity}, "pre_keys": [once]}
    own["signed_pre_key"] = state["signed_pre_key"] | {"priv": signed}
    backend = oldmemo.Oldmemo(_Store(_NOWHERE, {**kept, f"/{NS}/x3dh": own}))
    encrypted = oldmemo.EncryptedKeyMaterialImpl.parse(sent[1], "bob@localhost", kept["/own_device_id"])
    _, material = asyncio.run(backend.build_session_passive("alice@localhost", 1, sent[0], encrypted))
    return _open_content(material.key + material.auth_tag, of[sealed])
