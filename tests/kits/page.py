"""A browser on the glass box: Debian's Chromium, driven by Playwright, and everything that it complains about."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from tiers.lab.page.control import Control

playwright = pytest.importorskip("playwright.async_api", reason="playwright is missing: pip install playwright")

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LAPTOP = {"width": 1280, "height": 800}
BEAMER = {"width": 1024, "height": 768}
PHONE = {"width": 390, "height": 844}
TWICE = {"width": 640, "height": 400}
"""A laptop at 200 %: half as many of its pixels, each twice as large."""


@dataclass(slots=True)
class Seen:
    """A page, and what was said on its console or asked of another host."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    async def key(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            await self.page.keyboard.press(key)

    async def title(self) -> str:
        """Return the title of the step."""
        return str(await self.page.inner_text(".caption .title"))

    async def kind(self) -> str:
        """Return the kind of the event that the picture is about."""
        return str(await self.page.get_attribute(".caption", "data-event"))

    async def until_event(self, kind: str, seconds: float = 20) -> None:
        """Go to the present until the latest event is of this kind."""
        for _ in range(int(seconds * 20)):
            await self.page.keyboard.press("End")
            if await self.kind() == kind:
                return
            await self.page.wait_for_timeout(50)
        assert kind == await self.kind()

    async def click(self, mark: str) -> None:
        """Click what has this mark: `act=apply` is whatever has `data-act="apply"`; the first of several."""
        name, _, value = mark.partition("=")
        await self.page.locator(f'[data-{name}="{value}"]' if value else f"[data-{name}]").first.click()

    async def until(self, script: str) -> None:
        """Wait until a script says true. Not Playwright's own way: that evaluates strings, and the page forbids it."""
        for _ in range(200):
            if await self.page.evaluate(script):
                return
            await self.page.wait_for_timeout(50)
        pytest.fail(f"not in ten seconds: {script}")

    async def until_read(self, shown: Any) -> None:
        """Wait until something is shown while the reader's time flies: the page stands at each step for its words.

        The page's clock must be ours by then: `page.clock.install()`.
        """
        for _ in range(400):
            if await shown.is_visible():
                return
            await self.page.clock.fast_forward(10_000)
            await self.page.wait_for_timeout(25)
        pytest.fail(f"not shown: {shown}")

    async def look(self, view: str) -> None:
        """Choose a view."""
        await self.page.locator(f'nav [data-view="{view}"]').click()

    async def see_as(self, vantage: str) -> None:
        """Choose a vantage point."""
        await self.page.select_option(".seeas select", vantage)

    async def text(self) -> str:
        """Return all that can be read on the page, and every attribute that could say something."""
        return str(await self.page.evaluate("document.documentElement.outerHTML"))


@asynccontextmanager
async def browser() -> AsyncIterator[Any]:
    """Start Chromium; skips where there is none."""
    if CHROMIUM is None:
        pytest.skip("chromium is missing: apt-get install chromium")
    async with playwright.async_playwright() as driver:
        running = await driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield running
        finally:
            await running.close()


@asynccontextmanager
async def window(running: Any, address: str, size: dict[str, int] | None = None, **more: Any) -> AsyncIterator[Seen]:
    """Open the page in a fresh browser profile, without motion unless asked for."""
    context = await running.new_context(viewport=size or LAPTOP, **({"reduced_motion": "reduce"} | more))
    page = await context.new_page()
    seen = Seen(page)
    host = "/".join(address.split("/")[:3])
    page.on("console", lambda said: seen.complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(host) else seen.strangers.append(asked.url))
    await page.goto(address)
    if address.startswith("http"):  # a saved lesson has no door
        await page.get_by_role("button", name="Come in").click()
    await page.locator(".stage svg").wait_for()
    try:
        yield seen
    finally:
        await context.close()


async def ask(control: Control, act: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the page's server for an act, as the command line does."""
    headers = {"Authorization": f"Bearer {control.token}"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{control.url}/api/{act}", json=body or {}, headers=headers) as response,
    ):
        return await response.json(content_type=None)


async def invited(control: Control) -> str:
    """Return an address that lets one more browser in."""
    return str((await ask(control, "invite"))["address"])
