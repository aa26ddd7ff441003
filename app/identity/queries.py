"""Reading people, their sign-ins and their signatures; never a hash of what they know or carry."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.orm import Session

from app.core.errors import Missing
from app.core.permissions import Role
from app.core.workflow import Meaning
from app.db.base import fetched
from app.db.session import Db, Who
from app.identity import limits
from app.identity.credentials import token_sha256
from app.identity.models import Credential, OneTimeCode, Person, PersonRole, Signature, SignIn


@dataclass(frozen=True)
class PersonLine:
    """A person in a list: `roles` in the order of the table of roles; `slowed` says why they must wait, or None."""

    id: int
    name: str
    username: str
    roles: tuple[Role, ...]
    ended_at: datetime | None
    slowed: str | None


@dataclass(frozen=True)
class PersonPage:
    """One person with the state of what they know and carry: whether it is there, never what it is."""

    line: PersonLine
    created_at: datetime
    has_badge: bool
    has_pin: bool
    has_password: bool
    wrong_attempts: int
    slowed_until: datetime | None
    invited_until: datetime | None


@dataclass(frozen=True)
class Signed:
    """A signature as every readable form shows it: printed name, meaning, instant (UTC), proof (21 CFR 11.50)."""

    id: int
    person_id: int
    printed_name: str
    meaning: Meaning
    at: datetime
    proof: str
    station_id: int | None
    subject: str
    shown_sha256: str


@dataclass(frozen=True)
class SignedIn:
    """One sign-in that has not ended: who, where, since when, last seen, locked since when."""

    id: int
    person_id: int
    name: str
    station_id: int | None
    started_at: datetime
    seen_at: datetime
    locked_at: datetime | None


@dataclass(frozen=True)
class Standing:
    """What a browser's token is worth now. `who` only if acts are allowed; `name` is whose lock screen to show.

    `seen_at`: when the person behind it was last noted to touch something; None when there is none.
    """

    who: Who | None
    locked: bool
    why: str
    name: str = ""
    seen_at: datetime | None = None


_NOBODY = Standing(None, False, "Sign in with your badge and PIN.")
# Every request asks this: it is built once, reads only what it needs, and reads the roles along.
_BEHIND = (
    select(
        SignIn.id, SignIn.station_id, SignIn.started_at, SignIn.seen_at, SignIn.locked_at, SignIn.ended_at,
        Person.id, Person.name, Person.ended_at, PersonRole.role,
    )
    .join(Person, Person.id == SignIn.person_id)
    .outerjoin(PersonRole, PersonRole.person_id == Person.id)
    .where(SignIn.token_sha256 == bindparam("token_sha256"))
)  # fmt: skip


def who_is(db: Db, token: str | None, *, now: datetime, where: limits.Where, step_open: bool = False) -> Standing:
    """Tell who stands behind a token at this station, reading roles afresh; why not, in words.

    A hood or ward locks after 10 minutes without a touch, a desk after 15, never while `step_open`. A sign-in ends
    after 12 hours (13 for a step that is open), and at once when the person is ended.
    """
    with db.read() as session:
        return standing_at(session, token, now=now, where=where, step_open=step_open)


def standing_at(
    session: Session, token: str | None, *, now: datetime, where: limits.Where, step_open: bool = False
) -> Standing:
    """Tell the same as `who_is`, for whoever reads more in the same session."""
    if not token:
        return _NOBODY
    found = fetched(session, _BEHIND, token_sha256=token_sha256(token))
    if not found:
        return _NOBODY
    session_id, station_id, started_at, seen_at, locked_at, ended_at, person_id, name, left_at, _ = found[0]
    roles = frozenset(Role(row[-1]) for row in found if row[-1] is not None)
    stretch = limits.Stretch(started_at, seen_at, locked_at, ended_at)
    over = limits.ended(stretch, now, step_open=step_open)
    if left_at is not None or over:
        return Standing(None, False, over or "Your sign-in was ended by the pharmacy. Ask a pharmacy manager.")
    if station_id != where.id:
        return Standing(None, False, "You signed in at another station. Sign in here with your badge and PIN.")
    if locked_at is not None or limits.idle(stretch, now, where.kind, step_open=step_open):
        why = f"Locked for {name}. Your work is kept: unlock with your badge and PIN."
        return Standing(None, True, why, name)
    who = Who(person_id, name, roles, where.id, session_id)
    return Standing(who, False, "", name, seen_at)


def needs_full(session: Session, who: Who) -> bool:
    """Tell whether this person's next signature here needs both components: none given since sign-in or lock."""
    if who.session_id is None:
        return True
    sign_in = session.get(SignIn, who.session_id)
    return (
        sign_in is None
        or sign_in.ended_at is not None
        or sign_in.locked_at is not None
        or sign_in.person_id != who.person_id
        or sign_in.station_id != who.station_id
        or sign_in.signed_fully_at is None
    )


def roles_of(session: Session, person_id: int) -> frozenset[Role]:
    """Read the roles a person holds now."""
    return frozenset(Role(r) for r in session.scalars(select(PersonRole.role).where(PersonRole.person_id == person_id)))


def people(session: Session, now: datetime, *, ended: bool = False) -> tuple[PersonLine, ...]:
    """List people by name; those who have ended only if asked for."""
    query = select(Person, Credential).outerjoin(Credential, Credential.person_id == Person.id)
    if not ended:
        query = query.where(Person.ended_at.is_(None))
    held: dict[int, list[Role]] = {}
    for row in session.scalars(select(PersonRole)):
        held.setdefault(row.person_id, []).append(Role(row.role))
    rows = session.execute(query.order_by(Person.name, Person.id))
    return tuple(_line(person, credential, held.get(person.id, ()), now) for person, credential in rows)


def person(session: Session, person_id: int, now: datetime) -> PersonPage:
    """Read one person with the state of their credentials. Raises Missing."""
    found = session.get(Person, person_id)
    if found is None:
        raise Missing(f"There is no person {person_id}.")
    credential = session.get(Credential, person_id)
    invited = session.scalar(
        select(OneTimeCode.until)
        .where(OneTimeCode.person_id == person_id, OneTimeCode.used_at.is_(None), OneTimeCode.until > now)
        .order_by(OneTimeCode.until.desc())
        .limit(1)
    )
    return PersonPage(
        line=_line(found, credential, roles_of(session, person_id), now),
        created_at=found.created_at,
        has_badge=credential is not None and credential.badge_sha256 is not None,
        has_pin=credential is not None and credential.pin_hash is not None,
        has_password=credential is not None and credential.password_hash is not None,
        wrong_attempts=credential.wrong_attempts if credential else 0,
        slowed_until=credential.slowed_until if credential else None,
        invited_until=invited,
    )


def names(session: Session, person_ids: Iterable[int]) -> dict[int, str]:
    """Read the names of several people at once, for pages that show numbers of people."""
    wanted = set(person_ids)
    if not wanted:
        return {}
    rows = session.execute(select(Person.id, Person.name).where(Person.id.in_(wanted)))
    return {row.id: row.name for row in rows}


def signatures(session: Session, subject: str) -> tuple[Signed, ...]:
    """List every signature of a subject ('work 12'), oldest first."""
    rows = session.scalars(select(Signature).where(Signature.subject == subject).order_by(Signature.id))
    return tuple(_signed(row) for row in rows)


def signature(session: Session, signature_id: int) -> Signed:
    """Read one signature. Raises Missing."""
    row = session.get(Signature, signature_id)
    if row is None:
        raise Missing(f"There is no signature {signature_id}.")
    return _signed(row)


def sign_ins_at(session: Session, station_id: int) -> tuple[SignedIn, ...]:
    """List who is signed in at a station now (at most one person, by constraint)."""
    return _sign_ins(session, SignIn.station_id == station_id)


def person_named(session: Session, username: str) -> Who | None:
    """Somebody by their user name, as acts from the command line know them; None for nobody, or who has left."""
    person = session.scalar(select(Person).where(Person.username == username, Person.ended_at.is_(None)))
    if person is None:
        return None
    held = session.scalars(select(PersonRole.role).where(PersonRole.person_id == person.id))
    return Who(person.id, person.name, frozenset(Role(each) for each in held))


def sign_ins_of(session: Session, person_id: int) -> tuple[SignedIn, ...]:
    """List where a person is signed in now."""
    return _sign_ins(session, SignIn.person_id == person_id)


def _sign_ins(session: Session, which: ColumnElement[bool]) -> tuple[SignedIn, ...]:
    rows = session.execute(
        select(SignIn, Person.name)
        .join(Person, Person.id == SignIn.person_id)
        .where(which, SignIn.ended_at.is_(None))
        .order_by(SignIn.id)
    )
    return tuple(
        SignedIn(s.id, s.person_id, name, s.station_id, s.started_at, s.seen_at, s.locked_at) for s, name in rows
    )


def _line(person: Person, credential: Credential | None, roles: Iterable[Role], now: datetime) -> PersonLine:
    held = frozenset(roles)
    waits = limits.slowed(credential.wrong_attempts, credential.slowed_until, now) if credential else None
    ordered = tuple(role for role in Role if role in held)
    return PersonLine(person.id, person.name, person.username, ordered, person.ended_at, waits)


def _signed(row: Signature) -> Signed:
    return Signed(
        row.id,
        row.person_id,
        row.printed_name,
        Meaning(row.meaning),
        row.at,
        row.proof,
        row.station_id,
        row.subject,
        row.shown_sha256,
    )
