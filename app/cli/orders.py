"""`laminar orders import FILE --mapping MAPPING`: take orders over from a file, for trials and downtime."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from app.cli.opening import settings, writing_db
from app.core.errors import Refused
from app.db.session import Db, Who
from app.identity.queries import person_named
from app.interop.order_file import read_mapping, written
from app.interop.order_file_actions import Imported, import_orders
from app.interop.trial_actions import set_up_trial

orders = typer.Typer(help="Orders: take them over from a file.", no_args_is_help=True)


@orders.callback()
def about() -> None:
    """Orders: take them over from a file."""


@orders.command("import")
def take_over(
    file: Annotated[Path, typer.Argument(help="The file of orders: JSON lines or CSV, also as .gz.")],
    mapping: Annotated[Path, typer.Option(help="The mapping document (TOML) that says what its fields mean.")],
    by: Annotated[str, typer.Option("--as", help="User name of whoever transcribes; the record names them.")],
    rejects: Annotated[Path | None, typer.Option(help="Where rows that were not taken go, with their reasons.")] = None,
    trial: Annotated[bool, typer.Option(help="On a TEST instance: set up units, drugs and stock as well.")] = False,
    database: Annotated[str | None, typer.Option(help="Database URL, instead of the settings' own.")] = None,
) -> None:
    """Take orders over; each waits for a pharmacist's verification. A second run doubles nothing.

    Every row that is no order here is counted by its reason, and kept with it in the file of --rejects.
    """
    if trial and not settings(database=database).test:
        raise Refused("Units, drugs and stock are set up from a file on a TEST instance only. Set LAMINAR_TEST=1.")
    rules = read_mapping(mapping.read_text(encoding="utf-8"))
    with writing_db(database) as db, Progress(console=Console(stderr=True)) as bar:
        who = _who(db, by)
        if trial:
            typer.echo(str(set_up_trial(db, who, file, rules)))
        task = bar.add_task("Orders", total=None)
        found = import_orders(db, who, file, rules, lambda done: bar.update(task, completed=done))
    for line in in_words(found):
        typer.echo(line)
    if rejects is not None:
        rejects.write_text("".join(written(each) + "\n" for each in found.not_taken), encoding="utf-8")


def _who(db: Db, username: str) -> Who:
    with db.read() as session:
        found = person_named(session, username)
    if found is None:
        raise Refused(f"There is no person with the user name '{username}' here.")
    return found


def in_words(found: Imported) -> list[str]:
    """What became of a file, a line each."""
    lines = [
        f"{found.taken} orders taken over; they wait for a pharmacist.",
        f"{found.known} known already.",
        f"{found.skipped} rows left out as the mapping says.",
        f"{found.unread_times} of those taken have times that a pharmacist must choose.",
        f"{len(found.not_taken)} rows not taken:",
    ]
    reasons: dict[str, int] = {}
    for each in found.not_taken:
        kind = each.why.split("'")[0].strip()
        reasons[kind] = reasons.get(kind, 0) + 1
    return lines + [f"  {count} × {why} …" for why, count in sorted(reasons.items(), key=lambda pair: -pair[1])]
