"""`tiers exercise`: the board of exercises of a running classroom, in a terminal."""

import csv
import sys
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from tiers.lab.cli.acts import asked

_LONGEST = 262_144  # bytes
Name = Annotated[str, typer.Argument(parser=str.lower, metavar="NAME", help="see `tiers exercise list`")]
exercise = typer.Typer(no_args_is_help=True, help="Exercises: begin one here or on the page, and the log ticks it.")


def add_to(app: typer.Typer) -> None:
    app.add_typer(exercise, name="exercise")


@exercise.command("list")
def exercise_list(*, as_csv: Annotated[bool, typer.Option("--csv", help="for a spreadsheet")] = False) -> None:
    """List the exercises, and how far each has come."""
    _show(asked("exercises", {}), as_csv=as_csv)


@exercise.command("start")
def exercise_start(
    name: Name,
    hints: Annotated[int, typer.Option(min=0, max=3, help="so many hints")] = 0,
) -> None:
    """Begin an exercise: only what happens from now on counts."""
    given = asked("start", {"exercise": name})["given"]
    _tell(_row(name), given, hints)


@exercise.command("check")
def exercise_check(
    name: Name,
    answer: Annotated[str, typer.Argument(help="- for standard input, @FILE for a file")] = "",
) -> None:
    """Say whether an exercise is done, or whether an answer to it is right; exits 1 if not."""
    right = not answer or asked("answer", {"exercise": name, "text": _read(answer)})["solved"]
    done = _row(name)["solved"]
    typer.echo("Not yet." if not done else "Solved." if right else "Not that. It was solved before.")
    raise typer.Exit(0 if done and right else 1)


def _row(name: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [row for row in asked("exercises", {}) if row["id"] == name]
    if not rows:
        asked("start", {"exercise": name})  # which says what there is
    return rows[0]


def _read(answer: str) -> str:
    if answer == "-":
        return "" if sys.stdin is None else _text("standard input", sys.stdin.buffer)
    if not answer.startswith("@"):
        return answer
    name = answer[1:]
    try:
        with Path(name).open("rb") as file:
            return _text(name, file)
    except OSError:
        raise typer.BadParameter(f"{name} is no file that can be read") from None


def _text(name: str, file: BinaryIO) -> str:
    raw = file.read(_LONGEST + 1)
    if len(raw) > _LONGEST:
        raise typer.BadParameter(f"{name} is too long for an answer")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{name} is no text") from None


def _show(rows: list[dict[str, Any]], *, as_csv: bool) -> None:
    if as_csv:
        writer = csv.DictWriter(sys.stdout, ["id", "points", "begun", "solved"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        return
    for row in rows:
        mark = "x" if row["solved"] else "." if row["begun"] else " "
        typer.echo(f"[{mark}] {row['id']:<22} {row['points']:>3}  {row['title']}")
    solved = sum(row["points"] for row in rows if row["solved"])
    typer.echo(f"{solved} of {sum(row['points'] for row in rows)} points")


def _tell(row: dict[str, Any], given: str, hints: int) -> None:
    lines = [row["task"], *([f"\n{given}"] if given else []), *(f"Hint: {one}" for one in row["hints"][:hints])]
    typer.echo("\n".join(lines))
    if row["asks"]:
        typer.echo(f"\n{row['asks']}: tiers exercise check {row['id']} ANSWER (- is standard input, @FILE a file)")
