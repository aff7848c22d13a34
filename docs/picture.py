"""Makes docs/page.png: the page of the classroom, playing the story. `make picture`; it needs Chromium."""

import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from kits.page import browser, window
from tiers.lab.classroom.desk import opened
from tiers.lab.classroom.story import play
from tiers.lab.page.control import served
from tiers.lab.page.watched import watched
from tiers.lab.world.world import booted

SIZE = {"width": 1280, "height": 720}
STEP = "The minute of the warrant"


async def main() -> None:
    """Play the story and take a picture of one of its steps."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            booted(Path(folder) / "world") as world,
            opened(world) as desk,
            watched(desk) as seen,
            served(seen) as where,
            browser() as running,
        ):
            await play(seen, seen.tell)
            async with window(running, where.page, SIZE) as shown:
                while await shown.title() != STEP:
                    await shown.key("ArrowLeft")
                await shown.page.screenshot(path=Path(__file__).with_name("page.png"))


if __name__ == "__main__":
    asyncio.run(main())
