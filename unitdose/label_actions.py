"""Making the labels of a fill: drawers by themselves when the run has made them, doses and totes by a technician.

One label that may not be printed holds up no other: it is named with its reason, and the others are made. What is read
and laid out for a whole cart is read outside of any transaction that writes, so that no scan waits for it.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from app.core.codes import read_code
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.db.session import SYSTEM, Db, Tx, Who
from app.labels import actions as labels
from app.labels.house import House
from app.labels.models import Label
from app.labels.serial import new_serial
from app.stations.models import Unit
from unitdose.label_queries import (
    DoseToLabel,
    DrawerToLabel,
    has_tall_labels,
    labels_of_fill,
    taken_for,
    tote_contents,
    unlabelled,
)
from unitdose.labelling import Taken, dose_label, drawer_label, that_has_room, tote_label, use_by_instant
from unitdose.queries import FillFacts, fill_facts
from unitdose.run_actions import held_fill

T = TypeVar("T")
AT_ONCE = 8
"""Labels a transaction: a scan that comes meanwhile waits for these."""


@dataclass(frozen=True)
class Made:
    """What a round of labelling came to: how many labels were made, and why the others were not, each a sentence."""

    labels: int
    refused: tuple[str, ...]


def label_drawers(db: Db, fill_id: int, who: Who, house: House) -> Made:
    """Make a label for every drawer of a fill that has none; the system does so by itself, and a technician may.

    Raises Missing, Refused for whoever may not.
    """
    _require(who, May.PICK)
    with db.read() as session:
        found = labels_of_fill(session, fill_id)
    waiting = [each for each in found.drawers if each.label is None]

    def one(tx: Tx, each: DrawerToLabel) -> None:
        _label_drawer(tx, found.fill, each, house, None)

    return _all(db, who, fill_id, waiting, one, lambda each: each.words(found.fill))


def label_doses(db: Db, fill_id: int, who: Who, house: House) -> Made:
    """Make the labels that doses of a fill need and do not have. Raises Missing, Refused for whoever may not."""
    _require(who, May.PICK)
    with db.read() as session:
        found = labels_of_fill(session, fill_id)
        taken = taken_for(session, [each.dose for each in found.doses])
    waiting = [each for each in found.doses if each.label is None]

    def one(tx: Tx, each: DoseToLabel) -> None:
        _label_dose(tx, found.fill, each, taken[each.dose[0].line_id], house, None)

    return _all(db, who, fill_id, waiting, one, lambda each: each.words)


def print_again(tx: Tx, fill_id: int, serial: str, reason: str, house: House) -> Label:
    """Print a label of a fill again; the one before it becomes void. Raises Missing, and Refused without a reason."""
    tx.who.require(May.PICK)
    if not reason.strip():
        raise Refused("Choose why the label is printed again; the first becomes void.")
    held_fill(tx, fill_id)
    found = labels_of_fill(tx.session, fill_id)
    for drawer in found.drawers:
        if drawer.label is not None and drawer.label.serial == serial:
            return _label_drawer(tx, found.fill, drawer, house, reason)
    for dose in found.doses:
        if dose.label is not None and dose.label.serial == serial:
            taken = taken_for(tx.session, [dose.dose])[dose.dose[0].line_id]
            return _label_dose(tx, found.fill, dose, taken, house, reason)
    raise Missing("This label is void or of another cart. Reload the page to see which one counts.")


def label_tote(tx: Tx, tote_scan: str, house: House) -> Label:
    """Make the label of a packed tote: where it goes and what is in it now; on each trip it has one that counts.

    Raises Refused.
    """
    tx.who.require(May.DELIVER)
    code = read_code(tote_scan)
    if code is None or code.kind != "tote":
        raise Refused("This is not the code of a tote. Scan the tote.")
    packed = tote_contents(tx.session, code.text)
    if packed is None or not packed.drawers:
        raise Refused(f"No drawer is in {code.text}. Scan what goes into it first, then print its label.")
    fill = fill_facts(tx.session, packed.drawers[0].fill_id)
    held_fill(tx, fill.fill_id)
    label = tote_label(
        fill, code.text, tx.session.get_one(Unit, packed.unit_id).name, packed.holds, house,
        packed_by=tx.who.name, now=tx.now, serial=_serial(),
    )  # fmt: skip
    return labels.make(tx, f"tote trip {packed.trip_id}", label, fill.end_at, _printers(fill), "packed anew")


@dataclass
class DrawerLabels:
    """Prints the labels of drawers by itself, soon after a run has made them.

    A fill of which some could not be printed is tried again after a while: somebody has to see to them first.
    """

    db: Db
    house: House
    looked_at: datetime | None = None
    stuck: dict[int, datetime] = field(default_factory=dict)
    every: timedelta = timedelta(seconds=3)
    patience: timedelta = timedelta(minutes=5)

    def look(self, now: datetime) -> None:
        """Look once, at most every three seconds."""
        if self.looked_at is not None and timedelta(0) <= now - self.looked_at < self.every:
            return
        self.looked_at = now
        with self.db.read() as session:
            waiting = unlabelled(session, now)
        for fill_id in waiting:
            if fill_id in self.stuck and timedelta(0) <= now - self.stuck[fill_id] < self.patience:
                continue
            if label_drawers(self.db, fill_id, SYSTEM, self.house).refused:
                self.stuck[fill_id] = now


def _require(who: Who, may: May) -> None:
    if who.person_id is not None:
        who.require(may)


def _all(
    db: Db, who: Who, fill_id: int, waiting: list[T], one: Callable[[Tx, T], None], words: Callable[[T], str]
) -> Made:
    """Do `one` for each, a few in a transaction; who is refused is named, and the others go on."""
    made, refused = 0, []
    for some in _chunks(waiting):
        with db.write(who) as tx:
            held_fill(tx, fill_id)
            for each in some:
                try:
                    one(tx, each)
                    made += 1
                except Refused as wrong:
                    refused.append(f"{words(each)}: {wrong}")
            tx.tell(f"fill:{fill_id}")
    return Made(made, tuple(refused))


def _chunks(waiting: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(waiting), AT_ONCE):
        yield waiting[start : start + AT_ONCE]


def _label_drawer(tx: Tx, fill: FillFacts, each: DrawerToLabel, house: House, reason: str | None) -> Label:
    """A drawer's label; where a printer of the cart has tall labels, with the list of what is in it."""
    printers = _printers(fill)
    tall = has_tall_labels(fill)
    label = drawer_label(fill, each.drawer, each.lines, house, tall=tall, now=tx.now, serial=_serial())
    return labels.make(tx, each.drawer.work_id, that_has_room(label), fill.end_at, printers, reason)


def _label_dose(tx: Tx, fill: FillFacts, each: DoseToLabel, taken: Taken, house: House, reason: str | None) -> Label:
    order = each.dose[0].order
    label = dose_label(each.dose, each.form, taken, house, prepared_by=tx.who.name, now=tx.now, serial=_serial())
    return labels.make(tx, each.thing, label, use_by_instant(taken, order.zone), _printers(fill), reason)


def _printers(fill: FillFacts) -> str:
    if not fill.printer_url:
        raise Refused(f"{fill.cart_name} has no label printer. Name one on the page Cart set-up, then print.")
    return fill.printer_url


def _serial() -> str:
    return new_serial(secrets.token_bytes(16))
