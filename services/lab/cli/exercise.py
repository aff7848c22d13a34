"""`tiers exercise`: the board of exercises of a running classroom, in a terminal."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

exercise = typer.Typer(no_args_is_help=True, help="Exercises: begin one here or on the page, and the log ticks it.")
Asked = Callable[[str, dict[str, Any]], Any]


def add_to(app: typer.Typer, asked: Asked) -> None:
    """Add the commands of this file; `asked` asks the running classroom."""
    app.add_typer(exercise, name="exercise")

    @exercise.command("list")
    def _list(as_csv: Annotated[bool, typer.Option("--csv", help="for a spreadsheet")] = False) -> None:
        """List the exercises, and how far each has come."""
        rows = asked("exercises", {})
        if as_csv:
            csv.writer(sys.stdout).writerows(
                [("id", "points", "begun", "solved"), *((r["id"], r["points"], r["begun"], r["solved"]) for r in rows)]
            )
            return
        for row in rows:
            mark = "x" if row["solved"] else "." if row["begun"] else " "
            typer.echo(f"[{mark}] {row['id']:<22} {row['points']:>3}  {row['title']}")
        typer.echo(
            f"{sum(row['points'] for row in rows if row['solved'])} of {sum(row['points'] for row in rows)} points"
        )

    @exercise.command("start")
    def _start(name: str, hint: Annotated[int, typer.Option(min=0, max=3, help="so many hints")] = 0) -> None:
        """Begin an exercise: only what happens from now on counts."""
        given = asked("start", {"exercise": name})["given"]
        row = next(row for row in asked("exercises", {}) if row["id"] == name)
        lines = [row["task"], *([f"\n{given}"] if given else []), *(f"Hint: {one}" for one in row["hints"][:hint])]
        typer.echo("\n".join(lines))
        if row["asks"]:
            typer.echo(
                f"\nAnswer with: tiers exercise check {name} ANSWER   ({row['asks']}; - reads it from standard input)"
            )

    @exercise.command("check")
    def _check(
        name: str, answer: Annotated[str, typer.Argument(help="- for standard input, @FILE for a file")] = ""
    ) -> None:
        """Say whether an exercise is done, or answer it; exits 1 while it is not."""
        if answer:
            text = sys.stdin.read() if answer == "-" else Path(answer[1:]).read_text() if answer[0] == "@" else answer
            asked("answer", {"exercise": name, "text": text})
        row = next((row for row in asked("exercises", {}) if row["id"] == name), None)
        done = row is not None and row["solved"]
        typer.echo("Solved." if done else "Not yet.")
        raise typer.Exit(0 if done else 1)
