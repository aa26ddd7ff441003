"""Stock as movements between places. On hand is what came in less what went out; nothing is overwritten."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, column_property, mapped_column

from app.db.base import Base, Key, Ref, one_of
from app.formulary.models import Package

PLACES = ("supplier", "shelf", "hood", "cart", "patient", "waste", "unaccounted")


class Place(Base):
    """Somewhere stock can be; supplier, patient, waste and unaccounted are places like any other."""

    __tablename__ = "place"

    id: Mapped[Key]
    kind: Mapped[str]
    name: Mapped[str] = mapped_column(unique=True)
    station_id: Mapped[Ref | None] = mapped_column(ForeignKey("station.id"), unique=True)

    __table_args__ = (CheckConstraint(one_of("kind", PLACES), name="kind_known"),)


class Location(Base):
    """Where a shelf stands in the store, as one walks: zone, aisle, bay, shelf, bin. Its code is scanned."""

    __tablename__ = "location"

    place_id: Mapped[Ref] = mapped_column(ForeignKey("place.id"), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    zone: Mapped[str]
    aisle: Mapped[int]
    bay: Mapped[int]
    shelf: Mapped[int]
    bin: Mapped[int]

    __table_args__ = (UniqueConstraint("zone", "aisle", "bay", "shelf", "bin"),)


class Lot(Base):
    """A manufacturer's lot as one package holds it: 'lot P456789 of the 250 mL bag'. A recall is a dated fact about it.

    The books count containers, and a bag of 250 mL is not one of 1,000 mL, so a lot is of a package; `product_id` is
    the package's. A recall means the number, in every size of the product.
    """

    __tablename__ = "lot"

    id: Mapped[Key]
    package_id: Mapped[Ref] = mapped_column(ForeignKey("package.id"))
    number: Mapped[str]
    expiry: Mapped[date]
    first_seen_at: Mapped[datetime]
    recalled_at: Mapped[datetime | None]
    recall_reason: Mapped[str | None]
    product_id: Mapped[int] = column_property(
        select(Package.product_id).where(Package.id == package_id).correlate_except(Package).scalar_subquery()
    )

    __table_args__ = (
        UniqueConstraint("package_id", "number", "expiry"),
        CheckConstraint("(recalled_at IS NULL) = (recall_reason IS NULL)", name="recall_has_reason"),
    )


class Movement(Base):
    """So many containers of a lot, from one place to another, for a cause. `key` makes one cause count once."""

    __tablename__ = "movement"

    id: Mapped[Key]
    key: Mapped[str] = mapped_column(unique=True)
    lot_id: Mapped[Ref] = mapped_column(ForeignKey("lot.id"))
    serial: Mapped[str | None]
    quantity: Mapped[Decimal]
    from_place_id: Mapped[Ref] = mapped_column(ForeignKey("place.id"))
    to_place_id: Mapped[Ref] = mapped_column(ForeignKey("place.id"))
    cause: Mapped[str]
    person_id: Mapped[int | None]
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("from_place_id != to_place_id", name="moves"),
        Index("ix_movement_lot_id_to_place_id", "lot_id", "to_place_id"),
        Index("ix_movement_lot_id_from_place_id", "lot_id", "from_place_id"),
        Index("ix_movement_serial", "serial"),
        Index("ix_movement_cause", "cause"),
    )


class Staged(Base):
    """A lot whose code carries no lot or expiry, read once per carton outside the hood and brought to it."""

    __tablename__ = "staged"

    id: Mapped[Key]
    station_id: Mapped[Ref] = mapped_column(ForeignKey("station.id"))
    lot_id: Mapped[Ref] = mapped_column(ForeignKey("lot.id"))
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_staged_station_id_ended_at", "station_id", "ended_at"),
        Index(
            "uq_staged_open",
            "station_id",
            "lot_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
