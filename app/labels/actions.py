"""Making, voiding and confirming dispensing labels; printing goes through the outbox."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select, update

from app.audit.actions import record
from app.core.canonical import canonical, sha256
from app.core.errors import Missing, Refused
from app.db import outbox
from app.db.session import Tx
from app.labels.content import DispenseLabel, facts, problems
from app.labels.models import Label


def make(
    tx: Tx,
    work_id: int,
    label: DispenseLabel,
    render: Callable[[DispenseLabel], bytes],
    beyond_use: datetime,
    printer: str,
    reprint_reason: str | None = None,
) -> Label:
    """Make a label for a preparation and send it to its hood's printer; a copy voids the one before it.

    Raises Refused when something does not fit on the label (it is never shrunk), or for a copy without a reason.
    """
    if wrong := problems(label):
        raise Refused("The label can not be printed: " + " ".join(wrong))
    before = tx.session.scalar(select(Label).where(Label.work_id == work_id, Label.voided_at.is_(None)))
    if before is not None:
        if not (reprint_reason or "").strip():
            raise Refused("This dose has a label already. Give a reason to print another; the first becomes void.")
        before.voided_at = tx.now
        tx.session.flush()
    assert tx.who.person_id is not None
    text = canonical(facts(label))
    made = Label(
        serial=label.serial,
        work_id=work_id,
        content=text,
        content_sha256=sha256(text),
        job=render(label),
        beyond_use=beyond_use,
        made_at=tx.now,
        made_by=tx.who.person_id,
        copy_number=1 + label.reprint,
        reprint_reason=reprint_reason,
    )
    tx.session.add(made)
    tx.session.flush()
    outbox.send(tx, "print", f"label {label.serial}", printer, {"serial": label.serial})
    record(
        tx,
        "label made",
        f"preparation {work_id}",
        {"serial": label.serial, "copy": made.copy_number, "sha256": made.content_sha256, "reason": reprint_reason},
    )
    tx.tell("printing")
    return made


def live_label(tx: Tx, work_id: int) -> Label:
    """The one label of a preparation that is not void. Raises Missing."""
    found = tx.session.scalar(select(Label).where(Label.work_id == work_id, Label.voided_at.is_(None)))
    if found is None:
        raise Missing("This dose has no valid label.")
    return found


def confirm(tx: Tx, work_id: int) -> Label:
    """Count a label: it was scanned back together with its tray. Proof that it was printed comes with it."""
    label = live_label(tx, work_id)
    label.confirmed_at, label.confirmed_by = tx.now, tx.who.person_id
    tx.session.execute(
        update(outbox.Outgoing)
        .where(outbox.Outgoing.identity == f"label {label.serial}", outbox.Outgoing.confirmed_at.is_(None))
        .values(confirmed_at=tx.now, next_at=None, outcome="scanned back with its tray")
    )
    record(tx, "label confirmed", f"preparation {work_id}", {"serial": label.serial})
    return label


def void(tx: Tx, work_id: int) -> None:
    """Void the label of a preparation that was dropped, refused or withdrawn: it never serves again."""
    tx.session.execute(
        update(Label).where(Label.work_id == work_id, Label.voided_at.is_(None)).values(voided_at=tx.now)
    )
