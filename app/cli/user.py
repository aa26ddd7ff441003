"""`laminar user`: people, by whoever has this machine; the page 'People' does the same while the product runs."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from app.cli.opening import writing_db
from app.core.errors import Missing
from app.core.permissions import Role
from app.core.wording import instant
from app.db.session import Db, Who
from app.identity.actions import reopen
from app.identity.people_actions import add_person, give_badge, invite, new_badge
from app.identity.queries import PersonLine, people

user = typer.Typer(help="People: add one, give a badge, reopen a sign-in, list them.", no_args_is_help=True)
Database = Annotated[str | None, typer.Option(help="Database URL, instead of the settings' own.")]
Username = Annotated[str, typer.Argument(help="The person's user name.")]


@user.callback()
def everybody() -> None:
    """People: add one, give a badge, reopen a sign-in, list them."""


@user.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Full name, as it shall stand under a signature.")],
    username: Username,
    role: Annotated[list[Role], typer.Option(help="May be given more than once.")],
    database: Database = None,
) -> None:
    """Add a person and print the one-time code by which they choose their own PIN and password."""
    with writing_db(database) as db, db.write(_operator()) as tx:
        code = invite(tx, add_person(tx, name, username, role))
    typer.echo(f"{name} was added. Their code, to be used at /invitation within 72 hours: {code}")


@user.command("badge")
def badge(
    username: Username,
    code: Annotated[str | None, typer.Option(help="Code of a badge that exists; none: a new one is made up.")] = None,
    database: Database = None,
) -> None:
    """Give a person a badge; the one before opens nothing from now on. Prints the code, to be made into a barcode."""
    given = code or new_badge()
    with _person(username, database) as (db, person), db.write(_operator()) as tx:
        give_badge(tx, person.id, given)
    typer.echo(f"{person.name} has the badge {given}")


@user.command("reopen")
def let_in_again(username: Username, database: Database = None) -> None:
    """Reopen a sign-in that wrong attempts have slowed down or closed."""
    with _person(username, database) as (db, person), db.write(_operator()) as tx:
        reopen(tx, person.id)
    typer.echo(f"{person.name} can sign in again.")


@user.command("list")
def show(
    ended: Annotated[bool, typer.Option("--ended", help="People who were ended, too.")] = False,
    database: Database = None,
) -> None:
    """List people with their roles."""
    with writing_db(database) as db:
        for person in _everybody(db, ended=ended):
            state = f"ended {instant(person.ended_at, 'UTC')}" if person.ended_at else person.slowed or ""
            typer.echo(f"{person.username:<20} {person.name:<32} {', '.join(person.roles)}  {state}".rstrip())


def _operator() -> Who:
    """Whoever has the command line has the database; the record says which account it was."""
    return Who(None, f"command line ({getpass.getuser()})", frozenset({Role.MANAGER}))


def _everybody(db: Db, *, ended: bool) -> tuple[PersonLine, ...]:
    with db.read() as session:
        return people(session, db.clock(), ended=ended)


@contextmanager
def _person(username: str, database: str | None) -> Iterator[tuple[Db, PersonLine]]:
    with writing_db(database) as db:
        found = next((p for p in _everybody(db, ended=True) if p.username == username.strip().casefold()), None)
        if found is None:
            raise Missing(f"Nobody has the user name '{username}'. 'laminar user list' shows all.")
        yield db, found
