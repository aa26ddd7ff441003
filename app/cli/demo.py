"""`laminar demo`: a pretend hospital with simulated devices, for one person with one browser."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from app import demo as hospital
from app.demo_day import KINDS, Server, trial
from app.demo_play import Day

FOLDER = Path("var/demo")
demo = typer.Typer(add_completion=False)


@demo.command()
def open_hospital(
    play: Annotated[bool, typer.Option("--play", help="The day plays by itself, at stations of its own.")] = False,
    port: Annotated[int, typer.Option(help="Port of the pages.")] = 8080,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the last trial and begin anew.")] = False,
    hl7_port: Annotated[int, typer.Option(help="Port on this host that hears HL7 orders (MLLP).")] = 2575,
    database: Annotated[str | None, typer.Option(help="Another database, by URL; else one file in var/demo.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the trial keeps its database and photos.")] = FOLDER,
) -> None:
    """Start a pretend hospital with simulated devices and say where its pages are."""
    if fresh:
        forget(folder)
    try:
        with trial(folder, database=database, hl7_port=hl7_port, second_hood=play) as opened:
            server = Server(opened.app, port)
            thread = server.in_thread()
            typer.echo(welcome(server.port, hl7_port, play))
            day = Day(opened, server.port) if play else None
            if day:
                day.start()
            try:
                while thread.is_alive():
                    thread.join(0.5)
            except KeyboardInterrupt:
                typer.echo("Closing.")
            if day:
                day.stop()
            server.should_exit = True
            thread.join(10)
    except (RuntimeError, OSError) as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(1) from None


def forget(folder: Path) -> None:
    """Remove what a trial keeps in its folder, and nothing else that lies there."""
    for name in ("laminar.db", "laminar.db-wal", "laminar.db-shm"):
        (folder / name).unlink(missing_ok=True)
    for name in ("photos", "backups"):
        shutil.rmtree(folder / name, ignore_errors=True)


def welcome(port: int, hl7_port: int, play: bool) -> str:
    """What the terminal says: where to go, who is who, what to do first. Ten lines."""
    at = {key: f"http://{KINDS[key]}.localhost:{port}" for key in hospital.CAST}
    people = [
        f"  {hospital.CAST[key][0]:<18} {at[key]:<29} badge {hospital.BADGES[key]}" for key in sorted(at, key=_order)
    ]
    first = (
        "The day plays by itself at Hood 2, the second desk and the second phone: sign in and watch, or join in."
        if play
        else "First: sign in as Tina at the hood, open the bench beside it, and press the bench's highlighted button."
    )
    return "\n".join(
        (
            "A pretend hospital is open. Nothing here is real, and nothing may be given to anybody.",
            *people,
            f"Everybody's PIN is {hospital.PIN}; each sign-in page also has a button.",
            f"  The bench (pan, scanner, printer)  http://hood.localhost:{port}/bench; HL7 on port {hl7_port}",
            first,
            "Keep the hood and the bench in two windows side by side. Ctrl-C closes the hospital.",
        )
    )


def _order(key: str) -> int:
    return ("tina", "pablo", "petra", "nina").index(key)
