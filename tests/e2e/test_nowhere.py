"""With every provider-side process at hand, an enterprise plaintext is nowhere: memory, store, product, logs."""

import base64
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from kits.lawful import Hands
from tiers.lab.attack.capture.take import at_once
from tiers.lab.classroom.desk import Desk, Note, Sent, opened
from tiers.lab.world.cast import ACME
from tiers.lab.world.folders import PASSING, TOP
from tiers.lab.world.world import World, booted
from tiers.wire.encoding import unb64u
from tiers.wire.message.envelope import Channel, Service

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="process memory is read on Linux only (/proc)"),
]

PROVIDER = ("gateway", "carrier", "court", "auditor", "ledger", "witness", "store")
_NOT_MEMORY = ("[vvar]", "[vvar_vclock]", "[vsyscall]", "[vdso]")


def spellings(text: str) -> tuple[bytes, ...]:
    """A text as it might lie about: UTF-8, UTF-16, UTF-32, hex, base64 at each of the three alignments."""
    raw = text.encode()
    sliced = [base64.urlsafe_b64encode(bytes(shift) + raw)[(0, 2, 3)[shift] : -4] for shift in range(3)]
    return (raw, text.encode("utf-16-le"), text.encode("utf-32-le"), raw.hex().encode(), *sliced)


def memory(pid: int) -> Iterator[bytes]:
    """Every readable mapping of a process."""
    lines = Path(f"/proc/{pid}/maps").read_text(encoding="ascii", errors="replace").splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as file:
        for line in lines:
            span, rights, *rest = line.split()
            if rights.startswith("r") and not (rest and rest[-1] in _NOT_MEMORY):
                start, end = (int(part, 16) for part in span.split("-"))
                try:
                    file.seek(start)
                    yield file.read(end - start)
                except (OSError, ValueError, OverflowError):
                    continue  # unmapped since, or a device


@dataclass(slots=True)
class Search:
    """Where something was looked for, and how much there was to look through."""

    world: World
    octets: int = 0

    def found(self, text: str, places: Iterator[tuple[str, bytes]]) -> set[str]:
        needles, where = spellings(text), set[str]()
        for name, data in places:
            self.octets += len(data)
            where |= {name} if any(needle in data for needle in needles) else set()
        return where

    def memories(self, *names: str) -> Iterator[tuple[str, bytes]]:
        for name in names:
            for child in self.world.store.children if name == "store" else (self.world.children[name],):
                yield from ((name, part) for part in memory(child.pid))

    def files(self, *names: str) -> Iterator[tuple[str, bytes]]:
        """State directories, the store's folder, and every log."""
        for name in names:
            folder = self.world.root / "store" if name == "store" else self.world.state(name)
            for path in folder.rglob("*"):
                if path.is_file():
                    yield name, path.read_bytes()
        for path in (self.world.root / "logs").iterdir():
            if path.is_file():
                yield f"log:{path.stem}", path.read_bytes()


@dataclass(slots=True)
class Scene:
    """Secrets under two warrants in force, inspected: one consumer's, two of an enterprise."""

    desk: Desk
    consumer: str
    enterprise: list[str]
    sent: Sent
    last: Sent
    product: list[bytes]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    root: Path = tmp_path_factory.mktemp("nowhere") / "w"
    consumer, chat, mail = (f"{name} {secrets.token_hex(16)} is the word" for name in ("consumer", "chat", "mail"))
    async with booted(root) as world, opened(world) as desk:
        world.clock.turn(1)
        jtis = [await desk.apply(target, tuple(Service), minutes=1) for target in ("alice", "priya")]
        for jti in jtis:
            await desk.decide(jti, "approval")
            await desk.serve(jti)
        notes = [
            Note("alice", "bob", Channel.CONSUMER, Service.BBM, consumer),
            Note("priya", "quentin", Channel.ENTERPRISE, Service.BBM, chat),
            Note("quentin", "priya", Channel.ENTERPRISE, Service.EMAIL, mail, "Tender"),
        ]
        sent = [await desk.send(note) for note in notes]
        for note in notes:
            assert (await desk.received(note.to)).content is not None
        world.clock.turn(1)
        pages = [
            await Hands(desk).delivered(jti, count) for jti, count in zip(jtis, (2, 4), strict=True)
        ]  # fmt: skip
        product = [unb64u(pdu, "test.pdu") for page in pages for pdu in page.pdus]
        for jti in jtis:
            await desk.inspect(jti)
        yield Scene(desk, consumer, [chat, mail], sent[1], sent[2], product)


async def test_the_search_finds_a_planted_consumer_plaintext_in_the_auditor(scene: Scene) -> None:
    search = Search(scene.desk.world)

    assert {"auditor"} == search.found(scene.consumer, search.memories("auditor"))
    assert {"auditor"} == search.found(scene.consumer, search.files("auditor"))


async def test_the_search_finds_an_enterprise_plaintext_where_it_may_be(scene: Scene) -> None:
    search = Search(scene.desk.world)

    assert scene.enterprise[0] == (await scene.desk.read(ACME, scene.sent.mid)).content
    assert {"acme"} == search.found(scene.enterprise[0], search.memories("acme"))


async def test_it_has_looked_where_the_messages_passed(scene: Scene) -> None:
    search = Search(scene.desk.world)
    # the last one: the relay remembers it, for a regulator who demands to know its readers
    mid, ciphertext = scene.last.mid, scene.last.envelope.jwe.ciphertext

    assert {"gateway", "carrier", "auditor", "store"} == search.found(mid, search.memories(*PROVIDER))
    assert {"store", "auditor"} == search.found(ciphertext, search.files("store", "auditor"))
    assert any(ciphertext.encode() in pdu for pdu in scene.product)


async def test_an_enterprise_plaintext_is_nowhere_on_the_providers_side(scene: Scene) -> None:
    search = Search(scene.desk.world)

    for text in scene.enterprise:
        assert set() == search.found(text, search.memories(*PROVIDER))
        assert set() == search.found(text, search.files(*PROVIDER))
        assert set() == search.found(text, (("product", pdu) for pdu in scene.product))
    assert search.octets > 100_000_000


async def test_what_is_left_in_a_temporary_folder_is_found_but_for_the_folders_of_other_worlds(scene: Scene) -> None:
    found = []
    for name in ("tiers-cache-", "core-of-a-relay-", TOP, PASSING):
        with tempfile.TemporaryDirectory(prefix=name, dir="/tmp") as folder:
            (Path(folder) / "file").write_bytes(b"left by " + name.encode())
            (source,) = at_once(scene.desk, [], {"left"})
        found += [name for chunk in source.chunks if chunk.data == b"left by " + name.encode()]
    assert ["tiers-cache-", "core-of-a-relay-"] == found
