"""Reading stations."""

import itertools

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from app.stations.models import Photo, Station, Unit


def stations(session: Session) -> list[Station]:
    """List the stations in use, hoods first."""
    query = (
        select(Station).where(Station.retired_at.is_(None)).order_by(Station.kind != "hood", Station.kind, Station.name)
    )
    return list(session.scalars(query))


# Every request asks this: it is built once, and the few rows that it finds are told apart in Python.
_MAY_STAND = select(Station).where(
    Station.retired_at.is_(None),
    or_(
        Station.enrolment_sha256 == bindparam("enrolment"),
        Station.host == bindparam("host"),
        Station.code == bindparam("anywhere"),
    ),
)


def station_of_browser(session: Session, enrolment: str | None, host: str, anywhere: str) -> Station:
    """The station of a browser: where it was enrolled, else by its host name, else the one with the code `anywhere`."""
    found = session.scalars(_MAY_STAND, {"enrolment": enrolment, "host": host, "anywhere": anywhere}).all()
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


def unit_by_code(session: Session, code: str) -> Unit | None:
    """A ward by its code, as orders name it."""
    return session.scalar(select(Unit).where(Unit.code == code))


def photo_known(session: Session, name: str) -> bool:
    """Tell whether a photo of this hash was taken here."""
    return session.scalar(select(Photo.id).where(Photo.sha256 == name).limit(1)) is not None


def station_by_code(session: Session, code: str) -> Station | None:
    """A station by its code."""
    return session.scalar(select(Station).where(Station.code == code, Station.retired_at.is_(None)))
