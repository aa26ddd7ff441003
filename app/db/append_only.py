"""The first wall round the record: UPDATE and DELETE (and TRUNCATE) are refused by the database itself.

On SQLite `INSERT OR REPLACE` fires delete triggers only under `recursive_triggers`, which every connection sets; a
second trigger refuses an entry that is not the next one (BEFORE INSERT would see no id yet). Only whoever owns the
file or the tables can go round this, and the hash chain shows it.
"""

from collections.abc import Iterator


def triggers(table: str, dialect: str) -> Iterator[str]:
    """Give the statements that make a table append-only."""
    if dialect == "sqlite":
        for act in ("UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    function = f"{table}_append_only"
    yield (
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    yield (
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {function}()"
    )
    yield (
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
    )
    for name in ("no_change", "no_truncate"):
        yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name}"


def chain_trigger(dialect: str) -> Iterator[str]:
    """Give the statements by which the audit table accepts only the entry that follows its last one."""
    # An unknown (NULL) must count as 'does not follow', so every comparison is wrapped.
    follows = (
        f"coalesce((NEW.seq = 1 AND NEW.prev = '{'0' * 64}') OR "
        "NEW.prev = (SELECT hash FROM audit_event WHERE seq = NEW.seq - 1), false)"
    )
    if dialect == "sqlite":
        yield (
            "CREATE TRIGGER audit_event_follows AFTER INSERT ON audit_event WHEN NOT ("
            f"NEW.seq = (SELECT max(seq) FROM audit_event) AND {follows}) "
            "BEGIN SELECT RAISE(ABORT, 'audit_event does not follow the entry before it'); END"
        )
        return
    yield (
        "CREATE FUNCTION audit_event_follows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF NOT {follows} THEN "
        "RAISE EXCEPTION 'audit_event does not follow the entry before it'; END IF; RETURN NEW; END $$"
    )
    yield (
        "CREATE TRIGGER audit_event_follows BEFORE INSERT ON audit_event "
        "FOR EACH ROW EXECUTE FUNCTION audit_event_follows()"
    )
