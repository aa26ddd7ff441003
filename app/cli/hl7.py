"""`laminar hl7`: hear orders over MLLP without serving pages, or take in files of messages. Says no patient data."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import OperationalError

from app.cli.opening import settings, writing_db
from app.core.errors import Invalid, Refused
from app.db.session import Db
from app.interop.actions import apply_one
from app.interop.hl7 import split_frame
from app.interop.listening import connection_of
from app.interop.queries import message_line
from app.interop.store_actions import store
from app.interop.values import Connection
from app.interop.wire_actions import open_wire
from app.settings import Settings

hl7 = typer.Typer(help="HL7: hear orders, or take in a file of messages.", no_args_is_help=True)


@hl7.command()
def listen(
    port: Annotated[int | None, typer.Option(help="Port, instead of the settings' own.")] = None,
    host: Annotated[str | None, typer.Option(help="Address, instead of the settings' own.")] = None,
    database: Annotated[str | None, typer.Option(help="Database URL, instead of the settings' own.")] = None,
) -> None:
    """Hear messages, store each before it is answered, take it over, and say what became of it, one line each.

    'laminar serve' does this by itself when the settings name a port; this is for trying a connection out.
    """
    chosen = settings(database=database, mllp_port=port, mllp_host=host)
    if chosen.mllp_port is None:
        raise Refused("No port is set. Give --port, or set LAMINAR_MLLP_PORT.")
    with writing_db(database) as db:
        asyncio.run(_hear(db, chosen))


async def _hear(db: Db, chosen: Settings) -> None:
    last = 0
    with db.read() as session:
        last = message_line(session, None).id
    wire = await open_wire(db, chosen)
    ended = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, ended.set)
    typer.echo(f"Hearing {chosen.mllp_sender} on {chosen.mllp_host} port {wire.port}. Ctrl+C ends it.")
    try:
        while not ended.is_set():
            last = await asyncio.to_thread(_say_new, db, last)
            try:
                await asyncio.wait_for(ended.wait(), 0.3)
            except TimeoutError:
                continue
    finally:
        await wire.close()


def _say_new(db: Db, last: int) -> int:
    with db.read() as session:
        newest = message_line(session, None).id
        for number in range(last + 1, newest + 1):
            line = message_line(session, number)
            if line.outcome == "waiting":
                return number - 1
            if line.id:
                typer.echo(line.words)
    return newest


@hl7.command()
def ingest(
    files: Annotated[list[Path], typer.Argument(help="Files of HL7 messages; each may hold several, or a batch.")],
    database: Annotated[str | None, typer.Option(help="Database URL, instead of the settings' own.")] = None,
) -> None:
    """Take in messages from files as if they had been sent, one line each: what it was and what became of it.

    A message that was taken in before changes nothing. The exit status is 1 when a file could not be read or held no
    message; exceptions are for the pharmacist's worklist and are no failure.
    """
    chosen = settings(database=database)
    connection = connection_of(chosen)
    bad = 0
    with writing_db(database) as db:
        for path in files:
            try:
                raw = path.read_bytes()
            except OSError as fault:
                typer.echo(f"{path.name}: can not be read: {fault.strerror}", err=True)
                bad += 1
                continue
            for count, piece in enumerate(split_frame(raw), 1):
                bad += not _take_in(db, chosen, connection, f"{path.name} {count}", piece)
    if bad:
        raise typer.Exit(1)


def _take_in(db: Db, chosen: Settings, connection: Connection, name: str, piece: bytes) -> bool:
    try:
        stored = store(db, connection, piece, test=chosen.test)
    except Invalid as invalid:
        typer.echo(f"{name}: {invalid}", err=True)
        return False
    except OperationalError as fault:
        typer.echo(f"{name}: the database did not take it ({type(fault.orig).__name__}). Try again.", err=True)
        return False
    if stored.message_id is None:
        typer.echo(f"{name}: refused: this is a test system and takes messages marked T only")
        return True
    if not stored.again:
        apply_one(db, connection, stored.message_id)
    with db.read() as session:
        words = message_line(session, stored.message_id).words
    typer.echo(f"{name}: {words}{' (was here before)' if stored.again else ''}")
    return True
