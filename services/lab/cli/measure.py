"""`tiers measure`: who can read what in software that people run today (lab/systems), measured as our own is."""

from enum import StrEnum
from typing import Annotated

import typer

from tiers.lab.cli.demo import measure_once
from tiers.lab.cli.kit import Format, run_to_end, show_matrix, store_url
from tiers.lab.systems import measured
from tiers.lab.world import folders
from tiers.measure import MeasureError
from tiers.measure.matrix.matrix import Matrix
from tiers.measure.matrix.render import side_by_side
from tiers.wire.message.visible import visible


class System(StrEnum):
    MAIL = "mail"
    MATRIX = "matrix"
    XMPP = "xmpp"


_TITLES = {
    System.MATRIX: "Matrix of today: Synapse, matrix-nio",
    System.XMPP: "XMPP of today: Prosody, slixmpp, OMEMO",
    System.MAIL: "Mail of today: Exim, Dovecot, S/MIME",
}
SKIPPED = 2


def add_to(app: typer.Typer) -> None:
    app.command()(measure)


def measure(
    system: Annotated[
        System | None,
        typer.Argument(help="servers and clients on this machine (docs/measured)"),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="all of them beside our own, on one page: html"),
    ] = False,
    how: Annotated[Format, typer.Option("--format", help="how to print it")] = Format.TABLE,
) -> None:
    """Measure what people run today; exits 0 only if policy, closure and measured bytes agree in every cell."""
    if (system is None) is not everything or (everything and how is not Format.HTML):
        raise typer.BadParameter("Name one system, or say --all --format html.")
    try:
        if system is not None:
            show_matrix(measured(system), how)
        _show_all()
    except MeasureError as error:
        typer.echo(visible(str(error)), err=True)
        raise typer.Exit(SKIPPED) from None


def _show_all() -> None:
    today = {title: measured(system) for system, title in _TITLES.items()}  # first: here something may be missing
    with folders.fresh() as root:
        ours: Matrix = run_to_end(measure_once(root, store_url(), ""))
    shown = {"BlackBerry 2013, as this project has it": ours, **today}
    typer.echo(side_by_side(shown), nl=False)
    raise typer.Exit(0 if all(one.agreement.holds for one in shown.values()) else 1)
