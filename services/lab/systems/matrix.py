"""Matrix, measured: a Synapse on loopback and three people with matrix-nio. Nothing is mocked.

The server speaks HTTP here, as it does behind the proxy that ends TLS: `link` is what passes between the two. Who can
read what is declared in matrix.toml. A client is its folder: the store in which matrix-nio keeps its keys.
"""

import asyncio
import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tiers.lab.systems.matrix_talk import KEYS, Talk
from tiers.measure import Message, Secret, Service, Unmeasured, Vantage, measure, opens, register, run
from tiers.measure.capture.files import answers, folder
from tiers.measure.matrix.matrix import Matrix
from tiers.measure.matrix.policy import parse_policy

HERE = Path(__file__).parent
PEOPLE = ("alice", "bob", "mallory")
_SECONDS = 40.0
_TAIL = 64
"""Characters at the end of a pickled session: its beginning is like every other's."""
_PICKLE = "DEFAULT_KEY"
"""What matrix-nio encrypts its store with, unless its user sets another."""
_START = """
import sys, pathlib
config = pathlib.Path(sys.argv[1])
config.write_text(config.read_text().replace("@PORT@", sys.argv[2]))
sys.argv = ["homeserver", "-c", sys.argv[1]]
from synapse.app.homeserver import main
main()
"""


def measured() -> Matrix:
    """Start a Synapse, talk, attack from everywhere; raises `Unmeasured` where something is to be installed."""
    if not (find_spec("synapse") and find_spec("nio") and find_spec("vodozemac")):
        raise Unmeasured("Install intercept-tiers[matrix]: Matrix is measured with matrix-synapse and matrix-nio[e2e].")
    with tempfile.TemporaryDirectory(prefix="measure-") as kept:
        root = Path(kept)
        (server := root / "server").mkdir()
        for name in ("homeserver.yaml", "synapse-log.yaml"):
            (server / name).write_text((HERE / name).read_text(encoding="utf-8").replace("@ROOT@", str(server)))
        command = [sys.executable, "-c", _START, str(server / "homeserver.yaml"), "{port}"]
        logs = [server / "homeserver.log"]
        with run("synapse", command, ready="/health", cwd=server, logs=logs, state=[server], tap=True) as synapse:
            return asyncio.run(asyncio.wait_for(_attacked(root, synapse), _SECONDS))


async def _attacked(root: Path, synapse: Service) -> Matrix:
    """Talk, and measure while the server runs."""
    nio = import_module("nio")  # not among our dependencies
    talk = Talk(root, synapse)
    people = {name: await talk.login(nio, name) for name in PEOPLE}
    await talk.say(people["alice"], people["bob"])
    tokens = {name: client.access_token for name, client in people.items()} | {"administrator": talk.administrator()}
    for client in people.values():
        await client.close()
    said = {who: talk.asked(who, token) for who, token in tokens.items()}
    whole = _session(root / "bob")
    key = Secret("Megolm session", whole[-_TAIL:])
    register(opens(key.name, _opener(nio, whole, talk)))
    take = {kind: {kind: partial(synapse.capture, kind)} for kind in ("memory", "log", "store", "wire")}
    has = {who: {who: partial(folder, who, root / who)} for who in PEOPLE}
    vantages = [
        Vantage("link", take["wire"]),
        Vantage("operator", take["memory"] | take["log"] | take["store"]),
        Vantage("logs", take["log"]),
        Vantage("administrator", {"his answers": lambda: answers("administrator", said["administrator"])}),
        Vantage("other", {"her answers": lambda: answers("mallory", said["mallory"])} | has["mallory"]),
        Vantage("sender", has["alice"], control=key),
        Vantage("receiver", has["bob"], control=key),
        Vantage("receiver-operator", has["bob"] | take["store"], control=key),
    ]
    titles = parse_policy((HERE / "matrix.toml").read_text(encoding="utf-8")).messages
    messages = [Message(one, titles[one], talk.texts[one], talk.sealed[one]) for one in KEYS]
    return measure(messages, vantages, [key], HERE / "matrix.toml")


def _session(home: Path) -> bytes:
    """Return the Megolm session of the encrypted room in somebody's store, as it is kept there."""
    (path,) = home.glob("*.db")
    with closing(sqlite3.connect(path)) as db:
        (row,) = db.execute("SELECT session FROM megolminboundsessions").fetchall()
    return bytes(row[0])


def _opener(nio: Any, whole: bytes, talk: Talk) -> Callable[[bytes, bytes], bytes | None]:
    """Return what opens a message, or a file by the message that has its key."""

    def do(_tail: bytes, sealed: bytes) -> bytes | None:
        is_file = sealed == talk.sealed["file"]
        session = nio.crypto.sessions.InboundGroupSession.from_pickle(whole, "", "", "", _PICKLE)
        text, _ = session.decrypt((talk.event if is_file else sealed).decode())
        if not is_file:
            return str(text).encode()
        file = json.loads(text)["content"]["file"]
        got = nio.crypto.decrypt_attachment(sealed, file["key"]["k"], file["hashes"]["sha256"], file["iv"])
        return bytes(got)

    return do
