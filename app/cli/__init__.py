"""The `laminar` command: one table of its commands, each loaded only when it is asked for.

Loading every room takes seconds, and most commands need few of them; the table keeps `laminar --help` quick. It is
no way round the order of the rooms: every module named here may import everything below `app.cli`.
"""

import gc
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from app.core.errors import Invalid, Missing, Refused

COMMANDS = {
    "serve": ("app.cli.serve:serve", "Serve the pages and do the work behind them."),
    "demo": ("app.cli.demo:demo", "A pretend hospital with simulated devices, in the browser."),
    "migrate": ("app.cli.migrate:migrate", "Bring the database to this version of the product."),
    "user": ("app.cli.user:user", "People: add one, give a badge, reopen a sign-in, list them."),
    "tls": ("app.cli.tls:tls", "HTTPS: an own certificate authority and a host certificate."),
    "doctor": ("app.cli.doctor:doctor", "What is wrong with this installation, in sentences."),
    "backup": ("app.cli.backup:backup", "Back up the database and the photos."),
    "restore": ("app.cli.backup:restore", "Restore a backup into an empty place, and prove it."),
    "formulary": ("app.cli.formulary:formulary", "Drugs and products: take in the FDA's directory."),
    "orders": ("app.cli.orders:orders", "Orders: take them over from a file, for trials and downtime."),
    "hl7": ("app.cli.hl7:hl7", "HL7: hear orders, or take in a file of messages."),
    "scale": ("app.cli.scale:scale", "Balances: read one live, or simulate one."),
    "printer": ("app.cli.printer:printer", "Label printers: see whether one answers and prints."),
    "audit": ("app.cli.records:audit", "The audit trail: prove that it is untouched."),
    "replay": ("app.cli.records:replay", "Recompute every stored weight and verdict."),
    "rule": ("app.cli.rules:app", "One rule, JSON lines in, JSON lines out."),
}


class FromTheTable(TyperGroup):
    """A group that knows its commands' names and one line of each, and loads the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        self.commands = {name: self.get_command(ctx, name) for name in COMMANDS}  # so that a typing error is guessed
        name, command, rest = super().resolve_command(ctx, args)
        return name, loaded(name) if name and command else command, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (Refused, Missing) as no:
            typer.echo(str(no), err=True)
        except Invalid as no:
            for words in no.fields.values():
                typer.echo(words, err=True)
        raise typer.Exit(1)


def loaded(name: str) -> Any:
    """The command of a name, its module imported now."""
    module, attribute = COMMANDS[name][0].split(":")
    command = typer.main.get_command(getattr(import_module(module), attribute))
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    return command


app = typer.Typer(cls=FromTheTable, no_args_is_help=True, add_completion=False)


@app.callback()
def laminar() -> None:
    """Laminar: a technician prepares, a pharmacist checks, and the record proves it."""


def main() -> None:
    """The entrance of the `laminar` script.

    What is imported stays for good; to look through it for rubbish meanwhile takes a sixth of the start.
    """
    gc.disable()
    app()
