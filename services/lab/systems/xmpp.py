"""XMPP, measured: a Prosody with archive on loopback, and people with slixmpp and OMEMO. Nothing is mocked.

    alice's phone -> TLS -> Prosody, archive -> TLS -> bob's phone; his tablet has joined, and is switched off

Who can read what is declared in xmpp.toml. A device is its folder: what slixmpp-omemo keeps in it. OMEMO is the one
that XMPP clients speak with each other, version 0.3.
"""

import asyncio
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tiers.lab.systems.kit import HERE, PASSWORD, identity, in_time, judged, seized, takes, told
from tiers.measure import Secret, Service, Unmeasured, Vantage, canary, opens, register, run
from tiers.measure.matrix.matrix import Matrix

PEOPLE = ("alice", "bob", "mallory", "root")
SHUT = ("omemo", "second", "joined")


def measured() -> Matrix:
    """Start a Prosody, talk, attack from everywhere; raises `Unmeasured` where something is to be installed."""
    prosody = shutil.which("prosody")
    if not (prosody and find_spec("slixmpp") and find_spec("slixmpp_omemo")):
        raise Unmeasured("Install prosody (Debian) and intercept-tiers[xmpp]: XMPP is measured with them.")
    with tempfile.TemporaryDirectory(prefix="measure-") as kept:
        root = Path(kept)
        identity(root / "server")
        (accounts := root / "state/localhost/accounts").mkdir(parents=True)
        (root / "log").mkdir()
        for name in PEOPLE:
            (accounts / f"{name}.dat").write_text(f'return {{ ["password"] = "{PASSWORD}" }};')
        command = ["env", f"ROOT={root}", "PORT={port}", prosody, "--config", str(HERE / "prosody.cfg.lua"), "-F"]
        with run("prosody", command, logs=[root / "log"], state=[root / "state"], tap=True) as server:
            return in_time(_attacked(root, server))


async def _attacked(root: Path, server: Service) -> Matrix:
    """Talk, and measure while everybody is connected."""
    from tiers.lab.systems import xmpp_talk as talk  # noqa: PLC0415 - its libraries may not be there

    texts = {key: canary(key) for key in ("plain", *SHUT)}
    own = canary("mallory's own message")
    devices, said, got = await talk.talked(root, server.port, texts, own)
    shut = {key: got[key].shut for key in SHUT}
    sealed = {key: talk.payload(one) for key, one in shut.items()}
    of = {sealed[key]: one for key, one in shut.items()}
    kept = devices["tablet"].store.kept
    keys = [Secret(f"tablet's {name}", key) for name, key in talk.keys_of(kept, shut["second"]).items()]
    register(opens([one.name for one in keys], lambda *found: talk.open_as(kept, found[:-1], of[found[-1]])))
    for key in SHUT:
        keys.append(Secret(f"content key of {key}", got[key].key))
        register(opens(keys[-1].name, lambda found, message: talk.open_content(found, of[message])))
    lasting = {name: Secret(f"{name}'s identity key", one.identity_key) for name, one in devices.items()}
    log, store = takes("log", server), takes("store", server)
    vantages = [
        Vantage("link", takes("wire", server)),
        Vantage("operator", takes("memory", server) | log | store, control=own),
        Vantage("logs", log),
        Vantage("administrator", told("administrator", said["administrator"])),
        Vantage("other", told("mallory", said["mallory"]), control=own),
        Vantage("sender", seized(root, "alice"), control=lasting["alice"]),
        Vantage("receiver", seized(root, "phone"), control=lasting["phone"]),
        Vantage("receiver-operator", seized(root, "phone") | store, control=lasting["phone"]),
        Vantage("tablet-operator", seized(root, "tablet") | store, control=keys[0]),
    ]
    matrix = await asyncio.to_thread(judged, "xmpp.toml", texts, sealed, vantages, keys)
    await asyncio.gather(*(one.disconnect() for one in devices.values()))
    return matrix
