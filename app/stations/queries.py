"""Reading stations."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.stations.models import Photo, Station, Unit


def stations(session: Session) -> list[Station]:
    """List the stations in use, hoods first."""
    query = (
        select(Station).where(Station.retired_at.is_(None)).order_by(Station.kind != "hood", Station.kind, Station.name)
    )
    return list(session.scalars(query))


def station_by_host(session: Session, host: str) -> Station | None:
    """The station whose browser comes in under a host name."""
    return session.scalar(select(Station).where(Station.host == host, Station.retired_at.is_(None)))


def station_by_enrolment(session: Session, code_sha256: str) -> Station | None:
    """The station whose browser was enrolled with a code."""
    query = select(Station).where(Station.enrolment_sha256 == code_sha256, Station.retired_at.is_(None))
    return session.scalar(query)


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
