"""Transcribing a paper order: what the technician reads from it, with its picture, to be verified like any other."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select

from app.core.days import read_day, read_wall
from app.core.errors import Invalid, Refused
from app.core.permissions import May
from app.core.quantity import Quantity
from app.core.quantity import parse as read_quantity
from app.db.session import Tx
from app.formulary.queries import drug as drug_of
from app.orders.actions import state
from app.orders.frequency import Unread, read_frequency, scheduled
from app.orders.models import Order, OrderVersion
from app.orders.queries import patient_of
from app.orders.routes import ROUTES
from app.orders.same_person import Named, differences
from app.orders.stated import StatedComponent, StatedOrder, StatedPatient, StatedPlace
from app.orders.times_queries import times_table, where_of
from app.orders.wall_clock import place
from app.stations.models import Unit

PRIORITIES = ("routine", "ASAP", "STAT")
PAPER = "paper"


@dataclass(frozen=True)
class Paper:
    """A paper order as it was read: texts as typed, drugs by their number, `start` as the local wall clock.

    `as_written`: the frequency stands on the paper just so, and a pharmacist is to choose the times.
    """

    mrn: str
    family: str
    given: str
    born: str
    visit: str
    unit: str
    room: str
    bed: str
    drugs: tuple[tuple[int, str, str], ...]
    base: int
    base_ml: str
    route: str
    frequency: str
    priority: str
    start: str
    infuse: str
    note: str
    as_written: bool = False


def transcribe(tx: Tx, paper: Paper, picture_sha256: str, zone: str) -> OrderVersion:
    """State a transcribed order; it is invisible to the hood until a pharmacist has verified it against its picture.

    `zone` is the hospital's (IANA). Raises Refused, and Invalid with every field that cannot be right.
    """
    tx.who.require(May.TRANSCRIBE)
    wrong: dict[str, str] = {}
    patient = _patient(tx, paper, wrong)
    parts = _components(tx, paper, wrong)
    zone = tx.session.scalar(select(Unit.zone).where(Unit.code == paper.unit)) or zone
    start = _start(paper.start, zone, wrong)
    if start is not None and abs((start - tx.now).days) > 366:
        wrong["start"] = "The start is more than a year away: check the date."
    where = where_of(tx.session, paper.unit, paper.route, [part.drug_id for part in parts], tx.now)
    read = read_frequency(paper.frequency, times_table(tx.session, tx.now), where)
    if isinstance(read, Unread) and not (paper.as_written and paper.frequency.strip()):
        wrong["frequency"] = read.why
    if paper.route not in ROUTES:
        wrong["route"] = "Choose the route that the paper names."
    if paper.priority not in PRIORITIES:
        wrong["priority"] = "Choose how soon it is wanted."
    minutes = _minutes(paper.infuse, wrong)
    if wrong or start is None or patient is None:
        raise Invalid(wrong)
    schedule = None if isinstance(read, Unread) else scheduled(read, start, at_once=paper.priority != "routine")
    number = f"P{(tx.session.scalar(select(func.max(Order.id))) or 0) + 1:05}"
    additives = [p for p in parts if p.role == "additive"]
    base = next((p for p in parts if p.role == "base"), None)
    title = " + ".join(f"{p.drug} {p.amount}" for p in additives)
    stated = StatedOrder(
        key=f"{PAPER} {number}",
        number=number,
        sender=PAPER,
        control="new",
        stated_at=tx.now,
        patient=patient,
        place=StatedPlace(paper.visit, paper.unit, paper.room or None, paper.bed or None, paper.unit),
        title=f"{title} in {base.drug} {base.amount}" if base else title,
        components=parts,
        route=paper.route,
        frequency=paper.frequency.upper(),
        priority=paper.priority,
        start_at=start,
        end_at=schedule.stop if schedule else None,
        schedule=schedule,
        unread=read.why if isinstance(read, Unread) else "",
        zone=zone,
        infuse_minutes=minutes,
        notes=(paper.note,) if paper.note else (),
        picture_sha256=picture_sha256,
    )
    return state(tx, stated)


def _patient(tx: Tx, paper: Paper, wrong: dict[str, str]) -> StatedPatient | None:
    if not paper.mrn:
        wrong["mrn"] = "Enter the record number from the paper."
    if not paper.family or not paper.given:
        wrong["family"] = "Enter the family name and the given name from the paper."
    try:
        born = read_day(paper.born, since=1880, whole=True)
    except ValueError as unread:
        wrong["born"] = f"{unread} A label needs two identifiers."
        return None
    if born > tx.now.date():
        wrong["born"] = "The date of birth lies in the future."
    known = patient_of(tx.session, paper.mrn)
    if known and not wrong:
        differing = differences(Named(known.family, known.given, known.born), Named(paper.family, paper.given, born))
        if differing:
            words = f"{known.mrn} is known here with another {' and '.join(differing)}. Compare with the paper: "
            raise Refused(f"{words}who is it? Nothing was stored.")
    return StatedPatient(paper.mrn, paper.family, paper.given, born, None)


def _components(tx: Tx, paper: Paper, wrong: dict[str, str]) -> tuple[StatedComponent, ...]:
    parts: list[StatedComponent] = []
    for nth, (number, amount, unit) in enumerate(paper.drugs, 1):
        found = drug_of(tx.session, number)
        if found is None:
            wrong[f"drug{nth}"] = "Choose the drug."
            continue
        quantity = _amount(amount, unit, f"amount{nth}", wrong)
        if quantity is not None:
            parts.append(StatedComponent("additive", found.drug_id, found.name, quantity))
    if not paper.drugs:
        wrong["drug1"] = "Choose the drug."
    if paper.base:
        found = drug_of(tx.session, paper.base)
        volume = _amount(paper.base_ml, "mL", "base_ml", wrong)
        if found is None:
            wrong["base"] = "Choose the solution that the paper names."
        elif volume is not None:
            parts.append(StatedComponent("base", found.drug_id, found.name, volume))
    if len({part.drug_id for part in parts}) < len(parts):
        wrong["drug2"] = "The same ingredient stands twice."
    return tuple(parts)


def _amount(text: str, unit: str, field: str, wrong: dict[str, str]) -> Quantity | None:
    try:
        quantity = read_quantity(text, unit)
        quantity.millionths()
    except (Invalid, ValueError) as invalid:
        wrong[field] = str(invalid)
        return None
    if quantity.value <= Decimal(0):
        wrong[field] = "The amount must be more than nothing."
        return None
    return quantity


def _start(text: str, zone: str, wrong: dict[str, str]) -> datetime | None:
    try:
        return place(read_wall(text), zone).at
    except ValueError as unread:
        wrong["start"] = str(unread)
        return None


def _minutes(text: str, wrong: dict[str, str]) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text) <= 7 * 1440:
        wrong["infuse"] = "Enter the infusion time in whole minutes, or leave it empty."
        return None
    return int(text)
