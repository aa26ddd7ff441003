"""Reading storage locations."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.inventory.models import Location


@dataclass(frozen=True, slots=True)
class StoredAt:
    """One storage location as its code says it: zone and aisle, bay, shelf and bin."""

    code: str
    zone: str
    aisle: int
    bay: int
    shelf: int
    bin: int

    @property
    def words(self) -> str:
        """Where it is, in words."""
        return f"aisle {self.aisle}, bay {self.bay}, shelf {self.shelf}, bin {self.bin}"


def locations(session: Session) -> tuple[StoredAt, ...]:
    """Every storage location, in the order in which one walks past them."""
    order = (Location.zone, Location.aisle, Location.bay, Location.shelf, Location.bin)
    query = select(Location.code, *order).order_by(*order)
    return tuple(StoredAt(*row) for row in session.execute(query))
