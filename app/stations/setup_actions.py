"""Setting stations up: added, changed, enrolled, retired. A station is never deleted, because records name it."""

import secrets
from dataclasses import asdict

from sqlalchemy import select

from app.audit.actions import record
from app.core.codes import ward_code
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May
from app.core.wording import time_zone
from app.db.session import Tx
from app.identity.credentials import CODE_RANDOM, code_sha256, one_time_code
from app.stations.actions import add_station, add_unit
from app.stations.description import Description, code_for
from app.stations.models import Station, Unit
from devices.port import same_port
from devices.printers import printer_from_url

_BALANCE = ("balance_url", "balance_protocol", "balance_serial", "balance_readability_g", "balance_repeatability_g")


def set_up_station(tx: Tx, described: Description) -> Station:
    """Add a station as it is described, under a code made from its name. Raises Refused, Invalid."""
    tx.who.require(May.MANAGE_STATIONS)
    _check(tx, described, None)
    taken = frozenset(tx.session.scalars(select(Station.code)))
    station = add_station(tx, Station(code=code_for(described.name, taken), **asdict(described)))
    tx.tell("stations")
    return station


def change_station(tx: Tx, station_id: int, described: Description, *, dose_open: bool) -> Station:
    """Change a station to what is described; its balance or kind only while no dose is under way there.

    Raises Refused, Invalid, Missing.
    """
    tx.who.require(May.MANAGE_STATIONS)
    station = _standing(tx, station_id)
    _check(tx, described, station)
    wanted = asdict(described)
    changed = {name: value for name, value in wanted.items() if getattr(station, name) != value}
    if dose_open and set(changed) & {"kind", *_BALANCE}:
        raise Refused(f"A dose is under way at {station.name}. Finish or pause it there, then change the balance.")
    if not changed:
        return station
    before = {name: getattr(station, name) for name in changed}
    for name, value in changed.items():
        setattr(station, name, value)
    tx.session.flush()
    record(tx, "station changed", f"station {station_id}", {"from": before, "to": changed})
    _tell(tx)
    return station


def set_up_ward(tx: Tx, code: str, name: str, zone: str) -> Unit:
    """Add a ward under the code by which orders name it, in the time zone of its clocks. Raises Refused, Invalid."""
    tx.who.require(May.MANAGE_STATIONS)
    code, wrong = code.strip(), {}
    try:
        ward_code(code)
    except ValueError:
        wrong["code"] = "Give the code by which orders name the ward: capital letters, digits and -, such as 7W."
    if tx.session.scalar(select(Unit.id).where(Unit.code == code)) is not None:
        wrong["code"] = f"There is a ward '{code}' already."
    if not name.strip():
        wrong["name"] = "Give the ward a name, as people call it: 7 West, medicine."
    try:
        time_zone(zone.strip())
    except ValueError as unknown:
        wrong["zone"] = str(unknown)
    if wrong:
        raise Invalid(wrong)
    unit = add_unit(tx, code, name.strip(), zone.strip())
    _tell(tx)
    return unit


def rename_ward(tx: Tx, unit_id: int, name: str) -> None:
    """Call a ward something else; its code and its clock stay. Raises Refused, Missing, Invalid."""
    tx.who.require(May.MANAGE_STATIONS)
    unit = tx.session.get(Unit, unit_id)
    if unit is None:
        raise Missing("This ward does not exist.")
    if not name.strip():
        raise Invalid({"name": "Give the ward a name, as people call it: 7 West, medicine."})
    before, unit.name = unit.name, name.strip()
    tx.session.flush()
    record(tx, "renamed", f"unit {unit_id}", {"from": before, "to": unit.name})
    _tell(tx)


def enrol(tx: Tx, station_id: int) -> str:
    """Make the code by which one browser becomes this station; the browser enrolled before is a stranger from now on.

    The code is returned this once and only its hash is stored. Raises Refused, Missing.
    """
    tx.who.require(May.MANAGE_STATIONS)
    station = _standing(tx, station_id)
    code = one_time_code(secrets.token_bytes(CODE_RANDOM))
    station.enrolment_sha256 = code_sha256(code)
    record(tx, "enrolment made", f"station {station_id}", {})
    _tell(tx)
    return code


def retire(tx: Tx, station_id: int, reason: str, *, dose_open: bool) -> Station:
    """Take a station out of use for good: its browser, its host name and its devices are free again.

    Raises Refused (a dose is under way there, no reason, the last station of all), Missing.
    """
    tx.who.require(May.MANAGE_STATIONS)
    station = _standing(tx, station_id)
    if not reason.strip():
        raise Refused("Give a reason: the record must say why.")
    if station.code == "browser":
        raise Refused("This is what a browser is that was enrolled nowhere. It can not be retired.")
    if dose_open:
        raise Refused(f"A dose is under way at {station.name}. Finish or reject it first.")
    if station.id == tx.who.station_id:
        raise Refused("You stand at this station. Retire it from another one.")
    # The serial number stays where it is: it says which balance made the weights of this station's records.
    station.retired_at, station.host, station.enrolment_sha256 = tx.now, None, None
    record(tx, "station retired", f"station {station_id}", {"reason": reason.strip()})
    _tell(tx)
    return station


def _check(tx: Tx, described: Description, station: Station | None) -> None:
    wrong: dict[str, str] = {}
    others = select(Station).where(Station.retired_at.is_(None))
    if station is not None:
        others = others.where(Station.id != station.id)
    for other in tx.session.scalars(others):
        if described.host and other.host == described.host:
            wrong["host"] = f"{other.name} comes in under this host name. Choose another."
        if described.balance_url and other.balance_url and _same(other.balance_url, described.balance_url):
            wrong["balance_url"] = f"This is the line of the balance at {other.name}. One line serves one station."
        if described.balance_serial and other.balance_serial == described.balance_serial:
            wrong["balance_serial"] = f"This balance stands at {other.name}. Take it away there first."
        if other.name.casefold() == described.name.casefold():
            wrong["name"] = "There is a station of this name already."
    if described.printer_url:
        try:
            printer_from_url(described.printer_url)
        except ValueError as fault:
            wrong["printer_url"] = str(fault)
    if described.unit_id is not None and tx.session.get(Unit, described.unit_id) is None:
        wrong["unit_id"] = "This ward does not exist."
    if wrong:
        raise Invalid(wrong)


def _same(one: str, other: str) -> bool:
    return same_port(one) == same_port(other)


def _standing(tx: Tx, station_id: int) -> Station:
    station = tx.session.get(Station, station_id)
    if station is None:
        raise Missing("This station does not exist.")
    if station.retired_at is not None:
        raise Refused(f"{station.name} was retired and does not come back. Set up a new station.")
    return station


def _tell(tx: Tx) -> None:
    for topic in ("devices", "stations"):
        tx.tell(topic)
