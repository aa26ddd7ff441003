"""How commands open this installation: its settings, its database and its parts, or a refusal in words."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from tomllib import TOMLDecodeError
from typing import Any

from pydantic import ValidationError

from app.core.errors import Refused
from app.db.only_one import OnlyOne
from app.db.safety import schema_fault, sqlite_path, why_not_reachable
from app.db.session import Db
from app.main import open_database, put_together
from app.settings import Settings
from app.web.parts import Parts


def settings(**given: Any) -> Settings:
    """The settings from the environment and the file, with what was `given` above them. Raises Refused in words."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as wrong:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in wrong.errors())
        raise Refused(f"The settings can not be used: {faults}. Mend the file or the LAMINAR_… variable.") from None
    except OSError as wrong:
        raise Refused(f"The settings file can not be read: {wrong.strerror}. Look at LAMINAR_CONFIG.") from None
    except TOMLDecodeError as wrong:
        raise Refused(f"The settings file of LAMINAR_CONFIG is not TOML: {wrong}.") from None


def open_db(url: str | None = None) -> Db:
    """Open the database of the settings, or of `url`; its tables must be those of this version. Raises Refused."""
    chosen = settings(database=url)
    path = sqlite_path(chosen.database)
    if path is not None and not path.is_file():
        raise Refused(f"There is no database at {path}. Run 'laminar serve' or 'laminar migrate' first.")
    db = open_database(chosen)
    if fault := why_not_reachable(db) or schema_fault(db):
        db.close()
        raise Refused(fault)
    return db


def open_parts(chosen: Settings) -> Parts:
    """Put the product together on a database whose tables are those of this version. Raises Refused."""
    open_db(chosen.database).close()
    return put_together(chosen)


@contextmanager
def writing_db(url: str | None = None) -> Iterator[Db]:
    """Open the database for a command that changes something. Raises Refused.

    An embedded database has one writing process; while the product runs, its pages do what such a command does.
    """
    db = open_db(url)
    try:
        with OnlyOne(db) if db.is_sqlite else nullcontext():
            yield db
    finally:
        db.close()
