"""The built wheel, installed in a clean environment, serves the page to whoever is invited: its files are inside."""

import asyncio
import os
import re
from pathlib import Path

import aiohttp
import pytest

STARTED = 60.0
INVITATION = re.compile(r"http://(?P<own>[\w.-]+:(?P<port>\d+))/enter\?token=(?P<token>\S+)")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


async def enter(http: aiohttp.ClientSession, invitation: re.Match[str]) -> tuple[int, str]:
    """Press the button of an invitation; its name is the machine's own, whatever the system resolves."""
    headers = {"Host": invitation["own"], "Origin": f"http://{invitation['own']}"}
    url = f"http://127.0.0.1:{invitation['port']}/enter"
    async with http.post(url, data={"token": invitation["token"]}, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_the_wheel_serves_the_page(python: Path, tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"TMPDIR": str(tmp_path)}
    command = [str(python), "-c", "from tiers.lab.cli import main; main()", "up"]
    process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, env=environ, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(STARTED):
            said = ""
            while (found := INVITATION.search(said)) is None:
                line = await process.stdout.readline()
                assert line, f"it ended: {said}"
                said += line.decode()
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            status, page = await enter(http, found)
            assert 200 == status
            for name in re.findall(r'(?:src|href)="(static/[^"]+)"', page):
                got = await http.get(f"http://127.0.0.1:{found['port']}/{name}", headers={"Host": found["own"]})
                assert (name, 200) == (name, got.status)
                await got.read()
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as another:
            assert 401 == (await enter(another, found))[0]
            invited = await asyncio.create_subprocess_exec(
                *command[:-1], "page", cwd=tmp_path, env=environ, stdout=asyncio.subprocess.PIPE
            )
            address, _ = await invited.communicate()
            again = INVITATION.search(address.decode())
            assert again is not None, address
            assert (200, page) == await enter(another, again)
        where = await asyncio.create_subprocess_exec(
            str(python), "-c", "import tiers.lab.page as it; print(it.__file__)", cwd=tmp_path, env=environ,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await where.communicate()
        assert str(python.parents[1]) in out.decode()
    finally:
        process.terminate()
        await process.wait()
