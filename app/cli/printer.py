"""`laminar printer test URL`: ask a label printer how it is, print a label that is for nobody, say what happened."""

import os
from datetime import date

import typer

from app.labels.content import DispenseLabel, Ingredient, new_serial
from app.labels.render import render
from devices.printers import PrinterTrouble, printer_from_url

printer = typer.Typer(help="Label printers: see whether one answers and prints.", no_args_is_help=True)

_MARKS = {True: "ready", False: "not ready", None: "unknown"}


@printer.callback()
def printers() -> None:
    """Label printers: see whether one answers and prints."""


@printer.command("test")
def test(
    url: str = typer.Argument(..., help="cups:QUEUE, tcp://HOST:9100 or folder:/PATH; ?dots=12 for 300 dpi"),
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
        sent = chosen.send(render(trial_label(serial), chosen.dots_per_mm), f"Trial label {serial}")
    except PrinterTrouble as trouble:
        typer.echo(trouble.words, err=True)
        raise typer.Exit(1) from None
    typer.echo(f"Trial label {serial}: {sent.outcome}. {sent.words}")
    if sent.outcome == "unconfirmed":
        raise typer.Exit(1)


def trial_label(serial: str) -> DispenseLabel:
    """A label that exercises every part of the layout and cannot be taken for a patient's."""
    return DispenseLabel(
        hospital="Laminar",
        patient_name="TEST, Ångström",
        mrn="00000000",
        birth_date=date(2000, 1, 1),
        unit_bed="NOWHERE",
        ingredients=(Ingredient("not a drug", "0 mg", "0 mg per mL"),),
        diluent="nothing",
        total_volume="0 mL",
        route="do not give",
        rate="0 mL per hour",
        due="never",
        beyond_use="do not use",
        storage="Discard at 20 °C",
        auxiliary=("Read this line at arm's length", "Scan both codes"),
        high_alert=True,
        prepared_by="the printer test",
        made_at="",
        serial=serial,
        order_number="0",
        bedside_code="TEST-0000",
        bedside_kind="code128",
        test=True,
    )
