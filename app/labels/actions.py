"""Making, voiding and confirming dispensing labels; printing goes through the outbox."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import select, update

from app.audit.actions import record
from app.core.canonical import canonical, sha256
from app.core.errors import Missing, Refused
from app.db import outbox
from app.db.session import Tx
from app.labels.kinds import AnyLabel, kind_of
from app.labels.models import Label
from app.labels.render import render
from devices.printers import printer_from_url


def make(
    tx: Tx,
    work_id: int,
    label: AnyLabel,
    beyond_use: datetime,
    printer: str,
    reprint_reason: str | None = None,
) -> Label:
    """Make a label for a piece of work and send it to the printer of that address; a copy voids the one before it.

    Raises Refused when the label may not be printed, when this printer holds labels of another size, or for a copy
    without a reason.
    """
    job = _job(label, printer)
    before = tx.session.scalar(select(Label).where(Label.work_id == work_id, Label.voided_at.is_(None)))
    if before is not None:
        if not (reprint_reason or "").strip():
            raise Refused("This dose has a label already. Give a reason to print another; the first becomes void.")
        before.voided_at = tx.now
        tx.session.flush()
    assert tx.who.person_id is not None
    text = canonical({"kind": kind_of(label).name, **asdict(label)})
    made = Label(
        serial=label.serial,
        work_id=work_id,
        content=text,
        content_sha256=sha256(text),
        job=job,
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


def _job(label: AnyLabel, printer: str) -> bytes:
    """The bytes of a label for this printer. Raises Refused."""
    try:
        at = printer_from_url(printer)
    except ValueError as wrong:
        raise Refused(f"{wrong} Correct the printer's address, then print again.") from None
    kind = kind_of(label)
    if at.media != kind.media.name:
        raise Refused(
            f"A {kind.name} is {kind.media.words}, and this printer holds labels of {at.media} inch. Print it on "
            "another, or correct the printer's address (media=…)."
        )
    return render(label, at.dots_per_mm)
