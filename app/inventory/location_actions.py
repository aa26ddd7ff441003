"""Storage locations: places on a shelf that have an address and a code to scan."""

import re

from sqlalchemy import select

from app.core.errors import Invalid
from app.db.session import Tx
from app.inventory.models import Location
from app.inventory.place_actions import add_place

MOST_BINS = 40
_ZONE = re.compile(r"[A-Z]{1,3}", re.ASCII)


def location_code(zone: str, aisle: int, bay: int, shelf: int, bin_: int) -> str:
    """The code that is printed at a location and scanned there: LOC-A1-2-1-04 (zone and aisle, bay, shelf, bin)."""
    return f"LOC-{zone}{aisle}-{bay}-{shelf}-{bin_:02d}"


def add_shelf(tx: Tx, zone: str, aisle: int, bay: int, shelf: int, bins: range) -> int:
    """Set up a row of bins on one shelf; those that are there stay. Returns how many are new.

    Raises Refused and Invalid.
    """
    if not bins or len(bins) > MOST_BINS:
        raise Invalid({"last": f"Set up 1 to {MOST_BINS} bins at once, from a lower number to a higher one."})
    codes = [location_code(zone, aisle, bay, shelf, each) for each in bins]
    before = set(tx.session.scalars(select(Location.code).where(Location.code.in_(codes))))
    for each in bins:
        add_location(tx, zone, aisle, bay, shelf, each)
    tx.tell("stock")
    return len(set(codes) - before)


def add_location(tx: Tx, zone: str, aisle: int, bay: int, shelf: int, bin_: int) -> int:
    """Set up a storage location by its address, once, and return its place. Raises Refused and Invalid."""
    if not _ZONE.fullmatch(zone):
        raise Invalid({"zone": "A zone is one to three capital letters."})
    if not all(1 <= each <= 99 for each in (aisle, bay, shelf, bin_)):
        raise Invalid({"aisle": "Aisle, bay, shelf and bin are numbers from 1 to 99."})
    code = location_code(zone, aisle, bay, shelf, bin_)
    there = tx.session.scalar(select(Location.place_id).where(Location.code == code))
    if there is not None:
        return there
    place_id = add_place(tx, "shelf", code)
    tx.session.add(Location(place_id=place_id, code=code, zone=zone, aisle=aisle, bay=bay, shelf=shelf, bin=bin_))
    tx.session.flush()
    return place_id
