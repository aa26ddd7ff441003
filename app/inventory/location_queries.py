"""Reading storage locations."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Missing
from app.inventory.models import Location
from app.inventory.queries import ShelfLot, on_shelves


@dataclass(frozen=True, slots=True)
class StoredAt:
    """One storage location as its code says it: zone and aisle, bay, shelf and bin."""

    code: str
    zone: str
    aisle: int
    bay: int
    shelf: int
    bin: int
    place_id: int

    @property
    def short(self) -> str:
        """What people call it: A1-2-1-04."""
        return self.code.removeprefix("LOC-")

    @property
    def words(self) -> str:
        """Where it is, in words."""
        return f"aisle {self.aisle}, bay {self.bay}, shelf {self.shelf}, bin {self.bin}"


def locations(session: Session) -> tuple[StoredAt, ...]:
    """Every storage location, in the order in which one walks past them."""
    order = (Location.zone, Location.aisle, Location.bay, Location.shelf, Location.bin)
    query = select(Location.code, *order, Location.place_id).order_by(*order)
    return tuple(StoredAt(*row) for row in session.execute(query))


def location(session: Session, code: str) -> StoredAt:
    """One storage location by its code, with or without 'LOC-' before it. Raises Missing."""
    wanted = code.strip().upper().removeprefix("LOC-")
    found = next((each for each in locations(session) if each.short == wanted), None)
    if found is None:
        raise Missing(f"There is no storage location {wanted}. Scan the code at its shelf, or set it up.")
    return found


def lying_at(session: Session) -> tuple[ShelfLot, ...]:
    """What the books say lies at the storage locations, the first to expire first."""
    coded = set(session.scalars(select(Location.place_id)))
    return tuple(each for each in on_shelves(session) if each.place_id in coded)
