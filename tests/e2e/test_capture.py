"""Wireshark, which shares no line with us, reads the real X2 and X3 of the story out of a capture of its TLS link."""

import asyncio
import json
import re
import shutil
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from kits.lawful import GATEWAY, Hands
from tiers.lab.classroom.desk import Desk, opened
from tiers.lab.classroom.story import INSIDE, Story, play
from tiers.lab.world.cast import handset
from tiers.lab.world.processes import start_party, stop
from tiers.lab.world.tap import Tap, _copy
from tiers.lab.world.world import World, booted
from tiers.wire.encoding import unb64u
from tiers.wire.lawful.x2x3 import X2, X3, Direction, Type, decode, target_xml
from tiers.wire.message.envelope import Channel, parse_envelope

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        shutil.which("tshark") is None, reason="tshark is not installed (Debian: apt-get install tshark)"
    ),
]

MEDIATION, FIRST_RELAY_PORT = 30221, 40_000
SEGMENT = 16_384
KEYS = "keys.log"
PDU = ["type", "pf", "pd", "xid", "cid", "nfid", "ipid", "sq", "ts", "mti", "oti", "hl", "pl", "pld"]
XIRI = ["event", "nAI", "direction", "sMSTPDU"]


class Wire(Tap):
    """A tap that also knows which way each chunk went, and on which connection."""

    def __init__(self, capture: Path, port: int) -> None:
        super().__init__(capture, port)
        self.segments: list[tuple[int, bool, bytes]] = []
        self.connections = 0

    async def _forward(self, *ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        number, self.connections = self.connections, self.connections + 1

        def record(to_mediation: bool) -> object:
            return lambda chunk: self.segments.append((number, to_mediation, chunk))

        await asyncio.gather(*(_copy(source, sink, record(at == 0)) for at, (source, sink) in enumerate(ways)))
        for _, sink in ways:
            sink.close()


def pcap(segments: list[tuple[int, bool, bytes]]) -> bytes:
    """A capture file of IPv4 (link type 101) with the bytes as TCP segments, in the order in which they went."""
    sent: dict[tuple[int, bool], int] = {}
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]
    for number, to_mediation, chunk in segments:
        for at in range(0, len(chunk), SEGMENT):
            data = chunk[at : at + SEGMENT]
            relay, way, back = FIRST_RELAY_PORT + number, (number, to_mediation), (number, not to_mediation)
            ports = (relay, MEDIATION) if to_mediation else (MEDIATION, relay)
            sequence, acknowledged = sent.get(way, 0), sent.get(back, 0)
            tcp = struct.pack(">HHIIBBHHH", *ports, sequence, acknowledged, 5 << 4, 0x18, 65535, 0, 0) + data
            ends = b"\x0a\x00\x00\x01\x0a\x00\x00\x02" if to_mediation else b"\x0a\x00\x00\x02\x0a\x00\x00\x01"
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + ends + tcp
            out.append(struct.pack("<IIII", len(out), 0, len(ip), len(ip)) + ip)
            sent[way] = sequence + len(data)
    return b"".join(out)


@dataclass(slots=True)
class Taped:
    """The story as it was played, and what went over the wire meanwhile."""

    desk: Desk
    story: Story
    wire: Wire
    keys: Path
    folder: Path
    dissected: list[dict[str, list[str]]] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.desk.world


async def through(world: World, wire: Wire, keys: Path) -> None:
    """Start the relay again with its mediation behind the tap, leaving the keys of its TLS connections."""
    child = world.children["gateway"]
    await stop(child)
    environ = {**child.environ, "TIERS_MEDIATION": f"127.0.0.1:{wire.port}", "SSLKEYLOGFILE": str(keys)}
    world.children["gateway"] = await start_party("gateway", child.command, environ, child.log)


async def tshark(folder: Path, *arguments: str) -> str:
    environ = {"TZ": "UTC", "PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(folder)}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("tshark", *arguments, env=environ, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    assert process.returncode == 0, err
    return out.decode()


async def decrypt(taped: Taped) -> list[tuple[int, bool, bytes]]:
    """Have tshark take TLS off the capture: what each record held, which way it went, connection by connection."""
    capture = taped.folder / "tls.pcap"
    capture.write_bytes(pcap(taped.wire.segments))
    options = ["-r", str(capture), "-o", f"tls.keylog_file:{taped.keys}", "-d", f"tcp.port=={MEDIATION},tls", "-q"]
    records = []
    for number in range(taped.wire.connections):
        said = await tshark(taped.folder, *options, "-z", f"follow,tls,raw,{number}")
        lines = [line for line in said.splitlines() if re.fullmatch(r"\t?[0-9a-f]+", line)]
        records += [(number, not line.startswith("\t"), bytes.fromhex(line.strip())) for line in lines]
    return records


async def dissect(taped: Taped) -> list[dict[str, list[str]]]:
    """Have tshark dissect what it decrypted; returns the fields of each record. In TLS it knows no 5gli by itself."""
    capture = taped.folder / "x2x3.pcap"
    capture.write_bytes(pcap(await decrypt(taped)))
    columns = [*(f"li5g.{name}" for name in PDU), *(f"lix2.{name}" for name in XIRI), "_ws.malformed"]
    options = ["-r", str(capture), "-d", f"tcp.port=={MEDIATION},5gli", "-Y", "5gli", "-T", "json"]
    out = await tshark(taped.folder, *options, *(part for name in columns for part in ("-e", name)))
    return [frame["_source"]["layers"] for frame in json.loads(out)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def taped(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Taped]:
    folder: Path = tmp_path_factory.mktemp("capture")
    async with booted(folder / "w") as world:
        wire = Wire(folder / "mediation.bin", world.ports["mediation"])
        await wire.start()
        await through(world, wire, folder / KEYS)
        async with opened(world) as desk:
            story = await play(desk, lambda _title, _sentence: None)
            made = Taped(desk, story, wire, folder / KEYS, folder)
            for jti, count in zip(story.warrants.values(), (4, 8), strict=True):
                await Hands(desk).delivered(jti, count)
            made.dissected = await dissect(made)
            yield made
            await wire.stop()


COPIED = {"alice": ("bbm", "bis-mail"), "priya": ("bes-bbm", "bes-mail", "bes-cross", "employee-bbm")}
PAIRS = [(target, at, key) for target, keys in COPIED.items() for at, key in enumerate(keys)]
CASES = pytest.mark.parametrize(("target", "at", "key"), [pytest.param(*pair, id=pair[2]) for pair in PAIRS])


def of_type(taped: Taped, kind: Type) -> list[dict[str, str]]:
    """The frames of one PDU type in order; a field that tshark shows twice counts once, several values are joined."""
    return [
        {name.partition(".")[2]: ";".join(dict.fromkeys(values)) for name, values in frame.items()}
        for frame in taped.dissected
        if frame["li5g.type"] == [str(int(kind))]
    ]


def frame_of(taped: Taped, kind: Type, target: str, at: int) -> dict[str, str]:
    """The copy number `at` of a target's messages: its task is the one whose X2s match the target."""
    address = handset(target).pin.encode().hex()
    (xid,) = {frame["xid"] for frame in of_type(taped, Type.X2) if address in frame["mti"]}
    (found,) = [frame for frame in of_type(taped, kind) if (frame["xid"], frame["sq"]) == (xid, str(at))]
    return found


async def test_wireshark_finds_every_copied_message_and_nothing_malformed(taped: Taped) -> None:
    assert (len(PAIRS), len(PAIRS)) == (len(of_type(taped, Type.X2)), len(of_type(taped, Type.X3)))
    assert [] == [frame for frame in taped.dissected if "_ws.malformed" in frame]


@CASES
async def test_the_metadata_are_those_of_the_message(taped: Taped, target: str, at: int, key: str) -> None:
    sent = taped.story.messages[key]
    header, frame = sent.envelope.header, frame_of(taped, Type.X2, target, at)
    sender, to = (f"{pin}@{header.service}.example" for pin in (header.sender, header.to))
    mine, other = (sender, to) if header.sender == handset(target).pin else (to, sender)
    from_target = mine == sender
    record = json.loads(bytes.fromhex(frame["sMSTPDU"]))

    assert ("2", "12", f"{sender};{to}") == (frame["pf"], frame["event"], frame["nAI"])
    assert (str(int(Direction.FROM_TARGET if from_target else Direction.TO_TARGET)), "1" if from_target else "2") == (
        frame["pd"],
        frame["direction"],
    )
    assert [target_xml(address).hex() for address in (mine, other)] == [frame["mti"], frame["oti"]]
    assert (header.mid, header.channel) == (record["mid"], record["channel"])
    assert record["size"] == int(frame_of(taped, Type.X3, target, at)["pl"])


@CASES
async def test_the_content_is_the_jwe_that_the_relay_passed_on(taped: Taped, target: str, at: int, key: str) -> None:
    frame, sent = frame_of(taped, Type.X3, target, at), taped.story.messages[key].envelope
    shown = bytes.fromhex(frame["pld"])
    passed = parse_envelope(shown)

    assert ("15", len(shown)) == (frame["pf"], int(frame["pl"]))
    assert (sent.jwe.protected, sent.jwe.ciphertext, sent.jwe.tag) == (
        passed.jwe.protected,
        passed.jwe.ciphertext,
        passed.jwe.tag,
    )
    if sent.header.channel is Channel.ENTERPRISE:
        assert taped.story.envelope(key) == shown, "forwarded untouched"
    else:
        assert sent.jwe.recipients == passed.jwe.recipients[:1]
        assert 2 == len(passed.jwe.recipients)


@CASES
async def test_task_place_number_and_time_are_what_the_mediation_kept(
    taped: Taped, target: str, at: int, key: str
) -> None:
    page = await Hands(taped.desk).product(taped.story.warrants[target])
    kept = [decode(unb64u(raw, "test.pdu")) for raw in page.pdus]
    for kind in (X2, X3):
        pdu = [one for one in kept if isinstance(one, kind)][at]
        frame = frame_of(taped, pdu.type, target, at)
        whole, below = divmod(pdu.head.at_ns or 0, 10**9)
        when = f"{time.strftime('%b %e, %Y %H:%M:%S', time.gmtime(whole))}.{below:09d} UTC"
        assert (str(pdu.head.xid), f"{pdu.head.correlation:016x}") == (frame["xid"], frame["cid"])
        assert (str(GATEWAY).encode().hex(), b"accept".hex()) == (frame["nfid"], frame["ipid"])
        assert (str(pdu.head.sequence), when) == (frame["sq"], frame["ts"])
        assert (0, 2 * len(COPIED[target])) == (page.lost, page.total)


async def test_every_keepalive_is_acknowledged_under_its_number(taped: Taped) -> None:
    asked, acknowledged = of_type(taped, Type.KEEPALIVE), of_type(taped, Type.KEEPALIVE_ACK)

    assert [frame["sq"] for frame in asked] == [frame["sq"] for frame in acknowledged] != []
    assert {str(UUID(int=0))} == {frame["xid"] for frame in (*asked, *acknowledged)}


async def test_the_link_shows_nothing_to_whoever_has_no_keys(taped: Taped) -> None:
    whole = b"".join(chunk for _, _, chunk in taped.wire.segments)

    for key in INSIDE:
        assert taped.story.messages[key].mid.encode() not in whole
    assert b"@bbm.example" not in whole
