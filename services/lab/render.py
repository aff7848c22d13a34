"""The matrix, shown: a table for the terminal."""

from rich.console import Console
from rich.table import Table

from services.lab.matrix import Content, Matrix

_CELLS = {
    Content.READS: "[bold red]READS[/]",
    Content.SEALED: "[green]sealed[/]",
    Content.UNMEASURED: "[dim]not here[/]",
}


def show(matrix: Matrix, console: Console) -> None:
    """Print who can read which message, and the verdict."""
    table = Table(title="Who can read which message", title_justify="left", pad_edge=False)
    table.add_column("vantage point", no_wrap=True)
    for message in matrix.messages:
        table.add_column(message.key, justify="center")
    for vantage in matrix.vantages:
        cells = [matrix.cell(vantage.id, message.key) for message in matrix.messages]
        table.add_row(vantage.id, *(_CELLS[cell.content] + ("!" if cell.disagreements else "") for cell in cells))
    console.print(table)
    verdict = matrix.agreement
    for wrong in verdict.disagreements:
        console.print(f"! {wrong.vantage} / {wrong.message}: {wrong.what} declared {wrong.declared}, measured {wrong.measured}")
    for missing in verdict.missing_controls:
        console.print(f"! a positive control is missing: {missing}")
    words = "as declared" if verdict.holds else "NOT as declared"
    console.print(f"{verdict.cells} cells, {words}: policy, closure and measured bytes.", highlight=False)
