"""Check a whole log from its files alone: `python -m tiers.ledger.verify DIR --policy FILE`.

It shares no code with the ledger, on purpose: a mistake in the ledger's tree, notes or leaves shows up here.
Standard library and `cryptography` only. The numbered steps are those of docs/spec/ledger.md, "Verifying a log".
"""

# Long because it imports nothing of ours: whoever doubts the program reads this file alone.

import argparse
import base64
import binascii
import json
import os
import re
import sys
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256  # hashes to a tile, entries to a bundle
HASH = 32
_P = 2**255 - 19
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7  # y of a point of order 8
MAX_NOTE = 65_536  # characters of a checkpoint
MAX_LEAF = 1_024  # bytes
MAX_BEYOND = 4_096  # bundles that are counted after the checkpoint: links may lead round in a circle
MAX_NUMBER = 2**53  # RFC 8785; seconds of a cosignature as well
LOG, COSIGNATURE = 0x01, 0x04  # C2SP signature types
BYTES_32 = r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"  # base64url; the two unused bits are zero
TYPES = (
    r"warrant\.(applied|approved|rejected|suspended|resumed|cancelled|expired|served|refused)"
    r"|task\.(activated|deactivated|refused)|grant\.(released|refused)|order\.answered|loss\.recorded|seal\.opened"
)
EVERY, NO = r".*", r""
MEMBERS = {
    "type": (TYPES, EVERY, NO),
    "ts": (0, EVERY, NO),
    "jurisdiction": (r"[A-Z]{2}", EVERY, NO),
    "agency": (r"[a-z][a-z0-9-]{0,31}", EVERY, NO),
    "party": (r"spiffe://tiers\.example/[a-z]{1,20}/[A-Za-z0-9-]{1,40}", EVERY, NO),
    "commitment": (BYTES_32, EVERY, NO),
    "detail": (r"[a-z_]{1,24}\.[a-z_]{1,39}", r"\w+\.refused|warrant\.rejected|order\.answered", EVERY),
    "count": (1, r"loss\.recorded", r"\w+\.refused"),
    "open_after": (0, r"warrant\.(approved|served)", r"warrant\.\w+"),
    "opens": ({"index": 0, "salt": BYTES_32, "jti": r"[!-~]{1,64}", "digest": BYTES_32}, r"seal\.opened", NO),
    "terms": (BYTES_32, r"grant\.released", NO),
}  # a member's form, in which types of leaf it must stand, and in which others it may; no text can act on a terminal

Leaf = dict[str, Any]  # this file trusts no type of ours: it reads JSON as anybody would


NAME = r"[!-*,-~]{1,128}"  # visible ASCII without "+"
BASE64 = r"[A-Za-z0-9+/]+={0,2}"
NOTE = re.compile(rf"(({NAME})\n(0|[1-9][0-9]{{0,18}})\n({BASE64})\n)\n((?:— {NAME} {BASE64}\n){{1,16}})")
VKEY = re.compile(rf"({NAME})\+([0-9a-f]{{8}})\+({BASE64})")
UNCHECKED = 3


class LogUnchecked(Exception):
    """There is nothing to check, or nothing to check it by: neither a good log nor a bad one."""


class LogInvalid(Exception):
    """The log is not what it says. `code` is stable; `detail` says where to look."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Unopened:
    """A seal past its date that nobody has opened."""

    index: int
    party: str
    open_after: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a valid log holds: `leaves`, and how many entries on disk lie `beyond` the checkpoint."""

    origin: str
    size: int
    root: str
    witnesses: tuple[str, ...]
    witnessed_at: int
    opened: int
    unopened: tuple[Unopened, ...]
    beyond: int
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom to believe: the log's verifier key, its witnesses', and how many of them must have cosigned."""

    log: str
    witnesses: tuple[str, ...]
    quorum: int = 1


def read_policy(path: Path) -> Policy:
    """Read a policy file (docs/spec/ledger.md); raises `LogUnchecked`."""
    try:
        lines = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
        lines = [words for words in lines if words and not words[0].startswith("#")]
        ((_, log),) = [words for words in lines if words[0] == "log"]
        ((_, k, *names),) = [words for words in lines if words[0] == "quorum"]
        named = {words[1]: words[2] for words in lines if words[0] == "witness"}
        policy = Policy(log, tuple(named[name] for name in names), int(k))
        keys = {_vkey(vkey, COSIGNATURE)[2].public_bytes_raw() for vkey in policy.witnesses}
    except (OSError, ValueError, LookupError, LogInvalid):
        raise LogUnchecked(f"{path} is no policy of a log and its witnesses") from None
    if {words[0] for words in lines} != {"log", "witness", "quorum"} or len(named) != len(lines) - 2:
        raise LogUnchecked(f"{path} has a line that says nothing, or one witness twice")
    if len(keys) != len(names) or not 1 <= policy.quorum <= len(keys):
        raise LogUnchecked(f"{path} counts a witness twice, or asks for more than there are")
    return policy


def verify_log(directory: Path, policy: Policy, now: int) -> Report:
    """Check the log in `directory` by a policy; `now` in milliseconds decides which seals are late.

    Raises `LogInvalid`, or `LogUnchecked` where there is no log, or none that may be read. Steps: 1. checkpoint,
    2. cosignatures, 3. entries, 4. root, 5. tiles, 6. leaves, 7. seals.
    """
    if not _exists(directory / "checkpoint") and not _exists(directory / "tile"):
        raise LogUnchecked(f"there is no log in {directory}, or nothing has been logged yet")
    note = _read(directory / "checkpoint", 4 * MAX_NOTE).decode(errors="replace")
    origin, size, root, cosigned = check_note(note, policy)  # 1, 2
    entries = _entries(directory, size)  # 3
    hashes = [sha256(b"\x00" + entry).digest() for entry in entries]
    if _root(hashes) != root:  # 4
        raise LogInvalid("log.root", "the entries on disk do not hash to the root in the checkpoint")
    _check_tiles(directory, hashes)  # 5
    leaves = [_leaf(index, entry) for index, entry in enumerate(entries)]  # 6
    opened = _check_openings(leaves)  # 7
    return Report(
        origin=origin,
        size=size,
        root=base64.b64encode(root).decode(),
        witnesses=tuple(sorted(cosigned)),
        witnessed_at=max(cosigned.values()),
        opened=len(opened),
        unopened=_unopened(leaves, opened, now),
        beyond=_beyond(directory, size),
        leaves=tuple(leaves),
    )


def check_note(raw: str, policy: Policy) -> tuple[str, int, bytes, dict[str, int]]:
    """Return origin, size, root and who cosigned when of a checkpoint that the policy believes; raises `LogInvalid`."""
    note = NOTE.fullmatch(raw)
    if note is None or int(note[3]) >= 1 << 63 or len(raw) > MAX_NOTE:
        raise LogInvalid("log.checkpoint", "the checkpoint has another spelling than docs/spec/ledger.md gives it")
    text, origin, size, root = note[1], note[2], int(note[3]), _decode(note[4], "log.checkpoint")
    lines = note[5].splitlines()
    name, key_id, key = _vkey(policy.log, LOG)
    if name != origin:
        raise LogInvalid("log.origin", f"the checkpoint is of {origin!r}, not of the pinned log")
    found = _signatures(lines, name, key_id)
    if not found or len(root) != HASH:
        raise LogInvalid("log.unsigned", "the pinned log has not signed the checkpoint")
    for signature in found:
        _verify(key, signature, text.encode(), "log.signature")
    return origin, size, root, _cosignatures(text, lines, policy)


def _cosignatures(text: str, lines: list[str], policy: Policy) -> dict[str, int]:
    """Return when which witness cosigned (s since 1970). One that signs twice counts once."""
    found = dict[str, int]()
    for vkey in policy.witnesses:
        name, key_id, key = _vkey(vkey, COSIGNATURE)
        for blob in _signatures(lines, name, key_id):
            at = int.from_bytes(blob[:8], "big")
            if at >= MAX_NUMBER:
                raise LogInvalid("log.cosignature", "a cosignature is dated later than anybody counts")
            _verify(key, blob[8:], f"cosignature/v1\ntime {at}\n{text}".encode(), "log.cosignature")
            found[name] = max(at, found.get(name, 0))
    if len(found) < policy.quorum:
        raise LogInvalid("log.unwitnessed", f"{len(found)} pinned witnesses have cosigned, and {policy.quorum} must")
    return found


def _vkey(vkey: str, kind: int) -> tuple[str, bytes, Ed25519PublicKey]:
    parts = VKEY.fullmatch(vkey)
    raw = _decode(parts[3], "log.vkey") if parts else b""
    wanted = sha256(parts[1].encode() + b"\n" + raw).digest()[:4] if parts else b""
    if parts is None or raw[:1] != bytes([kind]) or len(raw) != 1 + HASH or parts[2] != wanted.hex():
        raise LogInvalid("log.vkey", f"{vkey!r} is not a verifier key of signature type {kind}")
    return parts[1], wanted, Ed25519PublicKey.from_public_bytes(_point(raw[1:], "log.vkey"))


def _point(raw: bytes, code: str) -> bytes:
    """Return a point in its one spelling (RFC 8032, 5.1.3), and none under which one signature fits everything."""
    y = int.from_bytes(raw, "little") % 2**255
    if y >= _P or y in {0, 1, _P - 1, _ORDER_8, _P - _ORDER_8}:
        raise LogInvalid(code, "a key or a signature holds a point of small order")
    return raw


def _signatures(lines: list[str], name: str, key_id: bytes) -> list[bytes]:
    """Pick the signatures by one key; every line, a stranger's too, is base64 in its one spelling."""
    blobs = [(line.split(" ")[1], _decode(line.split(" ")[2], "log.checkpoint")) for line in lines]
    return [blob[4:] for signer, blob in blobs if (signer, blob[:4]) == (name, key_id)]


def _verify(key: Ed25519PublicKey, signature: bytes, message: bytes, code: str) -> None:
    _point(signature[:HASH], code)
    try:
        key.verify(signature, message)
    except InvalidSignature:
        raise LogInvalid(code, "a signature by a pinned key does not verify") from None


def _decode(text: str, code: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if base64.b64encode(raw).decode() != text:  # unused bits that are not zero are another spelling of the same bytes
        raise LogInvalid(code, "something that should be base64, in its one spelling, is not")
    return raw


def _root(hashes: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, read as the recursion that it is."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << ((len(hashes) - 1).bit_length() - 1)
    return sha256(b"\x01" + _root(hashes[:k]) + _root(hashes[k:])).digest()


def _entries(directory: Path, size: int) -> list[bytes]:
    """Read what the checkpoint counts, up to what stands twice: a folder of links to one file has no end."""
    entries = dict[bytes, None]()
    for at in range(0, size, WIDTH):
        width = min(WIDTH, size - at)
        entries |= dict.fromkeys(_bundle(directory, at // WIDTH, width))
        if len(entries) < at + width:
            raise LogInvalid("log.twice", "two entries are the same bytes")
    return list(entries)


def _bundle(directory: Path, n: int, width: int) -> list[bytes]:
    data, at, entries = _tile(directory, "entries", n, width), 0, list[bytes]()
    while at + 2 <= len(data) and len(entries) < WIDTH:
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        entries.append(data[at + 2 : end])
        at = end
    if at != len(data) or len(entries) not in {width, WIDTH}:
        raise LogInvalid("log.entries", f"entry bundle {n} is cut off, or does not end with its last entry")
    return entries[:width]


def _check_tiles(directory: Path, hashes: list[bytes]) -> None:
    """Compare the tiles of every level with what the entries hash to; a level above holds roots of full tiles."""
    level = 0
    while hashes:
        rows = [hashes[at : at + WIDTH] for at in range(0, len(hashes), WIDTH)]
        for n, row in enumerate(rows):
            tile, hashed = _tile(directory, str(level), n, len(row)), b"".join(row)
            if not tile.startswith(hashed) or len(tile) not in {len(hashed), WIDTH * HASH}:
                raise LogInvalid("log.tile", f"tile {n} of level {level} is not what the entries hash to")
        hashes = [_root(row) for row in rows if len(row) == WIDTH]
        level += 1


def _tile(directory: Path, level: str, n: int, width: int) -> bytes:
    """Read a tile or bundle; where the partial one is gone, the full one starts with it (C2SP tlog-tiles)."""
    full = _path(directory, level, n)
    partial = full.with_name(f"{full.name}.p") / str(width)
    most = WIDTH * (2 + MAX_LEAF if level == "entries" else HASH)
    return _read(partial if width < WIDTH and _exists(partial) else full, most)


def _path(directory: Path, level: str, n: int) -> Path:
    digits = f"{n:03d}".rjust(-(-len(f"{n:03d}") // 3) * 3, "0")
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return directory.joinpath("tile", level, *(f"x{group}" for group in groups[:-1]), groups[-1])


def _exists(path: Path) -> bool:
    """Whether there is something; raises `LogUnchecked` where nobody may look."""
    try:
        path.stat()
    except PermissionError:
        raise LogUnchecked(f"{path} may not be read") from None
    except OSError:
        return False
    return True


def _read(path: Path, most: int) -> bytes:
    if _exists(path) and not path.is_file():
        raise LogInvalid("log.file", f"cannot read {path}: it is no file")
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except PermissionError:
        raise LogUnchecked(f"{path} may not be read") from None
    except OSError as error:
        raise LogInvalid("log.file", f"cannot read {path}: {error.strerror}") from None
    if len(data) > most:
        raise LogInvalid("log.file", f"cannot read {path}: it is longer than {most} bytes")
    return data


def _leaf(index: int, entry: bytes) -> Leaf:
    """Read one leaf and hold it against its canonical spelling (RFC 8785; names are ASCII, numbers whole)."""
    try:
        leaf = json.loads(entry, parse_float=_no_float, parse_constant=_no_float)
        spelled = json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise LogInvalid("log.leaf", f"leaf {index} is not JSON with whole numbers") from None
    if not isinstance(leaf, dict) or spelled != entry or len(entry) > MAX_LEAF:
        raise LogInvalid("log.leaf", f"leaf {index} is not an object in canonical JSON of at most {MAX_LEAF} bytes")
    if not leaf.keys() <= MEMBERS.keys():
        raise LogInvalid("log.leaf", f"leaf {index} has other members than the specification")
    kind = str(leaf.get("type"))
    for name, (form, must, may) in MEMBERS.items():
        here = re.fullmatch(f"{must}|{may}" if name in leaf else must, kind)
        if bool(here) != (name in leaf) or (here and not _fits(form, leaf[name])):
            raise LogInvalid("log.leaf", f"in leaf {index} the member {name} is wrong, missing or out of place")
    return leaf


def _fits(form: Any, value: Any) -> bool:
    """Hold a value against the least that a number may be, the pattern of a text, or the forms of all members."""
    if isinstance(form, int):
        return type(value) is int and form <= value < MAX_NUMBER
    if isinstance(form, str):
        return isinstance(value, str) and re.fullmatch(form, value) is not None
    return isinstance(value, dict) and value.keys() == form.keys() and all(_fits(form[it], value[it]) for it in form)


def _no_float(_text: str) -> float:
    raise ValueError


def _check_openings(leaves: list[Leaf]) -> set[str]:
    """Check every `seal.opened` against the leaf that it opens; return the commitments that are open."""
    opened = set()
    for index, leaf in enumerate(leaves):
        if "opens" not in leaf:
            continue
        opens = leaf["opens"]
        target = leaves[opens["index"]] if opens["index"] in range(index) else {}
        late_enough = target.get("open_after") is not None and target["open_after"] <= leaf["ts"]
        if not late_enough or not _commitment(opens) == target["commitment"] == leaf["commitment"]:
            raise LogInvalid("log.seal", f"leaf {index} does not open the seal that it says it opens")
        opened.add(leaf["commitment"])
    return opened


def _commitment(opens: dict[str, Any]) -> str:
    salt, digest = (base64.urlsafe_b64decode(f"{opens[member]}=") for member in ("salt", "digest"))
    return base64.urlsafe_b64encode(sha256(salt + opens["jti"].encode() + digest).digest()).rstrip(b"=").decode()


def _unopened(leaves: list[Leaf], opened: set[str], now: int) -> tuple[Unopened, ...]:
    return tuple(
        Unopened(index, leaf["party"], leaf["open_after"])
        for index, leaf in enumerate(leaves)
        if "open_after" in leaf and leaf["open_after"] <= now and leaf["commitment"] not in opened
    )


def _beyond(directory: Path, size: int) -> int:
    """Count the entries on disk after `size`: appended, and not witnessed yet."""
    n, total = size // WIDTH, size
    while n < size // WIDTH + MAX_BEYOND and _exists(_path(directory, "entries", n)):
        n, total = n + 1, (n + 1) * WIDTH
    full = _path(directory, "entries", n)
    partials = full.with_name(f"{full.name}.p")
    widths = [width for width in range(1, WIDTH) if _exists(partials / str(width))]
    return max([total, *(n * WIDTH + width for width in widths)]) - size


def asked(doc: str) -> tuple[Report, int]:
    """Check the log that the command line names; ends the process where that cannot be done, or it is not valid."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--policy", type=Path, required=True, metavar="FILE")
    given, now = parser.parse_args(), time.time_ns() // 1_000_000
    try:
        return verify_log(given.directory, read_policy(given.policy), now), now
    except LogUnchecked as error:
        sys.stderr.write(plain(f"cannot be checked: {error}") + "\n")
        sys.exit(UNCHECKED)
    except LogInvalid as error:
        sys.exit(plain(str(error)))


def tell(text: str) -> None:
    """Print what was found; ends the process where that cannot be done: a verdict that nobody read is none."""
    try:
        print(text, end="", flush=True)  # noqa: T201 - it is what this program is for
    except OSError:
        os._exit(UNCHECKED)


def plain(text: str) -> str:
    """Return text as one line in which nothing acts on a terminal: folders have any name."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def main() -> None:
    """Print what the log holds; exit 1 with one sentence if it is not valid, 3 if there is nothing to check."""
    report, _ = asked(__doc__)
    tell(render(report))


def render(report: Report) -> str:
    lines = [
        f"{report.origin}: {report.size} leaves, root {report.root}",
        f"cosigned by {', '.join(report.witnesses)} at {time.strftime('%FT%TZ', time.gmtime(report.witnessed_at))}",
        f"seals opened: {report.opened}, past their date and unopened: {len(report.unopened)}",
        *(f"  leaf {late.index}: {late.party} should have opened it" for late in report.unopened),
    ]
    if report.beyond:
        lines.append(f"appended and not witnessed yet: {report.beyond}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
