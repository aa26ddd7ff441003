"""What the desk shows of stock: everything that is staged now, and lots found by their number or product."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.core.errors import Missing
from app.formulary.models import Product
from app.identity.models import Person
from app.inventory.models import Lot, Staged
from app.inventory.queries import on_hand, place_at, recall_of, same_number
from app.stations.models import Station

PAGE = 50


@dataclass(frozen=True, slots=True)
class StagedHere:
    """A lot that is staged to a hood now: where, what, how many containers are left by the books, and since when."""

    staged_id: int
    hood: str
    product: str
    lot_id: int
    number: str
    expiry: date
    on_hand: Decimal
    recalled: bool
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LotLine:
    """One lot: its product, number and expiry, and why it was recalled (None: it was not)."""

    lot_id: int
    product: str
    ndc: str
    number: str
    expiry: date
    recall_reason: str | None


def staged_now(session: Session) -> tuple[StagedHere, ...]:
    """List what is staged to every hood now, by hood and product."""
    query = (
        select(Staged, Lot, Product.name, Station.name, Person.name)
        .join(Lot, Lot.id == Staged.lot_id)
        .join(Product, Product.id == Lot.product_id)
        .join(Station, Station.id == Staged.station_id)
        .join(Person, Person.id == Staged.person_id)
        .where(Staged.ended_at.is_(None))
        .order_by(Station.name, Product.name, Lot.expiry, Lot.number)
    )
    found = []
    for staged, lot, product, hood, by in session.execute(query).all():
        place_id = place_at(session, staged.station_id)
        left = Decimal(0) if place_id is None else on_hand(session, lot.id, place_id)
        recalled = recall_of(session, lot) is not None
        found.append(
            StagedHere(staged.id, hood, product, lot.id, lot.number, lot.expiry, left, recalled, by, staged.at)
        )
    return tuple(found)


def lots(session: Session, words: str) -> tuple[LotLine, ...]:
    """Find lots in whose number, product name or NDC every word occurs; the first to expire first."""
    query = select(Lot, Product.name, Product.ndc).join(Product, Product.id == Lot.product_id)
    for word in words.split():
        columns = (Lot.number, Product.name, Product.ndc)
        query = query.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    rows = session.execute(query.order_by(Lot.expiry, Product.name, Lot.number).limit(PAGE)).all()
    return tuple(_line(session, lot, name, ndc) for lot, name, ndc in rows)


def lot(session: Session, lot_id: int) -> LotLine:
    """Read one lot. Raises Missing."""
    query = select(Lot, Product.name, Product.ndc).join(Product, Product.id == Lot.product_id)
    row = session.execute(query.where(Lot.id == lot_id)).one_or_none()
    if row is None:
        raise Missing("This lot is not in the books.")
    return _line(session, *row)


def products_in_stock(session: Session) -> tuple[tuple[int, str], ...]:
    """The products that the pharmacy uses, as (number, words), for the choice of one that has no barcode."""
    query = select(Product).where(Product.drug_id.is_not(None)).order_by(func.lower(Product.name), Product.ndc)
    rows = session.scalars(query)
    return tuple((each.id, f"{each.name}, {each.strength}, {each.labeler} ({each.ndc})") for each in rows)


def same_lots(session: Session, lot_id: int) -> tuple[int, ...]:
    """The numbers of all lots that a recall of this one means, whatever expiry was read for them. Raises Missing."""
    found = session.get(Lot, lot_id)
    if found is None:
        raise Missing("This lot is not in the books.")
    return tuple(same_number(session, found))


def _line(session: Session, lot: Lot, name: str, ndc: str) -> LotLine:
    return LotLine(lot.id, name, ndc, lot.number, lot.expiry, recall_of(session, lot))
