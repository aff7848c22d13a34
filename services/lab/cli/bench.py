"""`tiers bench`: hands its arguments to the bench of the checkout that this program runs from (tests/bench)."""

import os
from pathlib import Path
from typing import NoReturn

import typer

from tiers.lab.world.processes import PYTHON
from tiers.wire.errors import Yours

TESTS = Path(__file__).resolve().parents[3] / "tests"


def add_to(app: typer.Typer) -> None:
    own = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(context_settings=own, add_help_option=False)(bench)


def bench(context: typer.Context) -> None:
    """Measure the relay against a relay that only stores and delivers (needs a checkout of the project)."""
    hand_over(*context.args)


def hand_over(*arguments: str) -> NoReturn:
    """Become the bench, with these arguments; raises `Yours` without a checkout."""
    if not (TESTS / "bench" / "__main__.py").exists():
        raise Yours("bench.checkout", "Run `tiers bench` from a checkout of the project: the package has no bench.")
    environ = os.environ | {"PYTHONPATH": str(TESTS)}
    os.execve(PYTHON[0], [*PYTHON, "-m", "bench", *arguments], environ)  # noqa: S606 - no shell
