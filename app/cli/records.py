"""`laminar audit verify` and `laminar replay`: proving the record to someone who does not trust this product."""

import re
from pathlib import Path
from typing import Annotated

import typer

from app.audit.queries import verify
from app.cli.opening import open_db
from app.core.errors import Refused
from app.db.backup import MANIFEST, read_manifest
from compounding.replay_queries import replay as replayed
from compounding.replay_queries import replay_checks

audit = typer.Typer(help="The audit trail: prove that it is untouched.", no_args_is_help=True)
replay = typer.Typer(add_completion=False)
_ANCHOR = re.compile(r"([0-9]{1,12}):([0-9a-f]{64})")


@audit.callback()
def trail() -> None:
    """The audit trail: prove that it is untouched."""


@audit.command("verify")
def prove(
    anchor: Annotated[
        str | None, typer.Option(help="NUMBER:HASH kept elsewhere, or a backup's folder or manifest.")
    ] = None,
    database: Annotated[str | None, typer.Option(help="Database URL, instead of the settings' own.")] = None,
) -> None:
    """Follow the whole chain, compare every copy with its text, and find the anchor in it. Exit status 1: broken."""
    known = anchor_of(anchor) if anchor else None
    db = open_db(database)
    try:
        with db.read() as session:
            proof = verify(session, known)
    finally:
        db.close()
    if proof.broken:
        typer.echo(f"The record was touched: {proof.broken}.", err=True)
        raise typer.Exit(1)
    typer.echo(f"The record is whole: {proof.entries:,} entries. Anchor of its end: {proof.entries}:{proof.head}")
    if known is None:
        typer.echo("An anchor kept elsewhere (--anchor) also shows whether its end was cut off.")


def anchor_of(given: str) -> tuple[int, str]:
    """An anchor as it was printed, or that of a backup. Raises Refused."""
    if told := _ANCHOR.fullmatch(given.strip()):
        return int(told[1]), told[2]
    path = Path(given)
    if path.exists():
        return read_manifest(path.parent if path.name == MANIFEST else path).anchor
    raise Refused("An anchor is NUMBER:HASH, as 'laminar audit verify' prints it, or the folder of a backup.")


@replay.command("replay")
def recompute(
    preparation: Annotated[int | None, typer.Option(help="Only this preparation, by its number.")] = None,
    database: Annotated[str | None, typer.Option(help="Database URL, instead of the settings' own.")] = None,
) -> None:
    """Recompute every stored weight from its raw bytes and every verdict from its records. Exit status 1: differs."""
    db = open_db(database)
    preparations = weights = verdicts = differences = 0
    try:
        with db.read() as session:
            for each in replayed(session, preparation):
                preparations, weights, verdicts = preparations + 1, weights + each.weights, verdicts + each.verdicts
                for words in each.differences:
                    differences += 1
                    typer.echo(words)
            if preparation is None:
                checks, wrong = replay_checks(session)
                weights, differences = weights + checks, differences + len(wrong)
                for words in wrong:
                    typer.echo(words)
    finally:
        db.close()
    if preparation is not None and not preparations:
        raise Refused(f"There is no preparation {preparation}.")
    said = f"{preparations:,} preparations, {weights:,} weights, {verdicts:,} verdicts recomputed"
    if differences:
        typer.echo(f"{said}: {differences:,} {'differs' if differences == 1 else 'differ'}.", err=True)
        raise typer.Exit(1)
    typer.echo(f"{said}: all agree.")
