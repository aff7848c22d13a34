"""`tiers measure`: who can read what in software that people run today (lab/systems), measured as our own is."""

from enum import StrEnum
from typing import Annotated

import typer

from tiers.lab.cli.kit import Format, show_matrix
from tiers.lab.systems import mail
from tiers.measure import MeasureError


class System(StrEnum):
    """What is measured."""

    MAIL = "mail"


_MEASURED = {System.MAIL: mail.measured}
SKIPPED = 2


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(measure)


def measure(
    system: Annotated[System, typer.Argument(help="servers and clients on this machine (docs/measured)")],
    how: Annotated[Format, typer.Option("--format", help="how to print it")] = Format.TABLE,
) -> None:
    """Measure what people run today; exits 0 only if policy, closure and measured bytes agree in every cell."""
    try:
        measured = _MEASURED[system]()
    except MeasureError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(SKIPPED) from None
    show_matrix(measured, how)
