"""Telling the order's sender of a released bag: one message at a time, the same bytes until it is acknowledged."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import select

from app.audit.actions import record
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.core.workflow import State
from app.db.outbox import Outgoing
from app.db.session import Tx
from app.interop.dispense_message import rds_o13
from app.interop.dispense_queries import dispense_of
from app.interop.queries import ACCEPTED, BY_HAND
from compounding.queries import opened

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=5)


@dataclass(frozen=True)
class Letter:
    """One message to send: its row, its bytes (without framing), and how often it was tried."""

    id: int
    raw: bytes
    attempt: int


def claim_letter(tx: Tx, processing: Literal["P", "T"]) -> Letter | None:
    """Take the oldest message that eMAR has not acknowledged, if it is due; none overtakes it.

    Its bytes are written once, at the first attempt. A bag that was withdrawn meanwhile is not announced.
    """
    query = (
        select(Outgoing)
        .where(Outgoing.kind == "message", Outgoing.next_at.is_not(None))
        .order_by(Outgoing.id)
        .limit(1)
        .with_for_update()
    )
    row = tx.session.scalar(query)
    if row is None or row.next_at is None or row.next_at > tx.now:
        return None
    facts = json.loads(row.facts)
    if row.first_bytes is None:
        at = opened(tx.session, facts["work_id"])
        if at.state is not State.RELEASED:
            _give_up(tx, row, "the dose was withdrawn before eMAR was told of it")
            return claim_letter(tx, processing)
        row.first_bytes = rds_o13(dispense_of(tx.session, at, facts["serial"], _control_id(row), tx.now, processing))
    row.attempts += 1
    row.claimed_at = tx.now
    # If the product stops now, the same bytes go out again later.
    row.next_at = tx.now + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row.attempts - 1, 8))
    return Letter(row.id, row.first_bytes, row.attempts)


def note_letter(tx: Tx, letter_id: int, outcome: str, code: str, words: str) -> None:
    """Note the answer to a message: 'delivered', 'refused' (a person has to look) or 'again'."""
    row = tx.session.get_one(Outgoing, letter_id)
    if outcome == "delivered":
        row.sent_at = row.confirmed_at = tx.now
        row.next_at, row.outcome = None, ACCEPTED
        record(tx, "dispense message accepted", f"preparation {_work(row)}", {"attempts": row.attempts, "code": code})
    elif outcome == "refused":
        row.sent_at = tx.now
        _give_up(tx, row, f"eMAR refused it ({code})" + (f": {words}" if words else ""))
    else:
        row.outcome = f"tried {row.attempts} times, last: {words or code}"
    _tell(tx, row)


def send_again(tx: Tx, letter_id: int) -> None:
    """Send a refused message once more, the very same bytes. Raises Refused, Missing."""
    tx.who.require(May.MAP)
    row = _letter(tx, letter_id)
    if row.given_up_at is None or row.confirmed_at is not None or row.first_bytes is None:
        raise Refused("This message is not waiting for a decision. Reload the page.")
    row.given_up_at, row.next_at, row.outcome = None, tx.now, "sent again by hand"
    record(tx, "dispense message sent again", f"preparation {_work(row)}", {})
    _tell(tx, row)


def lay_aside(tx: Tx, letter_id: int, how: str) -> None:
    """Note how the ward was told by hand of a bag that eMAR refused or that was withdrawn. Raises Refused, Missing."""
    tx.who.require(May.MAP)
    row = _letter(tx, letter_id)
    if len(how.strip()) < 3:
        raise Refused("Say how the ward was told. Nothing was stored.")
    row.next_at = None
    if row.confirmed_at is None:
        row.given_up_at = row.given_up_at or tx.now
    row.outcome = f"{BY_HAND}: {how.strip()}"
    record(tx, "ward told by hand", f"preparation {_work(row)}", {"how": how.strip()})
    _tell(tx, row)


def _letter(tx: Tx, letter_id: int) -> Outgoing:
    row = tx.session.scalar(select(Outgoing).where(Outgoing.id == letter_id).with_for_update())
    if row is None or row.kind != "message":
        raise Missing("This message does not exist.")
    return row


def _give_up(tx: Tx, row: Outgoing, words: str) -> None:
    row.next_at, row.given_up_at, row.outcome = None, tx.now, words
    record(tx, "dispense message given up", f"preparation {_work(row)}", {"words": words})
    _tell(tx, row)


def _tell(tx: Tx, row: Outgoing) -> None:
    tx.tell("messages")
    tx.tell(f"work:{_work(row)}")


def _work(row: Outgoing) -> int:
    number: int = json.loads(row.facts)["work_id"]
    return number


def _control_id(row: Outgoing) -> str:
    return f"L{row.id}T{row.made_at:%y%m%d%H%M%S}"[:20]
