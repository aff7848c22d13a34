"""What Wireshark, which shares no line with us, reads out of our octets."""

import shutil
import subprocess
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from tiers.wire.lawful import product, x2x3, xiri
from tiers.wire.lawful.x2x3 import Direction, Head, Keepalive, KeepaliveAck, Pdu
from tiers.wire.message.envelope import Channel, Service

pytestmark = pytest.mark.skipif(
    shutil.which("tshark") is None or shutil.which("text2pcap") is None,
    reason="tshark and text2pcap are not installed (Debian: apt-get install tshark)",
)

PDU_FIELDS = ["type", "pf", "pd", "xid", "cid", "did", "nfid", "ipid", "sq", "ts", "mti", "oti"]
XIRI_FIELDS = ["event", "nAI", "direction", "sMSTPDU"]
NAMES = [*(f"li5g.{name}" for name in PDU_FIELDS), *(f"lix2.{name}" for name in XIRI_FIELDS), "_ws.malformed"]

HEAD = Head(
    xid=UUID("11111111-2222-4333-8444-555555555555"),
    correlation=0x0102030405060708,
    direction=Direction.FROM_TARGET,
    sequence=70_000,
    at_ns=1_767_225_600_123_456_789,
    domain="tiers.example",
    function="gateway-1",
    point="delhi",
)
METADATA = xiri.Metadata(
    from_pin="2100000a",
    to_pin="2100000b",
    mid="019b76da-a800-7000-8000-000000000001",
    service=Service.EMAIL,
    channel=Channel.ENTERPRISE,
    org="S50000001",
    size=1024,
)
A, B = "2100000a@email.example", "2100000b@email.example"
RECORD = b'{"channel":"enterprise","mid":"019b76da-a800-7000-8000-000000000001","org":"S50000001","size":1024}'
WHERE = [b"tiers.example".hex(), b"gateway-1".hex(), b"delhi".hex()]
WHEN = "Jan  1, 2026 00:00:00.123456789 UTC"


def dissect(folder: Path, segments: list[bytes]) -> list[list[str]]:
    """The fields NAMES of each TCP segment; of a field shown several times the distinct values, comma-joined."""
    text, capture = folder / "pdus.txt", folder / "pdus.pcap"
    text.write_text("".join(f"000000 {raw.hex(' ')}\n{len(raw):06x}\n" for raw in segments))
    subprocess.run(["text2pcap", "-q", "-T", "40000,30221", text, capture], check=True, capture_output=True)
    columns = [part for name in NAMES for part in ("-e", name)]
    command = ["tshark", "-r", capture, "-d", "tcp.port==30221,5gli", "-T", "fields", "-E", "separator=|"]
    command += ["-E", "aggregator=;", *columns]
    environment = {"TZ": "UTC", "PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(folder)}
    shown = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    return [[";".join(dict.fromkeys(cell.split(";"))) for cell in line.split("|")] for line in shown.splitlines()]


def target(address: str) -> str:
    return x2x3.target_xml(address).hex()


def test_wireshark_reads_the_fields_that_we_sent(tmp_path: Path) -> None:
    to_target = replace(HEAD, direction=Direction.TO_TARGET, sequence=2**32 - 1)
    sent: list[Pdu] = [
        product.x2(HEAD, METADATA),
        product.x2(to_target, METADATA),
        product.x3(HEAD, b'{"ciphertext":"x"}'),
        Keepalive(7),
        KeepaliveAck(7),
    ]
    xid, correlation, nil = str(HEAD.xid), "0102030405060708", str(UUID(int=0))
    iri = ["12", f"{A};{B}"]
    assert dissect(tmp_path, [x2x3.encode(pdu) for pdu in sent]) == [
        ["1", "2", "3", xid, correlation, *WHERE, "70000", WHEN, target(A), target(B), *iri, "1", RECORD.hex(), ""],
        [
            "1",
            "2",
            "2",
            xid,
            correlation,
            *WHERE,
            "4294967295",
            WHEN,
            target(B),
            target(A),
            *iri,
            "2",
            RECORD.hex(),
            "",
        ],
        ["2", "15", "3", xid, correlation, *WHERE, "70000", WHEN, *[""] * 7],
        ["3", "0", "0", nil, "0" * 16, "", "", "", "7", *[""] * 8],
        ["4", "0", "0", nil, "0" * 16, "", "", "", "7", *[""] * 8],
    ]


def test_wireshark_reads_two_pdus_in_one_segment(tmp_path: Path) -> None:
    pair = x2x3.encode(product.x2(HEAD, METADATA)) + x2x3.encode(product.x3(HEAD, b"{}"))
    (fields,) = dissect(tmp_path, [pair])
    assert (fields[:3], fields[-1]) == (["1;2", "2;15", "3"], "")
