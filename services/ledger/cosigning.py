"""C2SP tlog-witness: the request that a log sends to a witness, and the witness's decision. Pure.

    -> POST /add-checkpoint     old <size>, the consistency proof, an empty line, the signed checkpoint
    <- 200 cosignature lines    | 409 <the size that the witness knows>  | 400, 403, 404, 422

The numbers of the steps below are those of the status codes' table in docs/spec/ledger.md.
"""

import re
from dataclasses import dataclass

from tiers.wire.errors import Conflict, Forbidden, Missing, TooLarge, Yours
from tiers.wire.log.checkpoint import MAX_NOTE, LogKey, SignedCheckpoint, b64, parse_note, unb64, verify_signed
from tiers.wire.log.merkle import MAX_PROOF, MAX_SIZE, TreeHead, verify_consistency

MAX_REQUEST = MAX_NOTE + (MAX_PROOF + 1) * 64  # bytes
SIZE_TYPE = "text/x.tlog.size"
_REQUEST = re.compile(rf"old (0|[1-9][0-9]{{0,18}})\n((?:[A-Za-z0-9+/]{{43}}=\n){{0,{MAX_PROOF}}})\n(.*)", re.DOTALL)


class Unprovable(Yours):
    """The consistency proof does not verify: 422, as C2SP tlog-witness asks."""

    status = 422


class OtherSize(Conflict):
    """The witness last cosigned another tree than the log says; `size` is the one that it knows."""

    def __init__(self, size: int) -> None:
        super().__init__("witness.other_size", f"Prove consistency from size {size}, which this witness cosigned last.")
        self.size = size


class SplitView(OtherSize):
    """The log signed two different trees of one size: both checkpoints together are the evidence."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """One request: the size that the witness cosigned last, the proof from there, and the new checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: str

    def encode(self) -> bytes:
        lines = "".join(f"{b64(node)}\n" for node in self.proof)
        return f"old {self.old}\n{lines}\n{self.note}".encode()


def parse_request(body: bytes) -> AddCheckpoint:
    """Read the body of a request; raises `Yours("witness.malformed")` or `TooLarge`."""
    if len(body) > MAX_REQUEST:
        raise TooLarge("witness.too_large", f"Send at most {MAX_REQUEST} bytes.")
    try:
        match = _REQUEST.fullmatch(body.decode())
    except UnicodeDecodeError:
        match = None
    if match is None or int(match[1]) > MAX_SIZE:
        raise Yours("witness.malformed", "Send the body of add-checkpoint as C2SP tlog-witness describes it.")
    proof = tuple(unb64(line, "witness.malformed") for line in match[2].splitlines())
    return AddCheckpoint(int(match[1]), proof, match[3])


def verify_extends(request: AddCheckpoint, log: LogKey, latest: TreeHead) -> SignedCheckpoint:
    """Return the checkpoint that may be cosigned after `latest`, the last one cosigned (size 0: none yet).

    1. The origin is known, or 404. 2. The log signed it, or 403. 3. The old size is not above the new one, or 400.
    4. The old size is the latest cosigned one, or 409. 5. The same size has the same root, or 409.
    6. The consistency proof verifies, or 422.
    """
    if parse_note(request.note)[0].origin != log.name:  # 1
        raise Missing("witness.unknown_log", "Send a checkpoint of a log that this witness watches.")
    try:
        signed = verify_signed(request.note, log)  # 2
    except Yours as error:
        raise Forbidden(error.code, error.detail) from None
    head = signed.checkpoint.head
    if request.old > head.size:  # 3
        raise Yours("witness.shrinking", "Send a checkpoint that is not smaller than its old size.")
    if request.old != latest.size:  # 4
        raise OtherSize(latest.size)
    if head.size == latest.size and head.root != latest.root:  # 5
        raise SplitView(latest.size)
    _verify_proof(latest, head, request)  # 6
    return signed


def _verify_proof(latest: TreeHead, head: TreeHead, request: AddCheckpoint) -> None:
    if latest.size == 0 and not request.proof:
        return
    try:
        verify_consistency(latest, head, request.proof)
    except Yours as error:
        raise Unprovable(error.code, error.detail) from None
