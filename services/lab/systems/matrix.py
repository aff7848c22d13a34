"""Matrix, measured: a Synapse on loopback and three people with matrix-nio. Nothing is mocked.

The server speaks HTTP here, as it does behind the proxy that ends TLS: `link` is what passes between the two. Who can
read what is declared in matrix.toml. A client is its folder: the store in which matrix-nio keeps its keys. What Bob's
client backs up at the server opens with a recovery key that he has on paper.
"""

import io
import json
import logging
import sqlite3
import tempfile
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nio
from nio.crypto.sessions import InboundGroupSession

from tiers.lab.systems import kit
from tiers.lab.systems.megolm import MEGOLM, back_up, opener, recovered
from tiers.lab.systems.synapse import API, administrator, ask, synapse
from tiers.measure import Secret, Service, Unmeasured, Vantage, canary, opens, register
from tiers.measure.matrix.matrix import Matrix

SHUT = {"type": "m.room.encryption", "content": MEGOLM}
_TAIL = 64
"""Characters at the end of a pickled session: its beginning is like every other's."""
_PICKLE = "DEFAULT_KEY"
"""What matrix-nio encrypts its store with, unless its user sets another."""
logging.getLogger("nio").addHandler(logging.NullHandler())  # else its warnings stand on the terminal


def measured() -> Matrix:
    """Start a Synapse, talk, attack from everywhere; raises `Unmeasured` where it is to be installed."""
    if not find_spec("synapse"):
        raise Unmeasured("Run make install, or install intercept-tiers[matrix]: synapse is not here.")
    with tempfile.TemporaryDirectory(prefix="measure-") as kept, synapse(Path(kept) / "server", tap=True) as server:
        return kit.in_time(_Talk(Path(kept), server).attacked())


class _Talk:
    """What was said. `sealed` has what was sent shut, `event` the message that has the key of the file."""

    def __init__(self, root: Path, synapse: Service) -> None:
        self.root, self.synapse = root, synapse
        self.texts = {key: canary(key) for key in ("plain", "megolm", "backup", "file")}
        self.sealed: dict[str, bytes] = {}
        self.rooms: dict[str, str] = {}
        self.event = b""

    async def attacked(self) -> Matrix:
        """Talk, and measure while the server runs."""
        people = {name: await self._login(name) for name in ("alice", "bob", "mallory")}
        await self._say(people["alice"], people["bob"])
        pickled = {room: self._pickled(room) for room in ("megolm", "backup")}
        session = {room: InboundGroupSession.from_pickle(one, "", "", "", _PICKLE) for room, one in pickled.items()}
        paper, copy = back_up(self.synapse, people["bob"].access_token, self.rooms["backup"], session["backup"])
        (self.root / "paper").mkdir()
        (self.root / "paper/recovery key.txt").write_text(paper)
        told_him = kit.told("administrator", self._asked("/_synapse/admin/v1", administrator(self.synapse)))
        told_her = kit.told("mallory", self._asked(API, people["mallory"].access_token))
        for client in people.values():
            await client.close()
            client.store.database.close()  # which matrix-nio leaves open
        keys = [Secret("recovery key", paper), Secret("key backup", copy["ciphertext"])]
        file = self.sealed["file"], self.event
        register(opens([one.name for one in keys], opener(lambda found, _: recovered(found.decode(), copy), *file)))
        for room, whole in pickled.items():
            keys.append(Secret(f"session of {room}", whole[-_TAIL:]))
            register(opens(keys[-1].name, opener(lambda _, room=room: session[room], *file)))
        log, store = kit.takes("log", self.synapse), kit.takes("store", self.synapse)
        alice, bob, mallory, flat = (kit.seized(self.root, who) for who in ("alice", "bob", "mallory", "paper"))
        vantages = [
            Vantage("link", kit.takes("wire", self.synapse)),
            Vantage("operator", kit.takes("memory", self.synapse) | log | store, control=keys[1]),
            Vantage("logs", log),
            Vantage("administrator", told_him),
            Vantage("other", told_her | mallory),
            Vantage("sender", alice, control=keys[2]),
            Vantage("receiver", bob, control=keys[2]),
            Vantage("receiver-operator", bob | store, control=keys[2]),
            Vantage("recovery-operator", flat | store, control=keys[0]),
        ]
        return kit.judged("matrix.toml", self.texts, self.sealed, vantages, keys)

    # ---- what is said ----

    async def _login(self, name: str) -> Any:
        """Register somebody, who is then logged in, with a client that keeps its keys in a folder."""
        (self.root / name).mkdir()
        client = nio.AsyncClient(self.synapse.url, f"@{name}:localhost", store_path=str(self.root / name))
        await client.register(name, f"password of {name}")
        if client.should_upload_keys:
            await client.keys_upload()
        await client.sync(full_state=True)
        return client

    async def _say(self, alice: Any, bob: Any) -> None:
        """Say a text in a plain and in two encrypted rooms, and attach a file in the first of these."""
        for key in ("plain", "megolm", "backup"):
            state = [] if key == "plain" else [SHUT]
            self.rooms[key] = (await alice.room_create(invite=[bob.user_id], initial_state=state)).room_id
            await bob.join(self.rooms[key])
        await alice.sync(full_state=True)
        if alice.should_query_keys:
            await alice.keys_query()
        for key, room in self.rooms.items():
            sent = await self._send(alice, room, {"msgtype": "m.text", "body": self.texts[key].text})
            self.sealed[key] = sent.get("ciphertext", "").encode()
        data = self.texts["file"].raw
        up, keys = await alice.upload(
            lambda *_: io.BytesIO(data), "text/plain", "note", encrypt=True, filesize=len(data)
        )
        attached = {"msgtype": "m.file", "body": "note", "file": keys | {"url": up.content_uri}}
        self.event = (await self._send(alice, self.rooms["megolm"], attached))["ciphertext"].encode()
        self.sealed["file"] = (await bob.download(up.content_uri)).body
        await bob.sync()

    async def _send(self, client: Any, room: str, content: dict[str, Any]) -> dict[str, Any]:
        """Send a message; returns its content as the server has it."""
        sent = await client.room_send(room, "m.room.message", content, ignore_unverified_devices=True)
        return dict(
            json.loads(ask(self.synapse, f"{API}/rooms/{room}/event/{sent.event_id}", client.access_token))["content"]
        )

    # ---- what is asked ----

    def _asked(self, base: str, token: str) -> kit.Answers:
        """Ask for the messages of every room; returns the answers."""
        paths = [f"{base}/rooms/{room}/messages?dir=b&limit=50" for room in self.rooms.values()]
        return [(path, ask(self.synapse, path, token)) for path in paths]

    # ---- what opens ----

    def _pickled(self, room: str) -> bytes:
        """Return the Megolm session of a room in Bob's store, as it is kept there."""
        (path,) = (self.root / "bob").glob("*.db")
        ask = "SELECT session FROM megolminboundsessions WHERE room_id = ?"
        with closing(sqlite3.connect(path)) as db:
            ((session,),) = db.execute(ask, (self.rooms[room],)).fetchall()
        return bytes(session)
