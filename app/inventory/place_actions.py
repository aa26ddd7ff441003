"""The places of the ledger, made when they are first needed."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.audit.actions import record
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May
from app.db.session import Tx
from app.inventory.models import PLACES, Lot, Movement, Place
from app.stations.models import Station

# One place each; shelves, hoods and carts are many.
_NAMES = {
    "supplier": "supplier",
    "shelf": "stock room",
    "patient": "patients",
    "waste": "waste",
    "unaccounted": "unaccounted",
}


def place_of_kind(tx: Tx, kind: str) -> int:
    """The hospital's one supplier, stock room, patients, waste or unaccounted place; made when first needed.

    Raises Invalid for a kind of which there are many.
    """
    if kind not in _NAMES:
        raise Invalid({"place": f"There is no single {kind}: say which one."})
    query = select(Place.id).where(Place.kind == kind).order_by(Place.id).limit(1)
    found = tx.session.scalar(query)
    if found is None:
        _set_up_places(tx)
        found = tx.session.scalars(query).one()
    return found


def add_place(tx: Tx, kind: str, name: str) -> int:
    """Set up a place such as a second shelf or a cart, and return its number. Raises Refused and Invalid."""
    tx.who.require(May.RECEIVE_STOCK)
    if kind not in PLACES or not name.strip():
        raise Invalid({"place": "Give the place a name and one of the kinds " + ", ".join(PLACES) + "."})
    if not insert_unless_there(tx, Place, {"kind": kind, "name": name.strip()}):
        raise Invalid({"name": f"There is a place called '{name.strip()}' already."})
    place_id = tx.session.scalars(select(Place.id).where(Place.name == name.strip())).one()
    record(tx, "set up", f"place {place_id}", {"kind": kind, "name": name.strip()})
    return place_id


def place_of_station(tx: Tx, station_id: int) -> int:
    """The ledger's place of a hood; made when first needed. Raises Missing, and Refused for any other station."""
    found = tx.session.scalar(select(Place.id).where(Place.station_id == station_id))
    if found is not None:
        return found
    station = tx.session.get(Station, station_id)
    if station is None:
        raise Missing(f"There is no station {station_id}.")
    if station.kind != "hood":
        raise Refused(f"{station.name} is no hood: stock is brought to hoods only.")
    _set_up_places(tx)
    insert_unless_there(
        tx, Place, {"kind": "hood", "name": f"{station.name} ({station.code})", "station_id": station_id}
    )
    return tx.session.scalars(select(Place.id).where(Place.station_id == station_id)).one()


def shelf_named(tx: Tx, name: str) -> int:
    """A shelf that has a name and no address, such as a quarantine; made when first needed."""
    insert_unless_there(tx, Place, {"kind": "shelf", "name": name})
    return tx.session.scalars(select(Place.id).where(Place.name == name)).one()


def place_of_cart(tx: Tx, code: str) -> int:
    """The ledger's place of a cart, by the cart's code; made when first needed."""
    insert_unless_there(tx, Place, {"kind": "cart", "name": f"cart {code}"})
    return tx.session.scalars(select(Place.id).where(Place.kind == "cart", Place.name == f"cart {code}")).one()


def _set_up_places(tx: Tx) -> None:
    # Always all of them, in one order, so that two first acts can not wait for each other.
    there = set(tx.session.scalars(select(Place.kind)))
    for kind, name in _NAMES.items():
        if kind not in there:
            insert_unless_there(tx, Place, {"kind": kind, "name": name})


def insert_unless_there(tx: Tx, table: type[Place | Lot | Movement], values: dict[str, object]) -> bool:
    """Insert a row unless one with its key stands there, and tell whether it came in."""
    insert = sqlite_insert if tx.alone else postgresql_insert
    query = insert(table).values(values).on_conflict_do_nothing().returning(table.id)
    return tx.session.scalar(query) is not None
