"""Changing the table of administration times: a pharmacist proposes, the pharmacy manager signs, orders keep theirs."""

from datetime import datetime

from app.audit.actions import record
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May
from app.core.workflow import Meaning
from app.db.session import Tx
from app.formulary.models import Drug
from app.identity.actions import Proven, sign
from app.orders.frequency import Unread, read_frequency
from app.orders.models import TimesChange, TimesClass, TimesDecision, TimesRow
from app.orders.schedule_document import written_rhythm
from app.orders.times_queries import shown_change, times_table
from app.orders.times_table import Row, Scope, TimesTable, Where, tidied


def propose_row(
    tx: Tx, code: str, scope: str, key: str, how: str, why: str, starts_at: datetime, *, critical: bool = False
) -> TimesChange:
    """Propose what a code mean for the site, or for the unit, route or class of drugs that `key` names.

    `how` says it without codes of the table ("0800 2000", "every 36 hours", "PRN"); "" takes the row out of the table.
    Raises Refused for anyone who may not, Invalid with every field that cannot be right.
    """
    tx.who.require(May.PROPOSE_TIMES)
    code, key = tidied(code), " ".join(key.split())
    wrong: dict[str, str] = {}
    if not code:
        wrong["code"] = "Write the code, or the text that a sender writes."
    if scope not in tuple(Scope):
        wrong["scope"] = "Choose for whom the times are."
    elif (scope == Scope.SITE) != (not key):
        wrong["key" if scope == Scope.DRUG_CLASS else scope] = f"Choose the {scope} that they are for."
    row = None if wrong else _row(tx, code, Scope(scope), key, how, critical, starts_at, wrong)
    if wrong:
        raise Invalid(wrong)
    head = _proposed(tx, why, starts_at)
    rhythm, critical = (written_rhythm(row.rhythm), critical) if row else (None, False)
    tx.session.add(TimesRow(change_id=head.id, code=code, scope=scope, key=key, rhythm=rhythm, time_critical=critical))
    return _told(tx, head)


def _row(
    tx: Tx, code: str, scope: Scope, key: str, how: str, critical: bool, at: datetime, wrong: dict[str, str]
) -> Row | None:
    if not how.strip():
        where = Where(**{scope.name.lower(): key}) if key else Where()
        standing = times_table(tx.session, max(at, tx.now)).row(code, where)
        if standing is None or standing.scope is not scope:
            wrong["how"] = "There is no such row to take out: write when it is given."
        return None
    read = read_frequency(how, TimesTable(()))
    if isinstance(read, Unread):
        wrong["how"] = read.why
        return None
    if read.count is not None or read.lasts is not None:
        wrong["how"] = "A row of the table names no number of doses and no length."
        return None
    return Row(code, read.rhythm, scope, key, critical)


def propose_class(tx: Tx, drug_id: int, drug_class: str, why: str, starts_at: datetime) -> TimesChange:
    """Propose that a drug belong to a class of drugs with times of its own; '' to none. Raises Invalid."""
    tx.who.require(May.PROPOSE_TIMES)
    if tx.session.get(Drug, drug_id) is None:
        raise Invalid({"drug": "Choose the drug."})
    head = _proposed(tx, why, starts_at)
    tx.session.add(TimesClass(change_id=head.id, drug_id=drug_id, drug_class=" ".join(drug_class.split()).lower()))
    return _told(tx, head)


def sign_change(tx: Tx, change_id: int, proven: Proven, shown: str) -> None:
    """Put a proposed change into force with the pharmacy manager's signature, from its day on.

    Raises Refused for anyone else, for a change that was decided, and when it is not what was shown.
    """
    tx.who.require(May.SIGN_TIMES)
    head = _undecided(tx, change_id)
    if shown != shown_change(tx.session, change_id):
        raise Refused("The change is not the one that was shown to you. Look at it again, then sign.")
    signature = sign(tx, proven, Meaning.APPROVED, f"times {change_id}", shown)
    _decided(tx, change_id, signature.id, None)
    record(tx, "times signed", f"times {change_id}", {"from": head.starts_at, "shown": shown})
    tx.tell("times")


def decline_change(tx: Tx, change_id: int, reason: str) -> None:
    """Decline a proposed change, or take one's own proposal back, with the reason. Raises Refused, Invalid."""
    head = _undecided(tx, change_id)
    if head.proposed_by != tx.who.person_id:
        tx.who.require(May.SIGN_TIMES)
    if len(reason.strip()) < 3:
        raise Invalid({"reason": "Say why, so that whoever proposed it knows."})
    _decided(tx, change_id, None, reason.strip())
    record(tx, "times declined", f"times {change_id}", {"reason": reason.strip()})
    tx.tell("times")


def _proposed(tx: Tx, why: str, starts_at: datetime) -> TimesChange:
    if len(why.strip()) < 3:
        raise Invalid({"why": "Say why: the pharmacy manager signs it, and the wards will ask."})
    if starts_at < tx.now:
        raise Invalid({"starts": "A change counts from now on at the earliest."})
    head = TimesChange(proposed_by=tx.who.person_id, proposed_at=tx.now, why=why.strip(), starts_at=starts_at)
    tx.session.add(head)
    tx.session.flush()
    return head


def _told(tx: Tx, head: TimesChange) -> TimesChange:
    tx.session.flush()
    record(tx, "times proposed", f"times {head.id}", {"why": head.why, "from": head.starts_at})
    tx.tell("times")
    return head


def _undecided(tx: Tx, change_id: int) -> TimesChange:
    head = tx.session.get(TimesChange, change_id, with_for_update=True)
    if head is None or head.proposed_by is None:
        raise Missing("This change of the table does not exist.")
    if tx.session.get(TimesDecision, change_id) is not None:
        raise Refused("This change was decided already. Go back to the table.")
    return head


def _decided(tx: Tx, change_id: int, signature_id: int | None, declined: str | None) -> None:
    tx.session.add(
        TimesDecision(
            change_id=change_id, person_id=tx.who.person_id, at=tx.now, signature_id=signature_id, declined=declined
        )
    )
    tx.session.flush()
