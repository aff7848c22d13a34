"""Matrix, measured: a Synapse on loopback and three people with matrix-nio. Nothing is mocked.

The server speaks HTTP here, as it does behind the proxy that ends TLS: `link` is what passes between the two. Who can
read what is declared in matrix.toml. A client is its folder: the store in which matrix-nio keeps its keys. What Bob's
client backs up at the server opens with a recovery key that he has on paper.
"""

import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tiers.lab.systems.kit import HERE, in_time, judged, seized, takes, told
from tiers.lab.systems.matrix_talk import Talk, recovered
from tiers.measure import Secret, Service, Unmeasured, Vantage, opens, register, run
from tiers.measure.matrix.matrix import Matrix

PEOPLE = ("alice", "bob", "mallory")
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
            return in_time(_attacked(root, synapse))


async def _attacked(root: Path, synapse: Service) -> Matrix:
    """Talk, and measure while the server runs."""
    nio = import_module("nio")  # not among our dependencies
    talk = Talk(root, synapse)
    people = {name: await talk.login(nio, name) for name in PEOPLE}
    await talk.say(people["alice"], people["bob"])
    pickled = {room: _pickled(root / "bob", talk.rooms[room]) for room in ("megolm", "backup")}
    session = {room: _unpickled(nio, one) for room, one in pickled.items()}
    paper, copy = talk.back_up(people["bob"].access_token, session["backup"])
    (root / "paper").mkdir()
    (root / "paper/recovery key.txt").write_text(paper)
    tokens = {name: client.access_token for name, client in people.items()} | {"administrator": talk.administrator()}
    for client in people.values():
        await client.close()
    said = {who: talk.asked(who, token) for who, token in tokens.items()}

    keys = [Secret("recovery key", paper), Secret("key backup", copy["ciphertext"])]
    register(opens([one.name for one in keys], _opener(nio, talk, lambda found, _: recovered(found.decode(), copy))))
    for room, whole in pickled.items():
        keys.append(Secret(f"session of {room}", whole[-_TAIL:]))
        register(opens(keys[-1].name, _opener(nio, talk, lambda _, room=room: session[room])))
    log, store = takes("log", synapse), takes("store", synapse)
    vantages = [
        Vantage("link", takes("wire", synapse)),
        Vantage("operator", takes("memory", synapse) | log | store, control=keys[1]),
        Vantage("logs", log),
        Vantage("administrator", told("administrator", said["administrator"])),
        Vantage("other", told("mallory", said["mallory"]) | seized(root, "mallory")),
        Vantage("sender", seized(root, "alice"), control=keys[2]),
        Vantage("receiver", seized(root, "bob"), control=keys[2]),
        Vantage("receiver-operator", seized(root, "bob") | store, control=keys[2]),
        Vantage("recovery-operator", seized(root, "paper") | store, control=keys[0]),
    ]
    return judged("matrix.toml", talk.texts, talk.sealed, vantages, keys)


def _pickled(home: Path, room: str) -> bytes:
    """Return the Megolm session of a room in somebody's store, as it is kept there."""
    (path,) = home.glob("*.db")
    with closing(sqlite3.connect(path)) as db:
        (row,) = db.execute("SELECT session FROM megolminboundsessions WHERE room_id = ?", (room,)).fetchall()
    return bytes(row[0])


def _unpickled(nio: Any, pickled: bytes) -> Any:
    return nio.crypto.sessions.InboundGroupSession.from_pickle(pickled, "", "", "", _PICKLE)


def _opener(nio: Any, talk: Talk, session: Callable[..., Any]) -> Callable[..., bytes | None]:
    """Return what opens a message with the session that keys lead to, or a file by the message that has its key."""

    def do(*found: bytes) -> bytes | None:
        sealed = found[-1]
        try:
            return talk.opened(nio, session(*found[:-1]), sealed)
        except ValueError:  # it is of another room
            return None

    return do
