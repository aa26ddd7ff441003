"""Reading stations."""

import itertools
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from app.core.wording import time_zone
from app.db.base import fetched
from app.stations.check_weights import CheckWeight
from app.stations.models import BalanceCheck, Photo, Station, Unit


def stations(session: Session) -> list[Station]:
    """List the stations in use, hoods first."""
    query = (
        select(Station).where(Station.retired_at.is_(None)).order_by(Station.kind != "hood", Station.kind, Station.name)
    )
    return list(session.scalars(query))


@dataclass(frozen=True, slots=True)
class Here:
    """The station at which a browser stands, as pages need it."""

    id: int
    code: str
    kind: str
    name: str
    host: str | None
    enrolment_sha256: str | None
    px_per_mm: Decimal
    balance_url: str | None
    balance_protocol: str | None
    balance_readability_g: Decimal | None
    balance_simulated: bool
    printer_url: str | None
    printer_simulated: bool


# Every request asks this: it is built once, in the order of `Here`; the few rows it finds are told apart in Python.
_MAY_STAND = select(
    Station.id, Station.code, Station.kind, Station.name, Station.host, Station.enrolment_sha256, Station.px_per_mm,
    Station.balance_url, Station.balance_protocol, Station.balance_readability_g, Station.balance_simulated,
    Station.printer_url, Station.printer_simulated,
).where(
    Station.retired_at.is_(None),
    or_(
        Station.enrolment_sha256 == bindparam("enrolment"),
        Station.host == bindparam("host"),
        Station.code == bindparam("anywhere"),
    ),
)  # fmt: skip


def station_of_browser(session: Session, enrolment: str | None, host: str, anywhere: str) -> Here:
    """The station of a browser: where it was enrolled, else by its host name, else the one with the code `anywhere`."""
    found = [
        Here(*tuple(row)) for row in fetched(session, _MAY_STAND, enrolment=enrolment, host=host, anywhere=anywhere)
    ]
    enrolled = (each for each in found if enrolment and each.enrolment_sha256 == enrolment)
    by_host = (each for each in found if each.host == host)
    by_code = (each for each in found if each.code == anywhere)
    return next(itertools.chain(enrolled, by_host, by_code))


def station(session: Session, station_id: int | None) -> Station | None:
    """A station by its number."""
    return session.get(Station, station_id) if station_id is not None else None


def units(session: Session) -> list[Unit]:
    """List the wards by name."""
    return list(session.scalars(select(Unit).order_by(Unit.name)))


_BY_CODE = select(Unit).where(Unit.code == bindparam("code"))


def unit_by_code(session: Session, code: str) -> Unit | None:
    """A ward by its code, as orders name it."""
    return session.scalar(_BY_CODE, {"code": code})


def check_weights_of_day(
    session: Session, serial: str, day: date, zone: str, until: datetime | None = None
) -> tuple[CheckWeight, ...]:
    """The check weights that a balance showed on a day of a zone's wall clock, oldest first, up to an instant."""
    begins = datetime.combine(day, time(), time_zone(zone))
    ends = datetime.combine(day + timedelta(days=1), time(), time_zone(zone))
    query = (
        select(BalanceCheck)
        .where(BalanceCheck.balance_serial == serial, BalanceCheck.at >= begins, BalanceCheck.at < ends)
        .order_by(BalanceCheck.at, BalanceCheck.weighing_id)
    )
    if until is not None:
        query = query.where(BalanceCheck.at <= until)
    return tuple(CheckWeight(each.nominal_g, each.value_g, each.allowed_g) for each in session.scalars(query))


def photo_known(session: Session, name: str) -> bool:
    """Tell whether a photo of this hash was taken here."""
    return session.scalar(select(Photo.id).where(Photo.sha256 == name).limit(1)) is not None


def station_by_code(session: Session, code: str) -> Station | None:
    """A station by its code."""
    return session.scalar(select(Station).where(Station.code == code, Station.retired_at.is_(None)))
