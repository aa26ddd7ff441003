"""`laminar printer test URL`: ask a label printer how it is, print a label that is for nobody, say what happened."""

import os

import typer

from app.labels.render import render
from app.labels.serial import new_serial
from app.labels.trial import trial_label
from devices.printers import PrinterTrouble, printer_from_url

printer = typer.Typer(help="Label printers: see whether one answers and prints.", no_args_is_help=True)

_MARKS = {True: "ready", False: "not ready", None: "unknown"}


@printer.callback()
def printers() -> None:
    """Label printers: see whether one answers and prints."""


@printer.command("test")
def test(
    url: str = typer.Argument(..., help="cups:QUEUE, tcp://HOST:9100 or folder:/PATH; ?dots=12&media=4x6"),
    status_only: bool = typer.Option(False, "--status-only", help="Ask only; print nothing."),
) -> None:
    """Ask the printer at URL for its state, print one TEST label and say what is known of it.

    The exit status is 1 when the printer is not ready, when the label did not go out, or when nothing proves that it
    was printed although the printer could have said so.
    """
    try:
        chosen = printer_from_url(url)
    except ValueError as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(1) from None
    state = chosen.status()
    typer.echo(f"{chosen.url} is {_MARKS[state.ok]}: {state.words}")
    for name, value in state.details:
        typer.echo(f"  {name}: {value}")
    if state.ok is False:
        raise typer.Exit(1)
    if status_only:
        return
    serial = new_serial(os.urandom(6))
    try:
        job = render(trial_label(chosen.media, serial, "Laminar", "printer test"), chosen.dots_per_mm)
        sent = chosen.send(job, f"Trial label {serial}")
    except ValueError as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(1) from None
    except PrinterTrouble as trouble:
        typer.echo(trouble.words, err=True)
        raise typer.Exit(1) from None
    typer.echo(f"Trial label {serial}: {sent.outcome}. {sent.words}")
    if sent.outcome == "unconfirmed":
        raise typer.Exit(1)
