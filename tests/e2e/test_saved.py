"""What a class takes home, as a newcomer makes it: a file that replays from disk, a PDF, worksheets."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from kits.page import CHROMIUM, ask, browser, window
from tiers.lab.page.control import CONTROL, Control

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

TIERS = [sys.executable, "-c", "from tiers.lab.cli import main; main()"]
TEXT = "A text for the operator alone"
CHAPTERS = ("told", "boots", "scene", "ended", "measured", "reset", "world")  # model/reduce.js
SHEET = {"A4": (842, 595), "Letter": (792, 612)}  # points, landscape


@dataclass(frozen=True, slots=True)
class Classroom:
    """A running `tiers up`, and the folder that commands are given in."""

    folder: Path

    def tiers(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = os.environ | {"TMPDIR": str(self.folder / "tmp"), "COLUMNS": "120"}
        command = [*TIERS, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=120, check=False
        )

    def done(self, *arguments: str) -> str:
        """Give a command that must succeed; returns what it says."""
        ran = self.tiers(*arguments)
        assert (0, "") == (ran.returncode, ran.stderr)
        return ran.stdout


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classroom]:
    folder = tmp_path_factory.mktemp("saved")
    (folder / "tmp").mkdir()
    environ = os.environ | {"TMPDIR": str(folder / "tmp")}
    with subprocess.Popen([*TIERS, "up"], env=environ, stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        assert any("Ctrl-C stops it" in line for line in up.stdout)
        room = Classroom(folder)
        room.done("send", "alice", "bob", TEXT, "--channel", "consumer")
        room.done("send", "priya", "quentin", "A text for the company alone", "--channel", "enterprise")
        control = msgspec.json.decode(next((folder / "tmp").rglob(CONTROL)).read_bytes(), type=Control)
        asyncio.run(ask(control, "story"))
        try:
            yield room
        finally:
            up.send_signal(signal.SIGTERM)
            up.communicate(timeout=60)


@pytest.fixture(scope="module")
def chapters(classroom: Classroom) -> int:
    """Count the chapters of the lesson."""
    classroom.done("save", "chapters.html", "--as", "all")
    return sum(one["event"]["type"] in CHAPTERS for one in entries(classroom.folder / "chapters.html"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Any]:
    async with browser() as running:
        yield running


def entries(file: Path) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/json" id="log"[^>]*>(.*?)</script>', file.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])["entries"]  # type: ignore[no-any-return]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("vantage", "reads"), [("operator", True), ("gateway", False), ("all", True)])
async def test_a_file_replays_the_lesson_from_disk_as_somebody_saw_it(
    classroom: Classroom, chromium: Any, vantage: str, reads: bool
) -> None:
    assert f"{vantage}.html: " in classroom.done("save", f"{vantage}.html", "--as", vantage.upper())
    file = classroom.folder / f"{vantage}.html"
    assert reads == (TEXT in file.read_text())
    async with window(chromium, file.as_uri()) as seen:
        assert "Step forward, or press Play." in await seen.page.inner_text(".peek.empty")
        await seen.key("End")
        assert int(str(await seen.page.get_attribute(".where", "data-steps"))) > 10
        await seen.look("warrants")
        assert "copied to the carrier. IN-" in " ".join(await seen.page.locator(".warrant .facts").all_inner_texts())
        for view in ("bytes", "warrants", "log", "matrix", "lanes"):
            await seen.look(view)
            assert (view, vantage) == (view, await seen.page.get_attribute(".seeas select", "data-as"))
        assert (vantage != "all") == await seen.page.locator(".seeas select").is_disabled()
        assert reads == (TEXT in await seen.page.inner_text(".handsets"))
        assert [] == seen.complaints
        assert [] == [one for one in seen.strangers if not one.startswith("file:")]


@pytest.mark.parametrize("paper", SHEET)
def test_a_pdf_has_a_page_for_each_chapter(classroom: Classroom, chapters: int, paper: str) -> None:
    if CHROMIUM is None:
        pytest.skip("chromium is missing: apt-get install chromium")
    assert chapters > 1
    classroom.done("save", f"{paper}.pdf", "--as", "all", "--paper", paper)
    raw = (classroom.folder / f"{paper}.pdf").read_bytes()
    assert chapters == len(re.findall(rb"/Type /Page\b", raw))
    boxes = {tuple(round(float(it)) for it in box.split()[2:]) for box in re.findall(rb"/MediaBox \[([^\]]*)\]", raw)}
    assert {SHEET[paper]} == boxes


def test_a_folder_that_is_not_there_is_made_and_an_answer_that_is_not_there_is_one_line(classroom: Classroom) -> None:
    classroom.done("save", "new/folder/lesson.html", "--as", "auditor")
    assert (classroom.folder / "new" / "folder" / "lesson.html").stat().st_size > 0
    ran = classroom.tiers("exercise", "check", "jose", "@nowhere.txt")
    assert (2, True, False) == (ran.returncode, "nowhere.txt" in ran.stderr, "Traceback" in ran.stderr)


def test_a_lesson_goes_to_standard_output_and_worksheets_go_to_a_folder_with_a_name(classroom: Classroom) -> None:
    assert classroom.done("save", "-", "--as", "gateway").endswith("</html>\n")
    assert 2 == classroom.tiers("worksheets", "").returncode
    assert [] == [name for name in ("-", "lanes.html") if (classroom.folder / name).exists()]


def test_nobody_whom_the_policy_knows_is_an_error_with_the_names(classroom: Classroom) -> None:
    ran = classroom.tiers("save", "lesson.html", "--as", "nobody")
    assert 2 == ran.returncode
    assert "gateway" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (classroom.folder / "lesson.html").exists()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("paper", SHEET)
async def test_worksheets_are_a_page_each_and_the_solution_stands_apart(
    classroom: Classroom, chromium: Any, paper: str
) -> None:
    classroom.done("worksheets", "sheets", "--paper", paper.lower())
    sheets = {path.name: path.read_text() for path in (classroom.folder / "sheets").iterdir()}
    assert {"lanes.html", "matrix.html", "matrix-solution.html"} == set(sheets)
    assert [False, True] == ["<td class='reads'>" in sheets[name] for name in ("matrix.html", "matrix-solution.html")]
    page = await chromium.new_page()
    for name in sheets:
        await page.goto((classroom.folder / "sheets" / name).as_uri())
        raw = await page.pdf(prefer_css_page_size=True)
        assert (name, 1) == (name, len(re.findall(rb"/Type /Page\b", raw)))
