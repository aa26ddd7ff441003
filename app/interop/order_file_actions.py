"""Taking orders over from a file, each in an act of its own; what is not certain is a reason in words, no guess."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May
from app.db.session import Db, Tx, Who
from app.formulary.queries import meaning_of
from app.interop.order_file import FileMapping, FileOrder, NoOrder, read_row, rows
from app.orders.actions import state
from app.orders.frequency import Unread, read_frequency, scheduled
from app.orders.routes import ROUTES, route_named
from app.orders.stated import StatedComponent, StatedOrder, StatedPatient, StatedPlace
from app.orders.times_queries import times_table, where_of
from app.stations.queries import unit_by_code

Watch = Callable[[int], None]


@dataclass
class Imported:
    """What became of a file: orders taken, known already, left out by the mapping, and those that were not taken."""

    taken: int = 0
    known: int = 0
    skipped: int = 0
    unread_times: int = 0
    not_taken: list[NoOrder] = field(default_factory=list)


def import_orders(db: Db, who: Who, path: Path, mapping: FileMapping, watch: Watch = lambda done: None) -> Imported:
    """Take every order of a file over; a second run doubles nothing. Raises Refused for whoever may not transcribe.

    An order waits for a pharmacist's verification, as one that was transcribed does.
    """
    who.require(May.TRANSCRIBE)
    found = Imported()
    for done, each in enumerate(file_orders(path, mapping), 1):
        if isinstance(each, NoOrder):
            _count(found, each)
        else:
            try:
                with db.write(who) as tx:
                    _count(found, take_order(tx, each, mapping))
            except (Refused, Invalid, Missing) as wrong:
                found.not_taken.append(NoOrder(each.line, str(wrong), each.raw))
        watch(done)
    return found


def file_orders(path: Path, mapping: FileMapping) -> Iterator[FileOrder | NoOrder]:
    """Every row of a file, read."""
    return (read_row(line, raw, facts, mapping) for line, raw, facts in rows(path, mapping))


def _count(found: Imported, each: "NoOrder | Taken") -> None:
    if isinstance(each, NoOrder):
        if each.skipped:
            found.skipped += 1
        else:
            found.not_taken.append(each)
        return
    found.taken += each.new
    found.known += not each.new
    found.unread_times += each.unread_times


@dataclass(frozen=True)
class Taken:
    """An order that was taken over: its version, whether it said anything new, whether its times could not be read."""

    version_id: int
    new: bool
    unread_times: bool


def take_order(tx: Tx, order: FileOrder, mapping: FileMapping) -> "Taken | NoOrder":
    """Take one order over, or say why not: an unknown drug, an amount that is none, a route or unit nobody knows."""
    if order.unread:
        return NoOrder(order.line, " ".join(order.unread), order.raw)
    route = order.route if order.route in ROUTES else route_named(order.route)
    if route is None:
        return NoOrder(order.line, f"The route '{order.route}' is not known here: add it to the mapping.", order.raw)
    unit = unit_by_code(tx.session, order.unit) if order.unit else None
    if order.unit and unit is None:
        return NoOrder(order.line, f"There is no unit '{order.unit}' here: set it up with its time zone.", order.raw)
    components = []
    for each in order.components:
        drug = meaning_of(tx.session, mapping.sender, each.code, each.drug)
        if drug is None:
            why = f"Nobody has decided what the code {each.code} '{each.drug}' of {mapping.sender} means here."
            return NoOrder(order.line, why, order.raw)
        assert each.amount is not None  # else it stands in `unread`
        components.append(StatedComponent(each.role, drug.drug_id, drug.name, each.amount))
    zone = unit.zone if unit else mapping.zone
    drugs = [part.drug_id for part in components]
    where = where_of(tx.session, order.unit, route, drugs, tx.now)
    read = read_frequency(order.frequency, times_table(tx.session, tx.now), where)
    unread = read.why if isinstance(read, Unread) else ""
    named = " + ".join(f"{part.drug} {part.amount}" for part in components if part.role == "additive")
    version = state(
        tx,
        StatedOrder(
            key=f"{mapping.sender}^{order.number}",
            number=order.number,
            sender=mapping.sender,
            control="new",
            stated_at=order.entered,
            patient=StatedPatient(order.patient, order.family, order.given, _born(order.born), order.sex or None),
            place=StatedPlace(order.visit, order.unit, order.room or None, order.bed or None, order.unit),
            title=f"{named or order.title} ({route})",
            components=tuple(components),
            route=route,
            frequency=order.frequency,
            priority=order.priority,
            start_at=order.start,
            end_at=order.stop,
            schedule=None if isinstance(read, Unread) else scheduled(read, order.start, order.stop),
            zone=zone,
            unread=unread,
        ),
    )
    return Taken(version.id, version.received_at == tx.now, bool(unread))


def _born(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid({"born": f"'{text[:20]}' is no date of birth: it is written as 1961-02-03."}) from None
