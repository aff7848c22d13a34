"""XMPP, measured: a Prosody with archive on loopback, and people with slixmpp and OMEMO. Nothing is mocked.

    alice's phone -> TLS -> Prosody, archive -> TLS -> bob's phone; his tablet has joined, and is switched off

Who can read what is declared in xmpp.toml. A device is its folder: what slixmpp-omemo keeps in it.
"""

import asyncio
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import slixmpp
from slixmpp.exceptions import IqError

from tiers.lab.systems import kit
from tiers.lab.systems.omemo import Device, Kept, keys_of, open_as, payload
from tiers.measure import Secret, Service, Vantage, canary, opens, register, run
from tiers.measure.matrix.matrix import Matrix

_SECONDS = 60
SHUT = ("omemo", "second", "joined")


def measured() -> Matrix:
    """Start a Prosody, talk, attack from everywhere; raises `Unmeasured` where it is to be installed."""
    (prosody,) = kit.programs(prosody="prosody")
    with tempfile.TemporaryDirectory(prefix="measure-") as kept:
        root = Path(kept)
        kit.identity(root / "server")
        (accounts := root / "state/localhost/accounts").mkdir(parents=True)
        (root / "log").mkdir()
        for name in ("alice", "bob", "mallory", "root"):
            (accounts / f"{name}.dat").write_text(f'return {{ ["password"] = "{kit.PASSWORD}" }};')
        command = ["env", f"ROOT={root}", "PORT={port}", prosody, "--config", str(kit.HERE / "prosody.cfg.lua"), "-F"]
        with run("prosody", command, logs=[root / "log"], state=[root / "state"], tap=True) as server:
            return kit.in_time(_attacked(root, server))


async def _attacked(root: Path, server: Service) -> Matrix:
    """Talk, and measure while everybody is connected."""
    texts = {key: canary(key) for key in ("plain", *SHUT)}
    own = canary("mallory's own message")
    devices, kept, said, got = await _talked(root, server.port, texts, own)
    of = {payload(got[key][0]): got[key][0] for key in SHUT}
    sealed = dict(zip(SHUT, of, strict=True))
    keys = []
    for (name, store), key in zip(kept.items(), SHUT, strict=False):
        three = [Secret(f"{name}'s {what}", value) for what, value in keys_of(store, got[key][0]).items()]
        register(opens([one.name for one in three], partial(open_as, store, of)))
        keys += three
    lasting = {name: Secret(f"{name}'s identity key", one.identity_key) for name, one in devices.items()}
    log, archive = kit.takes("log", server), kit.takes("store", server)
    vantages = [
        Vantage("link", kit.takes("wire", server)),
        Vantage("operator", kit.takes("memory", server) | log | archive, control=own),
        Vantage("logs", log),
        Vantage("administrator", kit.told("administrator", said["administrator"])),
        Vantage("other", kit.told("mallory", said["mallory"]), control=own),
        Vantage("sender", kit.seized(root, "alice"), control=lasting["alice"]),
        Vantage("receiver", kit.seized(root, "phone"), control=lasting["phone"]),
        Vantage("receiver-operator", kit.seized(root, "phone") | archive, control=lasting["phone"]),
        Vantage("tablet-operator", kit.seized(root, "tablet") | archive, control=lasting["tablet"]),
    ]
    matrix = await asyncio.to_thread(kit.judged, "xmpp.toml", texts, sealed, vantages, keys)
    await asyncio.gather(*(one.disconnect() for one in devices.values()))
    return matrix


_Talked = tuple[dict[str, Device], dict[str, Kept], dict[str, kit.Answers], dict[str, tuple[Any, bytes]]]
"""The devices, what two of them kept before their first message, what the curious were answered, what came."""


async def _talked(root: Path, port: int, texts: Mapping[str, Secret], own: Secret) -> _Talked:
    """Say `texts`, as their keys have it, and to Mallory her `own`; the last one after an administrator has joined."""

    async def join(who: str, where: str, password: str = kit.PASSWORD) -> Device:
        device = Device(who, root / where, password)
        ready = asyncio.ensure_future(device.wait_until("omemo_initialized", _SECONDS))
        await asyncio.sleep(0)  # until it waits
        device.connect("127.0.0.1", port)
        await ready
        device.send_presence()
        return device

    people = {"alice": "alice", "phone": "bob", "mallory": "mallory", "root": "root"}
    devices = {where: await join(who, where) for where, who in people.items()}
    alice, phone, mallory, boss = devices.values()
    await _say(alice, "mallory@localhost", own.text, shut=False)
    await mallory.inbox.get()
    got: dict[str, tuple[Any, bytes]] = {}
    kept: dict[str, Kept] = {"phone": dict(phone.store.kept)}
    for key in ("plain", "omemo", "second"):
        if key == "second":
            devices["tablet"] = await join("bob", "tablet")
            await devices["tablet"].disconnect()
            kept["tablet"] = dict(devices["tablet"].store.kept)
        await _say(alice, "bob@localhost", texts[key].text, shut=key != "plain")
        got[key] = await phone.inbox.get()
        if key == "omemo":
            await alice.inbox.get()  # an empty answer: from now on both have a session
    said = {"mallory": [*await _archive(mallory), *await _archive(mallory, "bob@localhost")]}
    reset = await _reset(boss, "bob@localhost", "another")
    ghost = devices["ghost"] = await join("bob", "ghost", "another")
    said["administrator"] = [*reset, *await _archive(ghost)]
    await _say(alice, "bob@localhost", texts["joined"].text, shut=True)
    got["joined"] = await ghost.inbox.get()
    said["administrator"].append(("his device's screen", got["joined"][1]))
    return devices, kept, said, got


async def _say(device: Device, to: str, text: str, *, shut: bool) -> None:
    """Send a message; if it is shut, to all devices of the receiver."""
    stanza = device.make_message(slixmpp.JID(to), text, mtype="chat")
    if shut:
        stanza, _ = await device.plugin["xep_0384"].encrypt_message(stanza, slixmpp.JID(to))
    stanza.send()


async def _archive(device: Device, of: str | None = None) -> kit.Answers:
    """Ask for somebody's archive, without `of` for one's own (XEP-0313)."""
    try:
        done = await device.plugin["xep_0313"].retrieve(slixmpp.JID(of) if of else None)
    except IqError as refused:
        return [(f"archive of {of}", str(refused.iq).encode())]
    return [(f"archive, {at}", str(one).encode()) for at, one in enumerate(done["mam"]["results"])]


async def _reset(device: Device, of: str, password: str) -> kit.Answers:
    """Change somebody's password, as an administrator may (XEP-0133)."""
    node, said = "http://jabber.org/protocol/admin#change-user-password", []
    form = device.plugin["xep_0004"].make_form(ftype="submit")
    for name, value in {"FORM_TYPE": node.partition("#")[0], "accountjid": of, "password": password}.items():
        form.add_field(var=name, value=value)
    session = None
    for part in (None, form):
        answer = await device.plugin["xep_0050"].send_command("localhost", node, payload=part, sessionid=session)
        session = answer["command"]["sessionid"]
        said.append((f"password of {of}", str(answer).encode()))
    return said
