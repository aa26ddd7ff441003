"""Keeping every message as it came: its bytes are durable before it is answered, and the answer with them."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.db.session import SYSTEM, Db
from app.interop.dispense_message import ack, answer_code
from app.interop.hl7 import body_sha256, parse
from app.interop.models import Message
from app.interop.values import Connection

_KEY = ("sender", "control_id", "sha256")
# Written once: building the statement anew for each message would cost as much as storing it.
_FIRST = {
    is_sqlite: insert(Message.__table__).on_conflict_do_nothing(index_elements=_KEY).returning(Message.__table__.c.id)
    for is_sqlite, insert in ((True, sqlite_insert), (False, postgresql_insert))
}


@dataclass(frozen=True)
class Stored:
    """What became of one message: its number (None: refused, not kept), the answer, and whether it came before."""

    message_id: int | None
    answer: bytes
    again: bool = False


def store(db: Db, connection: Connection, raw: bytes, *, test: bool = False) -> Stored:
    """Commit one message and its answer; the same frame again gives the stored answer and stores nothing.

    AA (CA) means that it is stored, nothing more: what it means is found out afterwards. A TEST instance takes only
    messages marked T or D and refuses others (AR, table 0357 code 202) without keeping them. Raises Invalid when the
    bytes hold no header, and the database's error when it cannot commit: then nobody is answered.
    Source: HL7 v2.5.1 chapter 2 (acknowledgement); house interoperability notes on duplicates.
    """
    message = parse(raw)
    now = db.clock()
    control_id = f"A{now:%y%m%d%H%M%S%f}"
    header = message.header
    if test and header.processing not in ("T", "D"):
        words = "This is a test system: it takes messages marked T only."
        code = answer_code(header, "R")
        return Stored(None, ack(message, code, control_id=control_id, at=now, text=words, error=202))
    answer = ack(message, answer_code(header), control_id=control_id, at=now)
    row = {
        "sender": connection.name,
        # A database text holds no NUL; the bytes themselves are kept as they came.
        "control_id": header.control_id[:250].replace("\x00", ""),
        "sha256": body_sha256(raw),
        "raw": raw,
        "received_at": now,
        "answer": answer,
        "kind": f"{header.kind}^{header.event}".strip("^")[:20].replace("\x00", ""),
        "outcome": "waiting",
    }
    with db.write(SYSTEM) as tx:
        number = tx.session.connection().scalar(_FIRST[db.is_sqlite], row)
        if number is not None:
            return Stored(number, answer)
        same = select(Message).filter_by(**{name: row[name] for name in _KEY})
        known = tx.session.scalars(same).one()
        return Stored(known.id, known.answer, again=True)
