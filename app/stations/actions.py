"""Setting up stations, and keeping what was captured at them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import select

from app.audit.actions import record
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.db.session import Tx
from app.stations.models import Photo, Station, Unit, Weighing
from app.stations.photos import Picture


@dataclass(frozen=True)
class Weight:
    """A settled weight as the edge read it: grams, the readings behind it, whose balance, and the raw bytes."""

    value_g: Decimal
    readings: int
    balance_serial: str
    epoch: int
    protocol: str
    window: bytes


def add_unit(tx: Tx, code: str, name: str, zone: str) -> Unit:
    """Add a ward or area. Raises Refused for whoever may not."""
    tx.who.require(May.MANAGE_STATIONS)
    unit = Unit(code=code, name=name, zone=zone)
    tx.session.add(unit)
    tx.session.flush()
    record(tx, "unit added", f"unit {unit.id}", {"code": code, "zone": zone})
    return unit


def first_station(tx: Tx) -> None:
    """See that there is a station for a browser that was enrolled nowhere: a desk without any device."""
    if tx.session.scalar(select(Station.id).where(Station.code == "browser")) is None:
        tx.session.add(Station(code="browser", kind="desk", name="Not enrolled", px_per_mm=Decimal("3.8")))
        tx.session.flush()
        record(tx, "station added", "station browser", {"kind": "desk"})


def add_station(tx: Tx, station: Station) -> Station:
    """Add a station as it is described. Raises Refused for whoever may not."""
    tx.who.require(May.MANAGE_STATIONS)
    tx.session.add(station)
    tx.session.flush()
    record(tx, "station added", f"station {station.id}", {"code": station.code, "kind": station.kind})
    tx.tell("devices")
    return station


def certify(tx: Tx, station_id: int, hood_until: date | None, room_until: date | None) -> None:
    """Record how long the hood and its room are certified."""
    tx.who.require(May.MANAGE_STATIONS)
    station = _station(tx, station_id)
    station.hood_certified_until, station.room_certified_until = hood_until, room_until
    record(tx, "certified", f"station {station_id}", {"hood": hood_until, "room": room_until})
    tx.tell("devices")


def keep_weight(tx: Tx, station_id: int, weight: Weight) -> Weighing:
    """Keep an accepted weight with its raw bytes. Raises Refused when it is not from this hood's own balance."""
    station = _station(tx, station_id)
    if station.balance_serial is None or station.balance_readability_g is None:
        raise Refused("This hood has no balance. Weigh at a hood that has one.")
    if weight.balance_serial != station.balance_serial:
        raise Refused(
            f"This is not the balance of {station.name} (its serial number is {weight.balance_serial}, "
            f"{station.balance_serial} is expected). Nothing was stored: call whoever looks after the balances."
        )
    kept = Weighing(
        station_id=station_id,
        balance_serial=weight.balance_serial,
        balance_epoch=weight.epoch,
        protocol=weight.protocol,
        value_g=weight.value_g,
        readings=weight.readings,
        readability_g=station.balance_readability_g,
        repeatability_g=station.balance_repeatability_g or station.balance_readability_g,
        window=weight.window,
        taken_at=tx.now,
    )
    tx.session.add(kept)
    tx.session.flush()
    return kept


def keep_photo(tx: Tx, picture: Picture) -> Photo:
    """Note a photo that the store already holds."""
    assert tx.who.person_id is not None
    kept = Photo(
        sha256=picture.sha256,
        station_id=tx.who.station_id,
        person_id=tx.who.person_id,
        width=picture.width,
        height=picture.height,
        size=len(picture.jpeg),
        taken_at=tx.now,
    )
    tx.session.add(kept)
    tx.session.flush()
    return kept


def _station(tx: Tx, station_id: int) -> Station:
    station = tx.session.get(Station, station_id)
    if station is None:
        raise Missing("This station does not exist.")
    return station
