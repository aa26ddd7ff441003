"""Signing in and out, locking and unlocking a station. Who is signed in is asked of `queries.who_is`.

Every sign-in and every unlocking makes a new token, so that a token known before is worth nothing after; only its hash
is stored. A station holds one person: the badge of a second one switches, it never merges, and work is kept.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.audit.actions import record
from app.core.errors import Refused
from app.db.session import Db, Tx, Who
from app.identity import limits
from app.identity.actions import Given, Proven, one_at_a_time, prove
from app.identity.credentials import TOKEN_RANDOM, session_token, token_sha256
from app.identity.limits import Where
from app.identity.models import Person, SignIn
from app.identity.queries import roles_of

_STATIONS = 7_411_002  # PostgreSQL's advisory lock for acts at one station; the second number is the station.


@dataclass(frozen=True)
class NewSignIn:
    """A token for the browser's cookie, shown this once and never in a log, and the person it stands for."""

    token: str
    who: Who

    def __repr__(self) -> str:
        return f"NewSignIn({self.who.name})"


def sign_in(db: Db, given: Given, where: Where) -> NewSignIn:
    """Sign a person in at a station: badge and PIN anywhere, user name and password only at a desk.

    Whoever was signed in at this station is signed out; their work is kept. Raises Refused.
    """
    _fit_for_station(given, where)
    proven = prove(db, None, given, station_id=where.id)
    token = session_token(secrets.token_bytes(TOKEN_RANDOM))
    who = Who(proven.person_id, proven.name, proven.roles, where.id)
    with db.write(who) as tx:
        one_at_a_time(tx, _STATIONS, where.id)
        before = select(SignIn).where(SignIn.station_id == where.id, SignIn.ended_at.is_(None)).with_for_update()
        for other in tx.session.scalars(before).all():
            other.ended_at = tx.now
            why = "signed in again" if other.person_id == proven.person_id else "somebody else signed in here"
            record(tx, "signed out", f"person {other.person_id}", {"sign_in": other.id, "why": why})
        tx.session.flush()
        # Whoever changes station shows both parts again at the one left behind (21 CFR 11.200(a)(1)(ii)).
        elsewhere = update(SignIn).where(SignIn.person_id == proven.person_id, SignIn.ended_at.is_(None))
        tx.session.execute(elsewhere.values(signed_fully_at=None))
        row = _new_row(tx, proven, where, token)
        record(tx, "signed in", f"person {proven.person_id}", {"sign_in": row.id, "proof": proven.proof})
        tx.tell(f"station {where.id}")
        session_id = row.id
    return NewSignIn(token, replace(who, session_id=session_id))


def sign_out(db: Db, token: str) -> None:
    """End the sign-in behind a token; one that has ended already, or never was, stays as it is."""

    def end(tx: Tx, row: SignIn) -> None:
        row.ended_at = tx.now
        record(tx, "signed out", f"person {row.person_id}", {"sign_in": row.id, "why": "signed out"})

    _change(db, token, end)


def lock(db: Db, token: str) -> None:
    """Lock the station behind a token at once: what a person does who steps away. Locking twice is locking once."""
    _change(db, token, lambda tx, row: _lock(tx, row, "locked by hand"))


def unlock(db: Db, token: str, given: Given, where: Where) -> NewSignIn:
    """Unlock a station for the person it was locked for, by both parts of their sign-in; the token is a new one.

    The next signature needs both parts again. Another person signs in instead (`sign_in` switches). Raises Refused.
    """
    _fit_for_station(given, where)
    with db.read() as session:
        found = _live(session, token)
        if found is None or found[0].station_id != where.id:
            raise Refused("This sign-in has ended. Sign in again; your work is kept.")
        who = _who(session, *found)
    proven = prove(db, who, given, station_id=where.id, full=True)
    new = session_token(secrets.token_bytes(TOKEN_RANDOM))
    with db.write(who) as tx:
        again = _live(tx.session, token, for_update=True)
        stretch = _stretch(again[0]) if again else None
        if again is None or stretch is None or limits.ended(stretch, tx.now, step_open=False):
            raise Refused("This sign-in has ended. Sign in again; your work is kept.")
        row = again[0]
        row.token_sha256 = token_sha256(new)
        row.locked_at, row.signed_fully_at, row.seen_at = None, None, tx.now
        record(tx, "unlocked", f"person {row.person_id}", {"sign_in": row.id, "proof": proven.proof})
        tx.tell(f"station {where.id}")
    return NewSignIn(new, replace(who, roles=proven.roles))


def seen(db: Db, token: str, where: Where, *, step_open: bool = False) -> None:
    """Note that a person touched something; writes at most once a minute, so a station may lock a minute early.

    Call it for what a person does, never for what a page asks by itself. A station found idle is locked here, so
    that it stays locked; a sign-in past its time is ended.
    """
    now = db.clock()
    with db.read() as session:
        found = _live(session, token)
        if found is None or found[0].station_id != where.id:
            return
        stretch = _stretch(found[0])
    over = limits.ended(stretch, now, step_open=step_open)
    idle = limits.idle(stretch, now, where.kind, step_open=step_open)
    if not over and stretch.locked_at is not None:
        return
    if not over and not idle and now - stretch.seen_at < limits.SEEN_EVERY:
        return

    def note(tx: Tx, row: SignIn) -> None:
        # Another request may have been faster: what was found before is judged again on the row that is held now.
        fresh = _stretch(row)
        if limits.ended(fresh, tx.now, step_open=step_open):
            row.ended_at = tx.now
            record(tx, "signed out", f"person {row.person_id}", {"sign_in": row.id, "why": "12 hours are over"})
        elif limits.idle(fresh, tx.now, where.kind, step_open=step_open):
            _lock(tx, row, "idle")
        elif row.locked_at is None:
            row.seen_at = max(row.seen_at, tx.now)

    _change(db, token, note)


def end_sign_ins(tx: Tx, person_id: int, why: str, *, but: int | None = None) -> None:
    """End every sign-in of a person (but the one numbered `but`), at whatever station, within the act that asks."""
    rows = select(SignIn).where(SignIn.person_id == person_id, SignIn.ended_at.is_(None)).with_for_update()
    for row in tx.session.scalars(rows.order_by(SignIn.id)).all():
        if row.id == but:
            continue
        row.ended_at = tx.now
        record(tx, "signed out", f"person {person_id}", {"sign_in": row.id, "why": why})
        tx.tell(f"station {row.station_id}")


def _fit_for_station(given: Given, where: Where) -> None:
    if where.kind != "desk" and given.parts & {"username", "password"}:
        raise Refused("At a hood or on a ward, sign in with your badge and PIN. Passwords are for a desk.")


def _new_row(tx: Tx, proven: Proven, where: Where, token: str) -> SignIn:
    row = SignIn(
        token_sha256=token_sha256(token),
        person_id=proven.person_id,
        station_id=where.id,
        started_at=tx.now,
        seen_at=tx.now,
    )
    tx.session.add(row)
    tx.session.flush()
    return row


def _lock(tx: Tx, row: SignIn, why: str) -> None:
    if row.locked_at is not None:
        return
    row.locked_at, row.signed_fully_at = tx.now, None
    record(tx, "locked", f"person {row.person_id}", {"sign_in": row.id, "why": why})


def _change(db: Db, token: str, change: Callable[[Tx, SignIn], None]) -> None:
    with db.read() as session:
        found = _live(session, token)
        if found is None:
            return
        who = _who(session, *found)
    with db.write(who) as tx:
        again = _live(tx.session, token, for_update=True)
        if again is not None:
            change(tx, again[0])
            tx.tell(f"station {again[0].station_id}")


def _live(session: Session, token: str, *, for_update: bool = False) -> tuple[SignIn, Person] | None:
    query = select(SignIn).where(SignIn.token_sha256 == token_sha256(token), SignIn.ended_at.is_(None))
    row = session.scalar(query.with_for_update() if for_update else query)
    return None if row is None else (row, session.get_one(Person, row.person_id))


def _who(session: Session, row: SignIn, person: Person) -> Who:
    return Who(person.id, person.name, roles_of(session, person.id), row.station_id, row.id)


def _stretch(row: SignIn) -> limits.Stretch:
    return limits.Stretch(row.started_at, row.seen_at, row.locked_at, row.ended_at)
