"""What the role that serves may do on PostgreSQL: everything it needs, and no change of what is never changed."""

from sqlalchemy import MetaData, text
from sqlalchemy.exc import DBAPIError

from app.core.errors import Refused
from app.db.session import Db


def grant(db: Db, role: str, metadata: MetaData) -> None:
    """Grant a role what the product needs; on append-only tables no more than reading and adding. Raises Refused.

    A table is append-only where the database refuses its changes by a trigger, whoever asks.
    """
    try:
        with db.writer.begin() as connection:
            quoted = connection.dialect.identifier_preparer.quote_identifier(role)
            walled = set(
                connection.scalars(
                    text(
                        "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
                        "WHERE t.tgname = c.relname || '_no_change'"
                    )
                )
            )
            connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {quoted}"))
            connection.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {quoted}"))
            for table in metadata.sorted_tables:
                acts = "SELECT, INSERT" if table.name in walled else "SELECT, INSERT, UPDATE, DELETE"
                connection.execute(text(f'GRANT {acts} ON "{table.name}" TO {quoted}'))
            connection.execute(text(f"GRANT SELECT ON alembic_version TO {quoted}"))
    except DBAPIError as error:
        raise Refused(f"The role could not be given what it needs: {str(error.orig).splitlines()[0]}.") from None
