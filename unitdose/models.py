"""A cart's fill: its versioned plan, the drawers that are its work, what was put into them, and what fell short.

A plan is never overwritten. A line belongs to every version from `run_id` to before `ended_run_id`; readers see what
the fill's current run names, so a run that died half-way was never read by anybody.
"""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.workflow import Side
from app.db.base import Base, Key, Ref, one_of
from unitdose.routes import ENDED_AS, Reason, Route

FILL_KINDS = ("cart", "first dose")


class Fill(Base):
    """One window of one cart, `[start_at, end_at)`, or one batch of first doses that no cart brings in time.

    `current_run_id` names the newest finished run; its plan is the plan. `closed_at` is the cart's exchange, or when
    the fill was given up.
    """

    __tablename__ = "fill"

    id: Mapped[Key]
    cart_id: Mapped[Ref] = mapped_column(ForeignKey("cart.id"))
    kind: Mapped[str]
    start_at: Mapped[datetime]
    end_at: Mapped[datetime]
    zone: Mapped[str]
    cutoff_at: Mapped[datetime]
    leaves_at: Mapped[datetime]
    exchange_at: Mapped[datetime]
    current_run_id: Mapped[int | None]
    made_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    dropped_why: Mapped[str | None]

    __table_args__ = (
        CheckConstraint(one_of("kind", FILL_KINDS), name="kind_known"),
        CheckConstraint("end_at > start_at", name="window"),
        CheckConstraint("dropped_why IS NULL OR closed_at IS NOT NULL", name="dropped_is_closed"),
        Index(
            "uq_fill_cart_window",
            "cart_id",
            "start_at",
            unique=True,
            sqlite_where=text("kind = 'cart' AND dropped_why IS NULL"),
            postgresql_where=text("kind = 'cart' AND dropped_why IS NULL"),
        ),
        Index("ix_fill_closed_at", "closed_at"),
    )


class FillRun(Base):
    """One planning run of a fill: the first one, or a delta run. At most one is under way in the hospital.

    So no two plans set the same packages aside, and no second process runs a fill that is being run (`under_way`).

    `snapshot_at` says how far the run has seen orders and patients; `beat_at` that its worker lives; `done` of `total`
    chunks for the progress bar; `plan_sha256` the hash of the plan it made current.
    """

    __tablename__ = "fill_run"

    id: Mapped[Key]
    fill_id: Mapped[Ref] = mapped_column(ForeignKey("fill.id"))
    version: Mapped[int]
    cause: Mapped[str]
    snapshot_at: Mapped[datetime]
    person_id: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    done: Mapped[int]
    total: Mapped[int]
    under_way: Mapped[int | None] = mapped_column(unique=True)
    finished_at: Mapped[datetime | None]
    failed_why: Mapped[str | None]
    plan_sha256: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("fill_id", "version"),
        CheckConstraint("plan_sha256 IS NULL OR finished_at IS NOT NULL", name="hash_when_finished"),
        CheckConstraint("failed_why IS NULL OR plan_sha256 IS NULL", name="failed_or_current"),
        CheckConstraint("under_way IS NULL OR (under_way = 1 AND finished_at IS NULL)", name="under_way"),
        CheckConstraint("under_way IS NOT NULL OR finished_at IS NOT NULL", name="ends"),
    )


class FillLine(Base):
    """One planned or suppressed dose of one package: its route, its reason, and how many packages it needs.

    `dose_id` is None for what has no dose row: as-needed stock and what is not verified. `due_at` is None for as-needed
    stock. `units` of the package make the dose (0.5, 2, 1.5), `packages` go into the drawer, of which `short` are
    missing from the first. `wall` is the wall time meant, `flags` what the pharmacist or the label must know of it.
    """

    __tablename__ = "fill_line"

    id: Mapped[Key]
    fill_id: Mapped[Ref] = mapped_column(ForeignKey("fill.id"))
    run_id: Mapped[Ref] = mapped_column(ForeignKey("fill_run.id"))
    ended_run_id: Mapped[Ref | None] = mapped_column(ForeignKey("fill_run.id"))
    ended_as: Mapped[str | None]
    ended_why: Mapped[str | None]
    order_id: Mapped[Ref] = mapped_column(ForeignKey("medication_order.id"))
    version_id: Mapped[Ref] = mapped_column(ForeignKey("order_version.id"))
    dose_id: Mapped[Ref | None] = mapped_column(ForeignKey("dose.id"))
    patient_id: Mapped[Ref] = mapped_column(ForeignKey("patient.id"))
    unit_id: Mapped[Ref | None] = mapped_column(ForeignKey("unit.id"))
    bed: Mapped[str]
    due_at: Mapped[datetime | None]
    wall: Mapped[str]
    flags: Mapped[str]
    route: Mapped[str]
    reason: Mapped[str]
    package_id: Mapped[Ref | None] = mapped_column(ForeignKey("unit_dose.package_id"))
    units: Mapped[Decimal | None]
    packages: Mapped[int]
    short: Mapped[int]
    short_why: Mapped[str | None]
    work_id: Mapped[Ref | None] = mapped_column(ForeignKey("work_item.id"))

    __table_args__ = (
        CheckConstraint(one_of("route", Route), name="route_known"),
        CheckConstraint(one_of("reason", Reason), name="reason_known"),
        CheckConstraint("ended_as IS NULL OR " + one_of("ended_as", ENDED_AS), name="ended_as_known"),
        CheckConstraint("(ended_run_id IS NULL) = (ended_as IS NULL)", name="ended_how"),
        CheckConstraint("packages >= 0 AND short BETWEEN 0 AND packages", name="counts"),
        CheckConstraint("packages = 0 OR package_id IS NOT NULL", name="packages_of_what"),
        CheckConstraint("(short = 0) = (short_why IS NULL)", name="short_has_reason"),
        Index(
            "uq_fill_line_live",
            "fill_id",
            "order_id",
            "due_at",
            "package_id",
            unique=True,
            sqlite_where=text("ended_run_id IS NULL AND due_at IS NOT NULL AND package_id IS NOT NULL"),
            postgresql_where=text("ended_run_id IS NULL AND due_at IS NOT NULL AND package_id IS NOT NULL"),
        ),
        Index("ix_fill_line_fill_id_patient_id", "fill_id", "patient_id"),
        Index("ix_fill_line_order_id_due_at", "order_id", "due_at"),
        Index("ix_fill_line_dose_id", "dose_id"),
        Index("ix_fill_line_patient_id_due_at", "patient_id", "due_at"),
        Index("ix_fill_line_work_id", "work_id"),
    )


class Allocation(Base):
    """So many packages of one lot at one storage location, set aside for a line by a run until another run ends it."""

    __tablename__ = "allocation"

    id: Mapped[Key]
    line_id: Mapped[Ref] = mapped_column(ForeignKey("fill_line.id"))
    lot_id: Mapped[Ref] = mapped_column(ForeignKey("lot.id"))
    place_id: Mapped[Ref] = mapped_column(ForeignKey("place.id"))
    quantity: Mapped[int]
    run_id: Mapped[Ref] = mapped_column(ForeignKey("fill_run.id"))
    ended_run_id: Mapped[Ref | None] = mapped_column(ForeignKey("fill_run.id"))

    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_allocation_line_id", "line_id"),
        Index("ix_allocation_lot_id_place_id", "lot_id", "place_id"),
    )


class Drawer(Base):
    """One patient's drawer of one fill: the work item of prepare and check.

    What is added after its release is a new item for the same patient, `sequence` 2 and so on, in a bag of its own.
    """

    __tablename__ = "drawer"

    work_id: Mapped[Ref] = mapped_column(ForeignKey("work_item.id"), primary_key=True)
    fill_id: Mapped[Ref] = mapped_column(ForeignKey("fill.id"))
    patient_id: Mapped[Ref] = mapped_column(ForeignKey("patient.id"))
    number: Mapped[int]
    sequence: Mapped[int]

    __table_args__ = (
        UniqueConstraint("fill_id", "patient_id", "sequence"),
        UniqueConstraint("fill_id", "number", "sequence"),
    )


class Stop(Base):
    """A technician at one storage location for one fill: so that two never pick the same package there.

    `hand` is the unit that was scanned and not yet put into a drawer (its raw scan and lot), `said_lot_id` the lot
    that was read from the package because its code carries none, `halt` the hard stop that the next right scan clears.
    """

    __tablename__ = "pick_stop"

    id: Mapped[Key]
    fill_id: Mapped[Ref] = mapped_column(ForeignKey("fill.id"))
    package_id: Mapped[Ref] = mapped_column(ForeignKey("unit_dose.package_id"))
    place_id: Mapped[Ref] = mapped_column(ForeignKey("place.id"))
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    said_lot_id: Mapped[Ref | None] = mapped_column(ForeignKey("lot.id"))
    halt: Mapped[str | None]
    hand: Mapped[str | None]
    hand_lot_id: Mapped[Ref | None] = mapped_column(ForeignKey("lot.id"))

    __table_args__ = (
        CheckConstraint("(hand IS NULL) = (hand_lot_id IS NULL)", name="hand_has_lot"),
        Index(
            "uq_pick_stop_open",
            "fill_id",
            "package_id",
            "place_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "uq_pick_stop_person",
            "person_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


class Put(Base):
    """One package put into one drawer, both scanned: the `number`-th of its line. Whoever put it has prepared.

    `coded`: lot and expiry came out of the package's code; else they were read by eye.
    """

    __tablename__ = "put"

    id: Mapped[Key]
    line_id: Mapped[Ref] = mapped_column(ForeignKey("fill_line.id"))
    number: Mapped[int]
    work_id: Mapped[Ref] = mapped_column(ForeignKey("work_item.id"))
    lot_id: Mapped[Ref] = mapped_column(ForeignKey("lot.id"))
    place_id: Mapped[Ref] = mapped_column(ForeignKey("place.id"))
    scan: Mapped[str]
    coded: Mapped[bool]
    drawer_scan: Mapped[str]
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    side: Mapped[str]
    station_id: Mapped[int | None]
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("line_id", "number"),
        ForeignKeyConstraint(
            ["work_id", "person_id", "side"],
            ["work_part.work_id", "work_part.person_id", "work_part.side"],
            name="fk_put_part",
        ),
        CheckConstraint(f"side = '{Side.PREPARES}'", name="prepares"),
        Index("ix_put_work_id", "work_id"),
        Index("ix_put_lot_id", "lot_id"),
    )


class Pull(Base):
    """A package taken out of its drawer again in the pharmacy, by scan, and put back where its lot lies."""

    __tablename__ = "pull"

    put_id: Mapped[Ref] = mapped_column(ForeignKey("put.id"), primary_key=True)
    scan: Mapped[str]
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]


class Short(Base):
    """Packages that a technician did not find where the plan said, with the reason chosen."""

    __tablename__ = "short_pick"

    id: Mapped[Key]
    line_id: Mapped[Ref] = mapped_column(ForeignKey("fill_line.id"))
    place_id: Mapped[Ref] = mapped_column(ForeignKey("place.id"))
    quantity: Mapped[int]
    reason: Mapped[str]
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_short_pick_line_id", "line_id"),
    )
