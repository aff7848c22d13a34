"""Keys of a room that Megolm shuts: what a session opens, its backup at the server, the recovery key on paper."""

import json
import string
import textwrap
from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import Any

import nio
import vodozemac
from nio.crypto.sessions import InboundGroupSession

from tiers.lab.systems.synapse import API, ask
from tiers.measure import Service
from tiers.measure.search.encodings import ENCODINGS

MEGOLM = {"algorithm": "m.megolm.v1.aes-sha2"}
BACKUP = "m.megolm_backup.v1.curve25519-aes-sha2"
_BASE58 = "".join(sorted(set(string.digits + string.ascii_letters) - set("0OIl")))


def opener(session: Callable[..., Any], shut_file: bytes, event: bytes) -> Callable[..., bytes | None]:
    """Return what opens a message with the session that keys lead to, or the file by `event`, which has its key."""

    def do(*found: bytes) -> bytes | None:
        is_file = found[-1] == shut_file
        try:
            text, _ = session(*found[:-1]).decrypt((event if is_file else found[-1]).decode())
        except ValueError:  # it is of another room
            return None
        if not is_file:
            return str(text).encode()
        file = json.loads(text)["content"]["file"]
        keys = file["key"]["k"], file["hashes"]["sha256"], file["iv"]
        return bytes(nio.crypto.decrypt_attachment(found[-1], *keys))

    return do


def back_up(server: Service, token: str, room: str, session: Any) -> tuple[str, dict[str, str]]:
    """Back up a session at the server, as clients do; returns recovery key and backup."""
    secret = vodozemac.Curve25519SecretKey()
    made = {"algorithm": BACKUP, "auth_data": {"public_key": secret.public_key().to_base64(), "signatures": {}}}
    version = json.loads(ask(server, f"{API}/room_keys/version", token, made))["version"]
    kept = json.dumps({"algorithm": MEGOLM, "session_key": session.export_session(0)})
    shut = vodozemac.PkEncryption.from_key(secret.public_key()).encrypt(kept.encode())
    copy = dict(zip(("ephemeral", "mac", "ciphertext"), shut.to_base64(), strict=True))
    about = {"first_message_index": 0, "forwarded_count": 0, "is_verified": False, "session_data": copy}
    path = f"{API}/room_keys/keys/{room}/{session.id.replace('/', '%2F')}?version={version}"
    ask(server, path, token, about, "PUT")
    return _written_down(secret.to_bytes()), copy


def _written_down(key: bytes) -> str:
    """Write a recovery key as people keep it, in base58 (Matrix, "cryptographic key representation")."""
    whole = b"\x8b\x01" + key
    written, _ = ENCODINGS["base58"](whole + bytes([reduce(xor, whole)]))
    return " ".join(textwrap.wrap(written.decode(), 4))


def recovered(paper: str, copy: dict[str, str]) -> Any:
    """Return the session that a backup has, opened with the recovery key on paper."""
    number = reduce(lambda number, one: number * len(_BASE58) + _BASE58.index(one), paper.replace(" ", ""), 0)
    secret = vodozemac.Curve25519SecretKey.from_bytes(number.to_bytes(35, "big")[2:34])
    shut = vodozemac.Message.from_base64(copy["ciphertext"], copy["mac"], copy["ephemeral"])
    kept = json.loads(vodozemac.PkDecryption.from_key(secret).decrypt(shut))
    return InboundGroupSession.import_session(kept["session_key"], "", "", "")
