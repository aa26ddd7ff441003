"""`laminar formulary import PRODUCT PACKAGE`: take in the FDA's directory and say what became of every line."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.opening import writing_db
from app.core.errors import Invalid, Missing, Refused
from app.db.session import SYSTEM
from app.formulary.directory_actions import Imported, import_directory

formulary = typer.Typer(help="Drugs and products: take in the FDA's directory.", no_args_is_help=True)


@formulary.callback()
def directory() -> None:
    """Drugs and products: take in the FDA's directory."""


@formulary.command("import")
def take_in(
    product: Annotated[Path, typer.Argument(help="The FDA's product.txt, or its csv or csv.gz extract.")],
    package: Annotated[Path, typer.Argument(help="The FDA's package.txt, or its csv or csv.gz extract.")],
    database: Annotated[str | None, typer.Option(help="Database URL, instead of the settings' own.")] = None,
) -> None:
    """Take in products and packages; a second run doubles nothing and leaves alone what the pharmacy set.

    Every line that could not be taken is listed with its number and why. The exit status is 1 when the database or a
    file could not be read at all; then nothing was changed.
    """
    try:
        found = _run(product, package, database)
    except (Refused, Invalid, Missing) as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(1) from None
    for line in in_words(found):
        typer.echo(line)


def _run(product: Path, package: Path, database: str | None) -> Imported:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with writing_db(database) as db, Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("Products and packages", total=None)
        return import_directory(
            db, SYSTEM, product, package, lambda done, total: bar.update(task, completed=done, total=total)
        )


def in_words(found: Imported) -> list[str]:
    """What a run found, as lines of text: each bad line first, the sums last."""
    said = [f"{bad.file} line {bad.line}: {bad.why}" for bad in found.bad]
    said.append(f"Products: {found.products:,} (lines of the product file: {found.product_lines:,})")
    said.append(f"Packages: {found.packages:,} (lines of the package file: {found.package_lines:,})")
    said.append(
        f"{found.new:,} new, {found.changed:,} changed, {found.unchanged:,} unchanged, "
        + ("no bad line" if not found.bad else f"{len(found.bad):,} bad {'line' if len(found.bad) == 1 else 'lines'}")
    )
    return said
