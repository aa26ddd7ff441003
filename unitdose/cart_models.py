"""What a site sets up for its carts: which units a cart serves and when, and what those units have without it."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Key, Ref, one_of

STOCKED_IN = ("cabinet", "floor stock")


class Cart(Base):
    """A cart and its ward group. `starts` are the wall times at which its windows begin ('15:00', '06:00 14:00 22:00').

    Cutoff, leaving and exchange are minutes before a window begins: doses due around the exchange stay in the old cart.
    """

    __tablename__ = "cart"

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    zone: Mapped[str]
    starts: Mapped[str]
    cutoff_minutes: Mapped[int]
    leaves_minutes: Mapped[int]
    exchange_minutes: Mapped[int]
    trims_discharges: Mapped[bool]
    printer_url: Mapped[str | None]
    retired_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("zone != '' AND starts != ''", name="has_zone_and_starts"),
        CheckConstraint(
            "cutoff_minutes >= leaves_minutes AND leaves_minutes >= exchange_minutes AND exchange_minutes >= 0",
            name="cutoff_leaves_exchange",
        ),
    )


class CartUnit(Base):
    """A unit that a cart serves; a unit is served by one cart only."""

    __tablename__ = "cart_unit"

    unit_id: Mapped[Ref] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    cart_id: Mapped[Ref] = mapped_column(ForeignKey("cart.id"))

    __table_args__ = (Index("ix_cart_unit_cart_id", "cart_id"),)


class UnitStock(Base):
    """What a unit has in its cabinet or as floor stock; `out_at` and `out_why` while it is empty or recalled there."""

    __tablename__ = "unit_stock"

    id: Mapped[Key]
    unit_id: Mapped[Ref] = mapped_column(ForeignKey("unit.id"))
    package_id: Mapped[Ref] = mapped_column(ForeignKey("unit_dose.package_id"))
    stocked_in: Mapped[str]
    changed_at: Mapped[datetime]
    out_at: Mapped[datetime | None]
    out_why: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("unit_id", "package_id"),
        CheckConstraint(one_of("stocked_in", STOCKED_IN), name="stocked_in_known"),
        CheckConstraint("(out_at IS NULL) = (out_why IS NULL)", name="out_has_reason"),
    )


class PrnPar(Base):
    """How many as-needed doses of a drug a unit's drawer holds for a patient, where the site wants any at all."""

    __tablename__ = "prn_par"

    unit_id: Mapped[Ref] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    drug_id: Mapped[Ref] = mapped_column(ForeignKey("drug.id"), primary_key=True)
    par: Mapped[int]

    __table_args__ = (CheckConstraint("par >= 0", name="par"),)


class OwnSupply(Base):
    """A patient's own medication is used for an order, by a pharmacist's decision."""

    __tablename__ = "own_supply"

    id: Mapped[Key]
    order_id: Mapped[Ref] = mapped_column(ForeignKey("medication_order.id"))
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_own_supply_open",
            "order_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


class ProductChoice(Base):
    """The packages by which a pharmacist said an order's dose is made ('75 mg as 50 + 25'), for that content only."""

    __tablename__ = "product_choice"

    order_id: Mapped[Ref] = mapped_column(ForeignKey("medication_order.id"), primary_key=True)
    content_sha256: Mapped[str] = mapped_column(primary_key=True)
    package_id: Mapped[Ref] = mapped_column(ForeignKey("unit_dose.package_id"), primary_key=True)
    units: Mapped[Decimal]
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]

    __table_args__ = (CheckConstraint("units > 0", name="units"),)


class InUse(Base):
    """A container that holds many doses and stands on the unit for an order: an inhaler, a pen, drops.

    `uses_left` administrations were in it at `counted_at`; it may be used until its in-use days from `opened_on` end.
    `line_id` is the line that brought it; None where it stood there before the product did.
    """

    __tablename__ = "container_in_use"

    id: Mapped[Key]
    order_id: Mapped[Ref] = mapped_column(ForeignKey("medication_order.id"))
    package_id: Mapped[Ref] = mapped_column(ForeignKey("unit_dose.package_id"))
    line_id: Mapped[Ref | None] = mapped_column(ForeignKey("fill_line.id"), index=True)
    opened_on: Mapped[date]
    uses_left: Mapped[Decimal | None]
    counted_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("uses_left IS NULL OR uses_left >= 0", name="uses_left"),
        Index(
            "uq_container_in_use_open",
            "order_id",
            "package_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
