"""Proving who somebody is, and signing: the electronic signature of 21 CFR 11.50, 11.70 and 11.200.

A proof runs in its own short transaction, because a wrong attempt must be remembered even when the act is refused,
and because hashing takes 20 ms that no other writer shall wait for. A signature is written inside the act it signs.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from app.audit.actions import record
from app.core.canonical import sha256
from app.core.errors import Missing, Refused
from app.core.permissions import May, Role
from app.core.workflow import Meaning
from app.db.session import SYSTEM, Db, Tx, Who
from app.identity import limits
from app.identity.credentials import badge_sha256, matches
from app.identity.models import Credential, Person, Signature, SignIn, UnknownAttempts
from app.identity.queries import needs_full, roles_of

BADGE_AND_PIN = "badge and PIN"
USERNAME_AND_PASSWORD = "user name and password"
FULL = frozenset({BADGE_AND_PIN, USERNAME_AND_PASSWORD})

_WAYS = {
    frozenset({"badge", "pin"}): BADGE_AND_PIN,
    frozenset({"pin"}): "PIN",
    frozenset({"password"}): "password",
    frozenset({"username", "password"}): USERNAME_AND_PASSWORD,
}
_MISSING = {
    frozenset(): "Scan your badge and type your PIN.",
    frozenset({"badge"}): "Type your PIN as well: a badge alone does not show that it is you.",
    frozenset({"username"}): "Type your password as well.",
}
_WRONG = {
    BADGE_AND_PIN: "That badge and PIN do not belong together. Try again.",
    "PIN": "That is not your PIN. Try again.",
    "password": "That is not your password. Try again.",
    USERNAME_AND_PASSWORD: "That user name and password do not belong together. Try again.",
}


@dataclass(frozen=True, repr=False)
class Given:
    """What somebody shows to prove who they are. It never appears in a log: its text names only what was given."""

    badge: str | None = None
    pin: str | None = None
    username: str | None = None
    password: str | None = None

    @property
    def parts(self) -> frozenset[str]:
        """The names of the fields that were filled in."""
        return frozenset(name for name in ("badge", "pin", "username", "password") if getattr(self, name))

    def __repr__(self) -> str:
        return f"Given({' and '.join(sorted(self.parts)) or 'nothing'})"


@dataclass(frozen=True)
class Proven:
    """A person who has just shown who they are, how (the words of Signature.proof), when (UTC) and at which station."""

    person_id: int
    name: str
    roles: frozenset[Role]
    proof: str
    at: datetime
    station_id: int | None = None


@dataclass(frozen=True, repr=False)
class _Claim:
    """Whom the given parts name (nobody, perhaps), the hash to compare with, and where wrong attempts are counted."""

    person_id: int | None
    hashed: str | None
    bucket: str


def way(given: Given) -> str:
    """Tell which kind of proof was given, in the words of Signature.proof. Raises Refused with what is missing."""
    found = _WAYS.get(given.parts)
    if found is None:
        both = "Give your badge and PIN, or your user name and password, not a mixture."
        raise Refused(_MISSING.get(given.parts, both))
    return found


def prove(db: Db, who: Who | None, given: Given, *, station_id: int | None, full: bool = False) -> Proven:
    """Prove who somebody is; `who` is the person signed in (None: nobody yet), `full` asks for both components.

    Runs outside any transaction of the caller. Five wrong attempts in a row make the next wait, longer each time.
    An unknown badge costs the same time, gives the same sentence and slows down in the same way as a wrong PIN.
    Raises Refused, Invalid (not a badge). Source: 21 CFR 11.200, 11.300(d); NIST SP 800-63B-4.
    """
    how = way(given)
    if (full or who is None) and how not in FULL:
        raise Refused(_both_needed(how, "This needs both parts of your sign-in"))
    if who is not None:
        _refuse_another(db, who, given)
    secret = (given.pin if how in (BADGE_AND_PIN, "PIN") else given.password) or ""
    kind = "PIN" if given.pin else "password"
    with db.read() as session:
        claim = _claim(session, who, given)
        wait = _waits(session, claim, db.clock(), kind)
    if wait:
        raise Refused(wait)
    right = matches(secret, claim.hashed)
    proven: Proven | None = None
    with db.write(who or replace(SYSTEM, station_id=station_id)) as tx:
        locked = _locked_tally(tx, claim)
        # Attempts that ran side by side meet here: whoever comes after the fifth wrong one waits, right or not.
        wait = limits.slowed(locked.wrong_attempts, locked.slowed_until, tx.now, kind)
        if wait is None and right:
            proven = _still_right(tx, claim, how, station_id)
        if proven:
            locked.wrong_attempts, locked.slowed_until = 0, None
        elif wait is None:
            wait = _count_wrong(tx, locked, claim, how, kind)
    if proven is None:
        raise Refused(wait or _WRONG[how])
    return proven


def prove_for_signature(db: Db, who: Who, given: Given, full: bool = False) -> Proven:
    """Prove that the person who is signed in is the one who signs now.

    The first signature of a sign-in needs badge and PIN (or user name and password), later ones the PIN (or the
    password) alone; `full` (an override, a controlled drug) asks for both again. Raises Refused, which says what is
    missing. Source: 21 CFR 11.200(a)(1).
    """
    how = way(given)
    with db.read() as session:
        _standing_sign_in(session, who)
        first = needs_full(session, who)
    if (first or full) and how not in FULL:
        why = "Your first signature of this sign-in needs both parts" if first else "This act needs both parts again"
        raise Refused(_both_needed(how, why))
    return prove(db, who, given, station_id=who.station_id, full=first or full)


def sign(tx: Tx, proven: Proven, meaning: Meaning, subject: str, shown_sha256: str, *, full: bool = False) -> Signature:
    """Write the signature of the person who acts, inside the act it signs, and record it.

    `subject` is what is signed ('work 12'), `shown_sha256` the hash of what stood on the screen. `full` repeats
    here what was asked of the proof. Raises Refused when somebody else proved themselves, when the proof is older than
    two minutes, comes from another station or does not suffice, or when the sign-in was locked or ended meanwhile.
    Source: 21 CFR 11.50, 11.70.
    """
    if tx.who.person_id is None or proven.person_id != tx.who.person_id:
        raise Refused("The person who signs is not the one who is signed in. Switch person first, then sign.")
    if proven.station_id != tx.who.station_id:
        raise Refused("You showed who you are at another station. Sign again here.")
    if abs(tx.now - proven.at) > limits.PROOF_LASTS:
        raise Refused("Too much time passed since you showed who you are. Sign again.")
    if len(shown_sha256) != 64:
        raise ValueError("A signature needs the SHA-256 of what was shown, as 64 hexadecimal digits.")
    sign_in = _standing_sign_in(tx.session, tx.who, for_update=True)
    if (full or sign_in is None or sign_in.signed_fully_at is None) and proven.proof not in FULL:
        raise Refused(_both_needed(proven.proof, "This signature needs both parts of your sign-in"))
    if sign_in is not None and proven.proof in FULL:
        sign_in.signed_fully_at = tx.now
    signature = Signature(
        person_id=proven.person_id,
        printed_name=proven.name,
        meaning=meaning.value,
        at=tx.now,
        proof=proven.proof,
        station_id=tx.who.station_id,
        subject=subject,
        shown_sha256=shown_sha256,
    )
    tx.session.add(signature)
    tx.session.flush()
    facts = {
        "meaning": meaning.value,
        "proof": proven.proof,
        "shown": shown_sha256,
        "signature": signature.id,
    }
    record(tx, "signed", subject, facts)
    return signature


def reopen(tx: Tx, person_id: int) -> None:
    """Let a person whose sign-in was slowed down or closed by wrong attempts try again at once.

    Never one's own: whoever guesses at an open station could otherwise go on for ever. Raises Refused, Missing.
    """
    tx.who.require(May.REOPEN_SIGN_IN)
    if tx.who.person_id == person_id:
        raise Refused("You can not reopen your own sign-in. Ask another pharmacist.")
    credential = tx.session.scalar(select(Credential).where(Credential.person_id == person_id).with_for_update())
    if credential is None:
        raise Missing(f"There is no person {person_id}.")
    facts = {"wrong_attempts": credential.wrong_attempts}
    credential.wrong_attempts, credential.slowed_until = 0, None
    record(tx, "reopened", f"person {person_id}", facts)
    tx.tell("people")


def one_at_a_time(tx: Tx, room: int, number: int) -> None:
    """Make acts on the same thing wait for each other until the commit; SQLite's one writer does so by itself."""
    if not tx.alone:
        tx.session.execute(text("SELECT pg_advisory_xact_lock(:room, :number)"), {"room": room, "number": number})


def _both_needed(how: str, why: str) -> str:
    if how == "password":
        return f"{why}: give your user name as well as your password."
    return f"{why}: scan your badge as well as typing your PIN."


def _standing_sign_in(session: Session, who: Who, *, for_update: bool = False) -> SignIn | None:
    if who.session_id is None:
        return None
    query = select(SignIn).where(SignIn.id == who.session_id)
    sign_in = session.scalar(query.with_for_update() if for_update else query)
    if sign_in is None or sign_in.ended_at is not None or sign_in.person_id != who.person_id:
        raise Refused("Your sign-in here has ended. Sign in again; your work is kept.")
    if sign_in.station_id != who.station_id:
        raise Refused("You signed in at another station. Sign in here first.")
    if sign_in.locked_at is not None:
        raise Refused("This station is locked. Unlock it with your badge and PIN, then sign.")
    return sign_in


def _refuse_another(db: Db, who: Who, given: Given) -> None:
    """Somebody else's badge never signs here. It is put on record, and not counted: nothing was guessed."""
    if not given.badge and not given.username:
        return
    with db.read() as session:
        own = session.execute(
            select(Person.username, Credential.badge_sha256)
            .outerjoin(Credential, Credential.person_id == Person.id)
            .where(Person.id == who.person_id)
        ).one_or_none()
    shown = "badge" if given.badge else "user name"
    if own and given.badge and badge_sha256(given.badge) == own.badge_sha256:
        return
    if own and given.username and _username(given.username) == own.username:
        return
    with db.write(who) as tx:
        record(tx, "refused another person's " + shown, f"person {who.person_id}", {})
    raise Refused(f"You are signed in as {who.name}; that {shown} belongs to somebody else. Switch person first.")


def _claim(session: Session, who: Who | None, given: Given) -> _Claim:
    named: ColumnElement[bool]
    if who is not None:
        named, shown = Person.id == who.person_id, f"person {who.person_id}"
    elif given.badge:
        shown = badge_sha256(given.badge)
        named = Credential.badge_sha256 == shown
    else:
        shown = _username(given.username or "")
        named = Person.username == shown
    row = session.execute(
        select(Credential).join(Person, Person.id == Credential.person_id).where(named, Person.ended_at.is_(None))
    ).scalar_one_or_none()
    bucket = sha256(shown.encode("utf-8", "surrogatepass"))[:4]
    if row is None:
        return _Claim(None, None, bucket)
    return _Claim(row.person_id, row.pin_hash if given.pin else row.password_hash, bucket)


def _waits(session: Session, claim: _Claim, now: datetime, kind: str) -> str | None:
    tally: Credential | UnknownAttempts | None
    if claim.person_id is not None:
        tally = session.get(Credential, claim.person_id)
    else:
        tally = session.get(UnknownAttempts, claim.bucket)
        if tally is not None and now - tally.last_at > limits.UNKNOWN_FORGOTTEN:
            return None
    return limits.slowed(tally.wrong_attempts, tally.slowed_until, now, kind) if tally else None


def _locked_tally(tx: Tx, claim: _Claim) -> Credential | UnknownAttempts:
    """Hold the row in which this claim's wrong attempts are counted, so that two at once both count."""
    if claim.person_id is not None:
        query = select(Credential).where(Credential.person_id == claim.person_id)
        return tx.session.scalars(query.with_for_update()).one()
    insert = sqlite_insert if tx.session.get_bind().dialect.name == "sqlite" else postgresql_insert
    row = {"bucket": claim.bucket, "wrong_attempts": 0, "slowed_until": None, "last_at": tx.now}
    tx.session.execute(insert(UnknownAttempts).values(row).on_conflict_do_nothing(index_elements=["bucket"]))
    tally = tx.session.scalars(
        select(UnknownAttempts).where(UnknownAttempts.bucket == claim.bucket).with_for_update()
    ).one()
    if tx.now - tally.last_at > limits.UNKNOWN_FORGOTTEN:
        tally.wrong_attempts, tally.slowed_until = 0, None
    tally.last_at = tx.now
    return tally


def _still_right(tx: Tx, claim: _Claim, how: str, station_id: int | None) -> Proven | None:
    """Read again, under the lock, what was compared outside it: a PIN may just have been changed, a person ended."""
    person = tx.session.get_one(Person, claim.person_id)
    credential = tx.session.get_one(Credential, claim.person_id)
    now_hashed = credential.pin_hash if how in (BADGE_AND_PIN, "PIN") else credential.password_hash
    if person.ended_at is not None or now_hashed != claim.hashed:
        return None
    roles = roles_of(tx.session, person.id)
    return Proven(person.id, person.name, roles, how, tx.now, station_id)


def _count_wrong(tx: Tx, tally: Credential | UnknownAttempts, claim: _Claim, how: str, kind: str) -> str | None:
    tally.wrong_attempts += 1
    wait = limits.wait_after(tally.wrong_attempts)
    tally.slowed_until = tx.now + wait if wait else None
    subject = "person unknown" if claim.person_id is None else f"person {claim.person_id}"
    facts = {"proof": how, "wrong_in_a_row": tally.wrong_attempts, "slowed_until": tally.slowed_until}
    record(tx, "refused a wrong proof", subject, facts)
    return limits.slowed(tally.wrong_attempts, tally.slowed_until, tx.now, kind)


def _username(text: str) -> str:
    return text.strip().casefold()
