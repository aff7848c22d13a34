"""`tiers save`, `tiers worksheets`: the lesson of a running classroom in one file, and sheets to print."""

import shutil
import subprocess
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tiers.lab.cli.acts import asked
from tiers.lab.page.worksheets import sheets
from tiers.lab.world.folders import PASSING
from tiers.wire.errors import Yours

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SECONDS = 120


class Paper(StrEnum):
    A4 = "A4"
    LETTER = "Letter"


def add_to(app: typer.Typer) -> None:
    for command in (save, worksheets):
        app.command()(command)


def save(
    file: Annotated[
        Path,
        typer.Argument(
            dir_okay=False, help="lesson.html to replay, lesson.pdf for a page a chapter, - for standard output"
        ),
    ],
    vantage: Annotated[
        str,
        typer.Option(
            "--as", parser=str.lower, metavar="VANTAGE", help="as whom: gateway, auditor …; all is with all texts"
        ),
    ],
    paper: Annotated[Paper, typer.Option(case_sensitive=False, help="of a PDF")] = Paper.A4,
) -> None:
    """Save the lesson as one vantage point saw it: no keys, and no texts that it does not read."""
    pdf = file.suffix == ".pdf"
    file.parent.mkdir(parents=True, exist_ok=True)
    told = asked("save", {"vantage": vantage, "pages": paper.value if pdf else ""})["html"]
    if file == Path("-"):
        typer.echo(told, nl=False)
        return
    if pdf:
        _print(told, file)
    else:
        file.write_text(told, encoding="utf-8")
    typer.echo(f"{file}: {file.stat().st_size // 1024} kB")


def _named(folder: str) -> Path:
    if not folder:
        raise typer.BadParameter("Name a folder, such as sheets.")
    return Path(folder)


def worksheets(
    folder: Annotated[Path, typer.Argument(parser=_named, metavar="FOLDER", help="where to")],
    paper: Annotated[Paper, typer.Option(case_sensitive=False, help="to print on")] = Paper.A4,
) -> None:
    """Write worksheets to print: blank lanes, a blank matrix, and its solution apart."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, sheet in sheets(paper.value).items():
        (folder / name).write_text(sheet, encoding="utf-8")
        typer.echo(folder / name)


def _print(told: str, file: Path) -> None:
    """Have a browser print it; raises `Yours` where there is none."""
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise Yours("lesson.browser", "Install Chromium to make a PDF, or save lesson.html and print it.")
    with tempfile.TemporaryDirectory(prefix=PASSING) as folder:
        source = Path(folder) / "lesson.html"
        source.write_text(told, encoding="utf-8")
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-pdf-header-footer",
            "--virtual-time-budget=60000",
        ]
        command = [browser, *options, f"--user-data-dir={folder}/profile", f"--print-to-pdf={file}", source.as_uri()]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)  # noqa: S603 - our own page
        except subprocess.SubprocessError:
            raise Yours("lesson.browser", f"Save lesson.html and print it: {browser} made no PDF of it.") from None
