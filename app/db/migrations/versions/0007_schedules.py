"""Schedules: the times of an order as a value, and the table of administration times with its changes."""

import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from app.db.append_only import triggers

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

APPEND_ONLY = ("times_change", "times_decision", "times_row", "times_class")

# The table that the product comes with. Source: unit-dose reference 2.3.
TABLE = (
    ('DAILY', 'site', '', '{"at":["09:00"],"kind":"times"}'),
    ('Q24H', 'site', '', '{"at":["09:00"],"kind":"times"}'),
    ('QAM', 'site', '', '{"at":["09:00"],"kind":"times"}'),
    ('QPM', 'site', '', '{"at":["18:00"],"kind":"times"}'),
    ('QHS', 'site', '', '{"at":["21:00"],"kind":"times"}'),
    ('NOON', 'site', '', '{"at":["12:00"],"kind":"times"}'),
    ('BID', 'site', '', '{"at":["09:00","21:00"],"kind":"times"}'),
    ('Q12H', 'site', '', '{"at":["09:00","21:00"],"kind":"times"}'),
    ('TID', 'site', '', '{"at":["09:00","14:00","21:00"],"kind":"times"}'),
    ('QID', 'site', '', '{"at":["09:00","13:00","17:00","21:00"],"kind":"times"}'),
    ('Q1H', 'site', '', '{"at":["00:00","01:00","02:00","03:00","04:00","05:00","06:00","07:00","08:00","09:00","10:00","11:00","12:00","13:00","14:00","15:00","16:00","17:00","18:00","19:00","20:00","21:00","22:00","23:00"],"kind":"times"}'),
    ('Q2H', 'site', '', '{"at":["00:00","02:00","04:00","06:00","08:00","10:00","12:00","14:00","16:00","18:00","20:00","22:00"],"kind":"times"}'),
    ('Q3H', 'site', '', '{"at":["00:00","03:00","06:00","09:00","12:00","15:00","18:00","21:00"],"kind":"times"}'),
    ('Q4H', 'site', '', '{"at":["02:00","06:00","10:00","14:00","18:00","22:00"],"kind":"times"}'),
    ('Q6H', 'site', '', '{"at":["00:00","06:00","12:00","18:00"],"kind":"times"}'),
    ('Q8H', 'site', '', '{"at":["06:00","14:00","22:00"],"kind":"times"}'),
    ('AC', 'site', '', '{"at":["07:30","11:30","16:30"],"kind":"times"}'),
    ('PC', 'site', '', '{"at":["09:00","13:00","18:00"],"kind":"times"}'),
    ('WITH MEALS', 'site', '', '{"at":["08:00","12:00","17:00"],"kind":"times"}'),
    ('ACHS', 'site', '', '{"at":["07:30","11:30","16:30","21:00"],"kind":"times"}'),
    ('PCHS', 'site', '', '{"at":["09:00","13:00","18:00","21:00"],"kind":"times"}'),
    ('WITH MEALS HS', 'site', '', '{"at":["08:00","12:00","17:00","21:00"],"kind":"times"}'),
    ('AC BREAKFAST', 'site', '', '{"at":["07:30"],"kind":"times"}'),
    ('AC LUNCH', 'site', '', '{"at":["11:30"],"kind":"times"}'),
    ('AC DINNER', 'site', '', '{"at":["16:30"],"kind":"times"}'),
    ('PC BREAKFAST', 'site', '', '{"at":["09:00"],"kind":"times"}'),
    ('PC LUNCH', 'site', '', '{"at":["13:00"],"kind":"times"}'),
    ('PC DINNER', 'site', '', '{"at":["18:00"],"kind":"times"}'),
    ('BREAKFAST', 'site', '', '{"at":["08:00"],"kind":"times"}'),
    ('LUNCH', 'site', '', '{"at":["12:00"],"kind":"times"}'),
    ('DINNER', 'site', '', '{"at":["17:00"],"kind":"times"}'),
    ('BID AC', 'site', '', '{"at":["07:30","16:30"],"kind":"times"}'),
    ('BID PC', 'site', '', '{"at":["09:00","18:00"],"kind":"times"}'),
    ('BID WITH MEALS', 'site', '', '{"at":["08:00","17:00"],"kind":"times"}'),
    ('BID', 'drug class', 'diuretic', '{"at":["09:00","15:00"],"kind":"times"}'),
    ('Q1H', 'route', 'IV', '{"kind":"interval","minutes":60}'),
    ('Q2H', 'route', 'IV', '{"kind":"interval","minutes":120}'),
    ('Q3H', 'route', 'IV', '{"kind":"interval","minutes":180}'),
    ('Q4H', 'route', 'IV', '{"kind":"interval","minutes":240}'),
    ('Q6H', 'route', 'IV', '{"kind":"interval","minutes":360}'),
    ('Q8H', 'route', 'IV', '{"kind":"interval","minutes":480}'),
    ('Q12H', 'route', 'IV', '{"kind":"interval","minutes":720}'),
    ('Q24H', 'route', 'IV', '{"kind":"interval","minutes":1440}'),
    ('Q48H', 'route', 'IV', '{"kind":"interval","minutes":2880}'),
    ('Q72H', 'route', 'IV', '{"kind":"interval","minutes":4320}'),
    ('Q1HP', 'site', '', '{"apart":60,"kind":"as needed"}'),
    ('Q2HP', 'site', '', '{"apart":120,"kind":"as needed"}'),
    ('Q3HP', 'site', '', '{"apart":180,"kind":"as needed"}'),
    ('Q4HP', 'site', '', '{"apart":240,"kind":"as needed"}'),
    ('Q6HP', 'site', '', '{"apart":360,"kind":"as needed"}'),
    ('Q8HP', 'site', '', '{"apart":480,"kind":"as needed"}'),
    ('Q12HP', 'site', '', '{"apart":720,"kind":"as needed"}'),
    ('DAILYP', 'site', '', '{"a_day":1,"kind":"as needed"}'),
    ('QDP', 'site', '', '{"a_day":1,"kind":"as needed"}'),
    ('QHSP', 'site', '', '{"a_day":1,"kind":"as needed"}'),
    ('HSP', 'site', '', '{"a_day":1,"kind":"as needed"}'),
    ('BIDP', 'site', '', '{"a_day":2,"kind":"as needed"}'),
    ('TIDP', 'site', '', '{"a_day":3,"kind":"as needed"}'),
    ('QIDP', 'site', '', '{"a_day":4,"kind":"as needed"}'),
    ('PRNP', 'site', '', '{"kind":"as needed"}'),
)


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    _orders(dialect)
    _sender_words()
    _tables()
    for table in APPEND_ONLY:
        for statement in triggers(table, dialect):
            op.execute(statement)


def _orders(dialect: str) -> None:
    """Give every version its schedule. The table is append-only: its walls are taken down for this, and built again."""
    if dialect == "sqlite":
        for act in ("update", "delete"):
            op.execute(f"DROP TRIGGER order_version_no_{act}")
    else:
        for name in ("no_change", "no_truncate"):
            op.execute(f"DROP TRIGGER order_version_{name} ON order_version")
        op.execute("DROP FUNCTION order_version_append_only()")
    kinds = "'times', 'interval', 'once', 'as needed', 'continuous'"
    whole = "INTEGER" if dialect == "sqlite" else "BIGINT"
    instant = "DATETIME" if dialect == "sqlite" else "TIMESTAMP WITH TIME ZONE"
    op.execute("ALTER TABLE order_version ADD COLUMN schedule TEXT")
    op.execute(
        "ALTER TABLE order_version ADD COLUMN rhythm TEXT "
        f"CONSTRAINT ck_order_version_rhythm_known CHECK (rhythm IN ({kinds}))"
    )
    op.execute("ALTER TABLE order_version RENAME COLUMN first_due_at TO first_before")
    op.execute(f"ALTER TABLE order_version ADD COLUMN first_due_at {instant}")
    op.execute("UPDATE order_version SET first_due_at = first_before")
    _write_schedules(op.get_bind())
    # A check of a new column is tried on the rows that are there, so it comes after them.
    op.execute(
        "ALTER TABLE order_version ADD COLUMN unread TEXT CONSTRAINT ck_order_version_times_or_reason CHECK ("
        "(schedule IS NULL) = (rhythm IS NULL) AND (schedule IS NULL) = (unread IS NOT NULL))"
    )
    op.execute(
        f"ALTER TABLE order_version ADD COLUMN chosen_by {whole} "
        "CONSTRAINT fk_order_version_chosen_by REFERENCES person (id)"
    )
    op.execute("ALTER TABLE order_version DROP COLUMN first_before")
    op.execute("ALTER TABLE order_version DROP COLUMN interval_minutes")
    for statement in triggers("order_version", dialect):
        op.execute(statement)


def _write_schedules(connection: sa.Connection) -> None:
    """Every version was one dose, or doses a whole number of minutes apart from the first one."""
    versions = sa.table(
        "order_version",
        sa.column("id", sa.Integer),
        sa.column("first_due_at", sa.DateTime(timezone=True)),
        sa.column("interval_minutes", sa.Integer),
        sa.column("schedule", sa.Text),
        sa.column("rhythm", sa.Text),
    )
    known = sa.select(versions.c.id, versions.c.first_due_at, versions.c.interval_minutes)
    for version_id, first, minutes in connection.execute(known).all():
        at = first.isoformat(timespec="microseconds") + ("" if first.tzinfo else "+00:00")
        facts = {"at": at, "kind": "once"} if minutes is None else {"anchor": at, "kind": "interval", "minutes": minutes}
        text = json.dumps({"rhythm": facts}, sort_keys=True, separators=(",", ":"))
        connection.execute(
            versions.update().where(versions.c.id == version_id).values(schedule=text, rhythm=facts["kind"])
        )


def _sender_words() -> None:
    """A frequency that was decided in minutes is from now on decided in words of the table."""
    words = sa.table("sender_word", sa.column("id"), sa.column("kind"), sa.column("meaning"))
    connection = op.get_bind()
    known = sa.select(words.c.id, words.c.meaning).where(words.c.kind == "frequency")
    for word_id, meaning in connection.execute(known).all():
        said = "ONCE" if meaning == "once" else f"Q{int(meaning) // 60}H"
        connection.execute(words.update().where(words.c.id == word_id).values(meaning=said))


def _tables() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "times_change",
        sa.Column("id", number, nullable=False),
        sa.Column("proposed_by", number, nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("proposed_by IS NOT NULL OR id = 1", name=op.f("ck_times_change_has_author")),
        sa.ForeignKeyConstraint(["proposed_by"], ["person.id"], name=op.f("fk_times_change_proposed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_times_change")),
    )
    op.create_table(
        "times_decision",
        sa.Column("change_id", number, nullable=False),
        sa.Column("person_id", number, nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signature_id", number, nullable=True),
        sa.Column("declined", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "change_id = 1 OR (person_id IS NOT NULL AND (signature_id IS NULL) = (declined IS NOT NULL))",
            name=op.f("ck_times_decision_signed_or_declined"),
        ),
        sa.ForeignKeyConstraint(["change_id"], ["times_change.id"], name=op.f("fk_times_decision_change_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_times_decision_person_id")),
        sa.ForeignKeyConstraint(["signature_id"], ["signature.id"], name=op.f("fk_times_decision_signature_id")),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_times_decision")),
    )
    op.create_table(
        "times_row",
        sa.Column("change_id", number, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("rhythm", sa.Text(), nullable=True),
        sa.Column("time_critical", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "scope IN ('site', 'unit', 'route', 'drug class')", name=op.f("ck_times_row_scope_known")
        ),
        sa.CheckConstraint("(scope = 'site') = (key = '')", name=op.f("ck_times_row_key_fits_scope")),
        sa.ForeignKeyConstraint(["change_id"], ["times_change.id"], name=op.f("fk_times_row_change_id")),
        sa.PrimaryKeyConstraint("change_id", "code", "scope", "key", name=op.f("pk_times_row")),
    )
    op.create_table(
        "times_class",
        sa.Column("change_id", number, nullable=False),
        sa.Column("drug_id", number, nullable=False),
        sa.Column("drug_class", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["times_change.id"], name=op.f("fk_times_class_change_id")),
        sa.ForeignKeyConstraint(["drug_id"], ["drug.id"], name=op.f("fk_times_class_drug_id")),
        sa.PrimaryKeyConstraint("change_id", "drug_id", name=op.f("pk_times_class")),
    )
    always = datetime(2000, 1, 1, tzinfo=UTC)
    changes = sa.table(
        "times_change",
        sa.column("proposed_at", sa.DateTime(timezone=True)),
        sa.column("why", sa.Text),
        sa.column("starts_at", sa.DateTime(timezone=True)),
    )
    why = "The table that the product comes with"
    op.bulk_insert(changes, [{"proposed_at": always, "why": why, "starts_at": always}])
    decisions = sa.table("times_decision", sa.column("change_id", sa.Integer), sa.column("at", sa.DateTime(timezone=True)))
    op.bulk_insert(decisions, [{"change_id": 1, "at": always}])
    rows = sa.table(
        "times_row",
        *(sa.column(name) for name in ("change_id", "code", "scope", "key", "rhythm")),
        sa.column("time_critical", sa.Boolean),
    )
    op.bulk_insert(
        rows,
        [
            {"change_id": 1, "code": code, "scope": scope, "key": key, "rhythm": rhythm, "time_critical": False}
            for code, scope, key, rhythm in TABLE
        ],
    )
