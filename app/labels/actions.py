"""Making, voiding and confirming labels; printing goes through the outbox."""

from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy import ColumnElement, select, update

from app.audit.actions import record
from app.core.canonical import canonical, sha256
from app.core.errors import Missing, Refused
from app.db import outbox
from app.db.session import Tx
from app.labels.kinds import AnyLabel, kind_of
from app.labels.models import Label
from app.labels.printers import printers_at
from app.labels.queries import thing_of
from app.labels.render import render

HAS_ONE = "This has a label already. Give a reason to print another; the first becomes void."

Thing = int | str
"""What a label is of: the number of a piece of work, or what names another thing ('line 12', 'tote TOTE-07')."""


def make(
    tx: Tx, of: Thing, label: AnyLabel, beyond_use: datetime, printers: str, reprint_reason: str | None = None
) -> Label:
    """Make a label and send it to the one of these printers that holds labels of its size; a copy voids the one before.

    `printers` are addresses with blanks between them. A copy says so and names the label it replaces. Raises Refused
    when the label may not be printed, when no printer holds its size, or for a copy without a reason.
    """
    before = tx.session.scalar(select(Label).where(_live(of)).with_for_update())
    if before is not None:
        if not (reprint_reason or "").strip():
            raise Refused(HAS_ONE)
        label = replace(label, copy_of=before.serial, reprint=before.copy_number)
        before.voided_at = tx.now
        tx.session.flush()
    printer, job = _job(label, printers)
    text = canonical({"kind": kind_of(label).name, **asdict(label)})
    made = Label(
        serial=label.serial,
        work_id=of if isinstance(of, int) else None,
        subject=of if isinstance(of, str) else None,
        content=text,
        content_sha256=sha256(text),
        job=job,
        beyond_use=beyond_use,
        made_at=tx.now,
        made_by=tx.who.person_id,
        copy_number=1 + label.reprint,
        reprint_reason=reprint_reason if label.reprint else None,
    )
    tx.session.add(made)
    tx.session.flush()
    outbox.send(tx, "print", f"label {label.serial}", printer, {"serial": label.serial})
    record(
        tx,
        "label made",
        thing_of(tx.session, made),
        {"serial": label.serial, "copy": made.copy_number, "sha256": made.content_sha256,
         "reason": made.reprint_reason},
    )  # fmt: skip
    tx.tell("printing")
    return made


def live_label(tx: Tx, of: Thing) -> Label:
    """The one label of a thing that is not void. Raises Missing."""
    found = tx.session.scalar(select(Label).where(_live(of)))
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
    record(tx, "label confirmed", thing_of(tx.session, label), {"serial": label.serial})
    return label


def void(tx: Tx, of: Thing) -> None:
    """Void the label of what was dropped, refused, withdrawn or struck: it never serves again."""
    tx.session.execute(update(Label).where(_live(of)).values(voided_at=tx.now))


def _live(of: Thing) -> ColumnElement[bool]:
    mine = Label.work_id == of if isinstance(of, int) else Label.subject == of
    return mine & Label.voided_at.is_(None)


def _job(label: AnyLabel, printers: str) -> tuple[str, bytes]:
    """The printer that holds labels of the right size, and the bytes of the label for it. Raises Refused."""
    kind = kind_of(label)
    known = printers_at(printers)
    for address, printer in known.items():
        if printer.media == kind.media.name:
            return address, render(label, printer.dots_per_mm)
    held = " and ".join(f"{printer.media} inch" for printer in known.values()) or "none"
    raise Refused(
        f"A {kind.name} is {kind.media.words}, and the printers here hold: {held}. Give one labels of that size, and "
        f"say so in its address (media={kind.media.name})."
    )
