"""What a hostile witness may answer over HTTP: whatever it is, the others' cosignatures are enough."""

import aiohttp
import pytest
from aiohttp import web

from tiers.ledger.cosigning import SIZE_TYPE, AddCheckpoint, OtherSize
from tiers.ledger.witness_client import HttpWitness
from tiers.wire.errors import Ours

ASKED = AddCheckpoint(0, (), "note")


async def answered(status: int, body: bytes, kind: str = "text/plain") -> str:
    async def answer(_request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Type": kind})
        await response.prepare(_request)
        for at in range(0, len(body), 1000):  # in as many pieces as it likes
            await response.write(body[at : at + 1000])
        return response

    app = web.Application()
    app.router.add_post("/add-checkpoint", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    try:
        async with aiohttp.ClientSession() as http:
            return await HttpWitness(http, f"http://127.0.0.1:{port}", "elsewhere.example/w").add_checkpoint(ASKED)
    finally:
        await runner.cleanup()


async def test_an_answer_is_read_to_its_end():
    assert "x" * 5000 == await answered(200, b"x" * 5000)


@pytest.mark.parametrize("size", [b"9" * 5000, b"1" * 20, b"\xd9\xa1", b" 7", b"-1", b""])
async def test_a_size_that_is_none_is_a_witness_that_does_not_sign(size):
    with pytest.raises(Ours, match=r"^ledger\.unwitnessed"):
        await answered(409, size, SIZE_TYPE)


async def test_the_size_that_it_knows_is_heard():
    with pytest.raises(OtherSize) as known:
        await answered(409, b"7\n", SIZE_TYPE)
    assert 7 == known.value.size


async def test_an_answer_without_end_is_refused():
    with pytest.raises(Ours):
        await answered(200, b"x" * 70_000)
