"""What is said on Matrix, for matrix.py: three people and an administrator at a Synapse that runs."""

import hashlib
import hmac
import io
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tiers.measure import Service, canary

KEYS = ("plain", "megolm", "file")


class Talk:
    """What was said. `sealed` has what was sent shut, `event` the message that has the key of the file."""

    def __init__(self, root: Path, synapse: Service) -> None:
        self.root, self.synapse = root, synapse
        self.texts = {key: canary(key) for key in KEYS}
        self.sealed = dict.fromkeys(KEYS, b"")
        self.rooms: dict[str, str] = {}
        self.event = b""

    async def login(self, nio: Any, name: str) -> Any:
        """Register somebody, and log in with a client that keeps its keys in a folder."""
        (self.root / name).mkdir()
        client = nio.AsyncClient(self.synapse.url, f"@{name}:localhost", store_path=str(self.root / name))
        await client.register(name, f"password of {name}")
        await client.login(f"password of {name}")
        if client.should_upload_keys:
            await client.keys_upload()
        await client.sync(full_state=True)
        return client

    async def say(self, alice: Any, bob: Any) -> None:
        """Say a text in a plain and in an encrypted room, and attach a file in that."""
        shut = {
            "type": "m.room.encryption",
            "content": {"algorithm": "m.megolm.v1.aes-sha2"},
        }
        for key, state in {"plain": [], "megolm": [shut]}.items():
            self.rooms[key] = (await alice.room_create(invite=[bob.user_id], initial_state=state)).room_id
            await bob.join(self.rooms[key])
        await alice.sync(full_state=True)
        if alice.should_query_keys:
            await alice.keys_query()
        for key in ("plain", "megolm"):
            content = {"msgtype": "m.text", "body": self.texts[key].text}
            self.sealed[key] = (await self._send(alice, self.rooms[key], content)).get("ciphertext", "").encode()
        data = self.texts["file"].raw
        up, keys = await alice.upload(
            lambda *_: io.BytesIO(data),
            "text/plain",
            "note",
            encrypt=True,
            filesize=len(data),
        )
        attached = {
            "msgtype": "m.file",
            "body": "note",
            "file": keys | {"url": up.content_uri},
        }
        event = (await self._send(alice, self.rooms["megolm"], attached))["ciphertext"]
        media = (await bob.download(up.content_uri)).body
        self.sealed["file"], self.event = media, event.encode()
        await bob.sync()

    async def _send(self, client: Any, room: str, content: dict[str, Any]) -> dict[str, Any]:
        """Send a message; returns its content as the server has it."""
        sent = await client.room_send(room, "m.room.message", content, ignore_unverified_devices=True)
        path = f"/_matrix/client/v3/rooms/{room}/event/{sent.event_id}"
        return dict(json.loads(self._ask(path, client.access_token))["content"])

    def asked(self, who: str, token: str) -> list[tuple[str, bytes]]:
        """Ask for the messages of every room, by the client's API or the administrator's; returns the answers."""
        base = "/_synapse/admin/v1" if who == "administrator" else "/_matrix/client/v3"
        paths = [f"{base}/rooms/{room}/messages?dir=b&limit=50" for room in self.rooms.values()]
        return [(path, self._ask(path, token)) for path in paths]

    def _ask(self, path: str, token: str = "", body: dict[str, Any] | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.synapse.url + path, data, {"Authorization": f"Bearer {token}"})  # noqa: S310 - our own address
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                return bytes(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.read()

    def administrator(self) -> str:
        """Register an administrator by the server's shared secret; returns his token."""
        path, body = (
            "/_synapse/admin/v1/register",
            {"username": "root", "password": "of root", "admin": True},
        )
        body["nonce"] = json.loads(self._ask(path))["nonce"]
        signed = f"{body['nonce']}\0root\0of root\0admin".encode()
        body["mac"] = hmac.new(b"shared", signed, hashlib.sha1).hexdigest()
        return str(json.loads(self._ask(path, body=body))["access_token"])
