"""What is said on Matrix, for matrix.py: three people and an administrator at a Synapse that runs."""

import hashlib
import hmac
import io
import json
import string
import urllib.error
import urllib.request
from functools import reduce
from importlib import import_module
from operator import xor
from pathlib import Path
from typing import Any

from tiers.lab.systems.kit import Answers
from tiers.measure import Service, canary

SHUT = {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
_BASE58 = "".join(sorted(set(string.digits + string.ascii_letters) - set("0OIl")))
_API = "/_matrix/client/v3"


class Talk:
    """What was said. `sealed` has what was sent shut, `event` the message that has the key of the file."""

    def __init__(self, root: Path, synapse: Service) -> None:
        self.root, self.synapse = root, synapse
        self.texts = {key: canary(key) for key in ("plain", "megolm", "backup", "file")}
        self.sealed: dict[str, bytes] = {}
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

    def opened(self, nio: Any, session: Any, sealed: bytes) -> bytes:
        """Open a message with a session, or a file by its message; raises `ValueError` if it is of another room."""
        is_file = sealed == self.sealed["file"]
        text, _ = session.decrypt((self.event if is_file else sealed).decode())
        if not is_file:
            return str(text).encode()
        file = json.loads(text)["content"]["file"]
        got = nio.crypto.decrypt_attachment(sealed, file["key"]["k"], file["hashes"]["sha256"], file["iv"])
        return bytes(got)

    def back_up(self, token: str, session: Any) -> tuple[str, dict[str, str]]:
        """Back up a session as clients do (m.megolm_backup.v1.curve25519-aes-sha2); returns recovery key and backup."""
        crypto = import_module("vodozemac")
        secret = crypto.Curve25519SecretKey()
        about = {"public_key": secret.public_key().to_base64(), "signatures": {}}
        made = {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": about}
        version = json.loads(self._ask(f"{_API}/room_keys/version", token, made))["version"]
        kept = {"algorithm": SHUT["content"], "session_key": session.export_session(0)}
        shut = crypto.PkEncryption.from_key(secret.public_key()).encrypt(json.dumps(kept).encode())
        copy = dict(zip(("ephemeral", "mac", "ciphertext"), shut.to_base64(), strict=True))
        path = f"{_API}/room_keys/keys/{self.rooms['backup']}/{session.id.replace('/', '%2F')}?version={version}"
        about = {"first_message_index": 0, "forwarded_count": 0, "is_verified": False, "session_data": copy}
        self._ask(path, token, about, "PUT")
        return written_down(secret.to_bytes()), copy

    def asked(self, who: str, token: str) -> Answers:
        """Ask for the messages of every room, by the client's API or the administrator's; returns the answers."""
        base = "/_synapse/admin/v1" if who == "administrator" else _API
        paths = [f"{base}/rooms/{room}/messages?dir=b&limit=50" for room in self.rooms.values()]
        return [(path, self._ask(path, token)) for path in paths]

    def _ask(self, path: str, token: str = "", body: dict[str, Any] | None = None, method: str = "") -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.synapse.url + path, data, {"Authorization": f"Bearer {token}"})  # noqa: S310 - our own address
        request.method = method or request.get_method()
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                return bytes(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.read()

    def administrator(self) -> str:
        """Register an administrator by the server's shared secret; returns his token."""
        path, body = "/_synapse/admin/v1/register", {"username": "root", "password": "of root", "admin": True}
        body["nonce"] = json.loads(self._ask(path))["nonce"]
        signed = f"{body['nonce']}\0root\0of root\0admin".encode()
        body["mac"] = hmac.new(b"shared", signed, hashlib.sha1).hexdigest()
        return str(json.loads(self._ask(path, body=body))["access_token"])


def written_down(key: bytes) -> str:
    """Write a recovery key as people keep it, in base58 (Matrix, "cryptographic key representation")."""
    whole = b"\x8b\x01" + key
    number, digits = int.from_bytes(whole + bytes([reduce(xor, whole)]), "big"), ""
    while number:
        number, digit = divmod(number, len(_BASE58))
        digits = _BASE58[digit] + digits
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def recovered(paper: str, copy: dict[str, str]) -> Any:
    """Return the session that a backup has, opened with the recovery key on paper."""
    crypto, sessions = import_module("vodozemac"), import_module("nio.crypto.sessions")
    number = reduce(lambda number, one: number * len(_BASE58) + _BASE58.index(one), paper.replace(" ", ""), 0)
    secret = crypto.Curve25519SecretKey.from_bytes(number.to_bytes(35, "big")[2:34])
    shut = crypto.Message.from_base64(copy["ciphertext"], copy["mac"], copy["ephemeral"])
    kept = json.loads(crypto.PkDecryption.from_key(secret).decrypt(shut))
    return sessions.InboundGroupSession.import_session(kept["session_key"], "", "", "")
