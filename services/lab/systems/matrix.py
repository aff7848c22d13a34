"""Matrix, measured: a Synapse on loopback and three people with matrix-nio. Nothing is mocked.

The server speaks HTTP here, as it does behind the proxy that ends TLS: `link` is what passes between the two. Who can
read what is declared in matrix.toml. A client is its folder: the store in which matrix-nio keeps its keys. What Bob's
client backs up at the server opens with a recovery key that he has on paper.
"""

import hashlib
import hmac
import io
import json
import logging
import sqlite3
import string
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from functools import reduce
from importlib.util import find_spec
from operator import xor
from pathlib import Path
from typing import Any

import nio
import vodozemac
from nio.crypto.sessions import InboundGroupSession

from tiers.lab.systems.kit import Answers, in_time, judged, seized, takes, told
from tiers.lab.systems.synapse import synapse
from tiers.measure import Secret, Service, Unmeasured, Vantage, canary, opens, register
from tiers.measure.matrix.matrix import Matrix

SHUT = {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
BACKUP = "m.megolm_backup.v1.curve25519-aes-sha2"
_TAIL = 64
"""Characters at the end of a pickled session: its beginning is like every other's."""
_PICKLE = "DEFAULT_KEY"
"""What matrix-nio encrypts its store with, unless its user sets another."""
_API = "/_matrix/client/v3"
_BASE58 = "".join(sorted(set(string.digits + string.ascii_letters) - set("0OIl")))
logging.getLogger("nio").addHandler(logging.NullHandler())  # else its warnings stand on the terminal


def measured() -> Matrix:
    """Start a Synapse, talk, attack from everywhere; raises `Unmeasured` where it is to be installed."""
    if not find_spec("synapse"):
        raise Unmeasured("Install intercept-tiers[matrix]: synapse is not here.")
    with tempfile.TemporaryDirectory(prefix="measure-") as kept, synapse(Path(kept) / "server", tap=True) as server:
        return in_time(_Talk(Path(kept), server).attacked())


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
        paper, copy = self._back_up(people["bob"].access_token, session["backup"])
        (self.root / "paper").mkdir()
        (self.root / "paper/recovery key.txt").write_text(paper)
        told_him = told("administrator", self._asked("/_synapse/admin/v1", self._administrator()))
        told_her = told("mallory", self._asked(_API, people["mallory"].access_token))
        for client in people.values():
            await client.close()
        keys = [Secret("recovery key", paper), Secret("key backup", copy["ciphertext"])]
        register(opens([one.name for one in keys], self._opener(lambda found, _: _recovered(found.decode(), copy))))
        for room, whole in pickled.items():
            keys.append(Secret(f"session of {room}", whole[-_TAIL:]))
            register(opens(keys[-1].name, self._opener(lambda _, room=room: session[room])))
        log, store = takes("log", self.synapse), takes("store", self.synapse)
        alice, bob, mallory, flat = (seized(self.root, who) for who in ("alice", "bob", "mallory", "paper"))
        vantages = [
            Vantage("link", takes("wire", self.synapse)),
            Vantage("operator", takes("memory", self.synapse) | log | store, control=keys[1]),
            Vantage("logs", log),
            Vantage("administrator", told_him),
            Vantage("other", told_her | mallory),
            Vantage("sender", alice, control=keys[2]),
            Vantage("receiver", bob, control=keys[2]),
            Vantage("receiver-operator", bob | store, control=keys[2]),
            Vantage("recovery-operator", flat | store, control=keys[0]),
        ]
        return judged("matrix.toml", self.texts, self.sealed, vantages, keys)

    # ---- what is said ----

    async def _login(self, name: str) -> Any:
        """Register somebody, and log in with a client that keeps its keys in a folder."""
        (self.root / name).mkdir()
        client = nio.AsyncClient(self.synapse.url, f"@{name}:localhost", store_path=str(self.root / name))
        await client.register(name, f"password of {name}")
        await client.login(f"password of {name}")
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
        return dict(json.loads(self._ask(f"{_API}/rooms/{room}/event/{sent.event_id}", client.access_token))["content"])

    def _back_up(self, token: str, session: Any) -> tuple[str, dict[str, str]]:
        """Back up a session at the server, as clients do; returns recovery key and backup."""
        secret = vodozemac.Curve25519SecretKey()
        made = {"algorithm": BACKUP, "auth_data": {"public_key": secret.public_key().to_base64(), "signatures": {}}}
        version = json.loads(self._ask(f"{_API}/room_keys/version", token, made))["version"]
        kept = json.dumps({"algorithm": SHUT["content"], "session_key": session.export_session(0)})
        shut = vodozemac.PkEncryption.from_key(secret.public_key()).encrypt(kept.encode())
        copy = dict(zip(("ephemeral", "mac", "ciphertext"), shut.to_base64(), strict=True))
        about = {"first_message_index": 0, "forwarded_count": 0, "is_verified": False, "session_data": copy}
        path = f"{_API}/room_keys/keys/{self.rooms['backup']}/{session.id.replace('/', '%2F')}?version={version}"
        self._ask(path, token, about, "PUT")
        return _written_down(secret.to_bytes()), copy

    # ---- what is asked ----

    def _asked(self, base: str, token: str) -> Answers:
        """Ask for the messages of every room; returns the answers."""
        paths = [f"{base}/rooms/{room}/messages?dir=b&limit=50" for room in self.rooms.values()]
        return [(path, self._ask(path, token)) for path in paths]

    def _ask(self, path: str, token: str = "", body: dict[str, Any] | None = None, method: str | None = None) -> bytes:
        data, head = None if body is None else json.dumps(body).encode(), {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(self.synapse.url + path, data, head, method=method)  # noqa: S310 - our own address
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
                return bytes(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.read()

    def _administrator(self) -> str:
        """Register an administrator by the server's shared secret; returns his token."""
        path, body = "/_synapse/admin/v1/register", {"username": "root", "password": "of root", "admin": True}
        body["nonce"] = json.loads(self._ask(path))["nonce"]
        signed = f"{body['nonce']}\0root\0of root\0admin".encode()
        body["mac"] = hmac.new(b"shared", signed, hashlib.sha1).hexdigest()
        return str(json.loads(self._ask(path, body=body))["access_token"])

    # ---- what opens ----

    def _pickled(self, room: str) -> bytes:
        """Return the Megolm session of a room in Bob's store, as it is kept there."""
        (path,) = (self.root / "bob").glob("*.db")
        ask = "SELECT session FROM megolminboundsessions WHERE room_id = ?"
        with closing(sqlite3.connect(path)) as db:
            ((session,),) = db.execute(ask, (self.rooms[room],)).fetchall()
        return bytes(session)

    def _opener(self, session: Callable[..., Any]) -> Callable[..., bytes | None]:
        """Return what opens a message with the session that keys lead to, or a file by the message that has its key."""

        def do(*found: bytes) -> bytes | None:
            is_file = found[-1] == self.sealed["file"]
            try:
                text, _ = session(*found[:-1]).decrypt((self.event if is_file else found[-1]).decode())
            except ValueError:  # it is of another room
                return None
            if not is_file:
                return str(text).encode()
            file = json.loads(text)["content"]["file"]
            keys = file["key"]["k"], file["hashes"]["sha256"], file["iv"]
            return bytes(nio.crypto.decrypt_attachment(found[-1], *keys))

        return do


def _written_down(key: bytes) -> str:
    """Write a recovery key as people keep it, in base58 (Matrix, "cryptographic key representation")."""
    whole = b"\x8b\x01" + key
    number, digits = int.from_bytes(whole + bytes([reduce(xor, whole)]), "big"), ""
    while number:
        number, digit = divmod(number, len(_BASE58))
        digits = _BASE58[digit] + digits
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _recovered(paper: str, copy: dict[str, str]) -> Any:
    """Return the session that a backup has, opened with the recovery key on paper."""
    number = reduce(lambda number, one: number * len(_BASE58) + _BASE58.index(one), paper.replace(" ", ""), 0)
    secret = vodozemac.Curve25519SecretKey.from_bytes(number.to_bytes(35, "big")[2:34])
    shut = vodozemac.Message.from_base64(copy["ciphertext"], copy["mac"], copy["ephemeral"])
    kept = json.loads(vodozemac.PkDecryption.from_key(secret).decrypt(shut))
    return InboundGroupSession.import_session(kept["session_key"], "", "", "")
