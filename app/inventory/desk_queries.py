"""What the desk shows of stock: everything that is staged now, and lots found by their number or product."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from app.core.errors import Missing
from app.formulary.models import Package, Product
from app.formulary.queries import called
from app.identity.models import Person
from app.inventory.models import Lot, Staged
from app.inventory.queries import on_hand, place_at, recall_of, same_number
from app.stations.models import Station

PAGE = 50


@dataclass(frozen=True, slots=True)
class StagedHere:
    """A lot that is staged to a hood now: where, in which size, how many are left by the books, and since when."""

    staged_id: int
    hood: str
    container: str
    lot_id: int
    number: str
    expiry: date
    on_hand: Decimal
    recalled: bool
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LotLine:
    """One lot: the container with its size and NDC, number and expiry, and why it was recalled (None: it was not)."""

    lot_id: int
    container: str
    ndc: str
    number: str
    expiry: date
    recall_reason: str | None


def staged_now(session: Session) -> tuple[StagedHere, ...]:
    """List what is staged to every hood now, by hood and container."""
    query = (
        select(Staged, Lot, Station.name, Person.name)
        .join(Lot, Lot.id == Staged.lot_id)
        .join(Package, Package.id == Lot.package_id)
        .join(Product, Product.id == Package.product_id)
        .join(Station, Station.id == Staged.station_id)
        .join(Person, Person.id == Staged.person_id)
        .where(Staged.ended_at.is_(None))
        .order_by(Station.name, Product.name, Package.ndc, Lot.expiry, Lot.number)
    )
    rows = session.execute(query).all()
    names = called(session, {lot.package_id for _, lot, _, _ in rows})
    found = []
    for staged, lot, hood, by in rows:
        place_id = place_at(session, staged.station_id)
        left = Decimal(0) if place_id is None else on_hand(session, lot.id, place_id)
        recalled = recall_of(session, lot) is not None
        found.append(
            StagedHere(
                staged_id=staged.id,
                hood=hood,
                container=names[lot.package_id],
                lot_id=lot.id,
                number=lot.number,
                expiry=lot.expiry,
                on_hand=left,
                recalled=recalled,
                by=by,
                at=staged.at,
            )
        )
    return tuple(found)


def lots(session: Session, words: str) -> tuple[LotLine, ...]:
    """Find lots in whose number, product name or NDC every word occurs; the first to expire first."""
    query = _lots()
    for word in words.split():
        columns = (Lot.number, Product.name, Package.ndc)
        query = query.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    rows = session.execute(query.order_by(Lot.expiry, Product.name, Lot.number).limit(PAGE)).all()
    names = called(session, {lot.package_id for lot, _ in rows})
    return tuple(_line(session, lot, ndc, names) for lot, ndc in rows)


def lot(session: Session, lot_id: int) -> LotLine:
    """Read one lot. Raises Missing."""
    row = session.execute(_lots().where(Lot.id == lot_id)).one_or_none()
    if row is None:
        raise Missing("This lot is not in the books.")
    found, ndc = row
    return _line(session, found, ndc, called(session, {found.package_id}))


def same_lots(session: Session, lot_id: int) -> tuple[int, ...]:
    """The numbers of all lots that a recall of this one means, whatever their size and expiry. Raises Missing."""
    found = session.get(Lot, lot_id)
    if found is None:
        raise Missing("This lot is not in the books.")
    return tuple(same_number(session, found))


def _lots() -> Select[Lot, str]:
    query = select(Lot, Package.ndc).join(Package, Package.id == Lot.package_id)
    return query.join(Product, Product.id == Package.product_id)


def _line(session: Session, lot: Lot, ndc: str, names: Mapping[int, str]) -> LotLine:
    return LotLine(lot.id, names[lot.package_id], ndc, lot.number, lot.expiry, recall_of(session, lot))
