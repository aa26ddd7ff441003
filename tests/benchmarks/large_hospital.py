"""A hospital of a thousand beds with twelve verified oral orders a bed, written in bulk: what a fill is measured on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import insert, select

from app import demo, demo_cart
from app.db.session import SYSTEM, Db, Tx
from app.formulary.models import Package
from app.formulary.queries import drug_by_code
from app.identity.models import Signature
from app.inventory.models import Lot, Movement, Place
from app.orders.frequency import Meaning, read_frequency, scheduled
from app.orders.models import Leave, Order, OrderComponent, OrderVersion, Patient, Stay, Verification
from app.orders.schedule import Schedule
from app.orders.times_table import DEFAULT
from app.orders.timing_queries import timed
from app.stations.actions import add_unit
from app.stations.models import Unit
from unitdose import scheduler
from unitdose.cart_actions import add_cart, stock_unit
from unitdose.run_actions import close_fill

FIRST = datetime(2026, 11, 22, 2, tzinfo=UTC)
START = datetime(2026, 11, 22, 20, tzinfo=UTC)
"""The window that is filled begins at 15:00 in New York, and lasts a day."""
CUTOFF = START - timedelta(hours=4)
DAY = timedelta(days=1)
BEDS_A_WARD = 30
# What every bed has: twelve oral orders with 36 doses a day, by cart, cabinet, refrigerator and locked box.
MIX = (
    ("metoprolol tartrate", "12.5", "mg", "BID"), ("metformin", "500", "mg", "BID"),
    ("metronidazole", "500", "mg", "Q8H"), ("furosemide", "40", "mg", "BID"), ("acetaminophen", "650", "mg", "Q6H"),
    ("prednisone", "40", "mg", "DAILY"), ("warfarin", "5", "mg", "QPM"), ("docusate", "100", "mg", "TID"),
    ("oxycodone", "5", "mg", "Q4H"), ("pantoprazole", "40", "mg", "BID"),
    ("acetaminophen liquid", "240", "mg", "QID"), ("vancomycin oral", "125", "mg", "Q4H"),
)  # fmt: skip
HELD_EVERY, AWAY_EVERY, STAY_HOURS = 40, 50, 100
"""One order in so many is on hold, one patient in so many on leave for half of the day; so long at most for a stay."""


@dataclass(frozen=True)
class Large:
    """The hospital's carts by number, its people, and how many orders it has."""

    carts: Sequence[int]
    people: dict[str, int]
    orders: int


def large_hospital(db: Db, beds: int) -> Large:
    """Seed a hospital of so many beds into an empty, migrated database; its clock stands at CUTOFF.

    Every order has run for hours or days; doses are written up to the window, so that the fill writes those of its day.
    One ward's cart of the day before is planned and gone, so that a database knows what its tables are like.
    """
    people = dict(demo.seed(db, demo.Devices("socket://127.0.0.1:1", "SIM-0001")))
    demo_cart.seed_cart_room(db, people)
    wards = -(-beds // BEDS_A_WARD)
    with db.write(demo_cart.who("petra", people)) as tx:
        codes = [f"W{nth + 1:02}" for nth in range(wards)]
        for code in codes:
            add_unit(tx, code, f"Ward {code}", demo.ZONE)
        carts = [add_cart(tx, code, f"Cart {code}", demo.ZONE, "15:00", units=(code,)) for code in codes]
        units = dict(tx.session.execute(select(Unit.code, Unit.id)).tuples().all())
        docusate = tx.session.scalars(select(Package.id).where(Package.ndc == demo_cart.dosed("docusate").ndc)).one()
        for code in codes:
            stock_unit(tx, units[code], docusate)
    with db.write(SYSTEM) as tx:
        _stock(tx, beds)
        _patients(tx, beds, [units[code] for code in codes])
        _orders(tx, people, beds)
    with db.write(SYSTEM) as tx:
        before = scheduler.open_fill(tx, carts[0], START - DAY)
    scheduler.run(db, before)
    with db.write(SYSTEM) as tx:
        close_fill(tx, before)
    return Large(carts, people, beds * len(MIX))


def begun_at(bed: int) -> datetime:
    """When the orders of a bed began."""
    return FIRST - timedelta(hours=bed % STAY_HOURS)


def schedule_of_mix(frequency: str, first: datetime) -> Schedule:
    """The schedule of one of the mix's frequencies, by the table that the product comes with."""
    read = read_frequency(frequency, DEFAULT)
    assert isinstance(read, Meaning)
    return scheduled(read, first)


def _stock(tx: Tx, beds: int) -> None:
    """Enough of everything at its location for a day of the whole hospital."""
    supplier = tx.session.scalar(select(Place.id).where(Place.kind == "supplier"))
    lots = tx.session.execute(
        select(Lot.id, Movement.to_place_id)
        .join(Movement, Movement.lot_id == Lot.id)
        .join(Package, Package.id == Lot.package_id)
        .join(Place, Place.id == Movement.to_place_id)
        .where(Place.name.startswith("LOC-"))
    )
    rows = [
        {
            "key": f"large {lot_id}", "lot_id": lot_id, "quantity": Decimal(beds * 40), "from_place_id": supplier,
            "to_place_id": place_id, "cause": "received", "at": tx.now,
        }
        for lot_id, place_id in lots
    ]  # fmt: skip
    tx.session.execute(insert(Movement), rows)


def _patients(tx: Tx, beds: int, units: Sequence[int]) -> None:
    patients, stays, leaves = [], [], []
    for n in range(beds):
        patients.append({
            "id": 10_000 + n, "mrn": f"L{n:06}", "family": f"Patient{n}", "given": "Test", "born": FIRST.date(),
            "allergies_reviewed": False, "confirmed_by_adt": True,
        })  # fmt: skip
        stays.append({
            "id": 10_000 + n, "patient_id": 10_000 + n, "visit": f"LV{n}", "unit_id": units[n // BEDS_A_WARD],
            "location": "x", "room": str(n % BEDS_A_WARD + 1), "bed": "A", "moved_at": FIRST,
        })  # fmt: skip
        if n % AWAY_EVERY == 0:
            leaves.append({
                "patient_id": 10_000 + n, "kind": "on leave", "from_at": START, "told_at": FIRST,
                "until_at": START + timedelta(hours=12), "changed_at": FIRST,
            })  # fmt: skip
    for model, rows in ((Patient, patients), (Stay, stays), (Leave, leaves)):
        tx.session.execute(insert(model), rows)


def _orders(tx: Tx, people: dict[str, int], beds: int) -> None:
    drugs = [drug_by_code(tx.session, name) for name, *_ in MIX]
    signature = _signature(tx, people)
    orders, versions, components, verifications = [], [], [], []
    for nth, (n, k) in enumerate((n, k) for n in range(beds) for k in range(len(MIX))):
        order_id, (name, amount, unit, frequency), drug = 100_000 + nth, MIX[k], drugs[k]
        assert drug is not None
        held = nth % HELD_EVERY == HELD_EVERY - 1
        begun = begun_at(n)
        times = timed(schedule_of_mix(frequency, begun), demo.ZONE)
        orders.append({
            "id": order_id, "key": f"large^{order_id}", "number": str(order_id), "sender": "EHR",
            "patient_id": 10_000 + n, "stay_id": 10_000 + n, "newest": 2 if held else 1,
        })  # fmt: skip
        for number in (1, 2) if held else (1,):
            version_id = order_id + 1_000_000 * (number - 1)
            versions.append({
                "id": version_id, "order_id": order_id, "number": number,
                "state": "held" if number == 2 else "active", "control": "hold" if number == 2 else "new",
                "stated_at": FIRST, "received_at": FIRST, "drug_id": drug.drug_id,
                "title": f"{name} {amount} {unit} by mouth", "route": "PO", "frequency": frequency,
                "priority": "routine", "start_at": begun, "end_at": None, **times, "chosen_by": None,
                "zone": demo.ZONE, "rate": None, "infuse_minutes": None, "notes": "", "warnings": "",
                "content_sha256": f"{order_id:064}", "message_id": None, "picture_sha256": None,
                "transcribed_by": people["tina"],
            })  # fmt: skip
            components.append({
                "version_id": version_id, "position": 0, "role": "additive", "drug_id": drug.drug_id,
                "amount": Decimal(amount), "unit": unit,
            })  # fmt: skip
        verifications.append({
            "version_id": order_id, "person_id": people["pablo"], "signature_id": signature, "room": "unit dose",
            "at": FIRST - DAY, "doses_until": START - DAY if n < BEDS_A_WARD else START,
        })  # fmt: skip
    for model, rows in (
        (Order, orders), (OrderVersion, versions), (OrderComponent, components), (Verification, verifications),
    ):  # fmt: skip
        tx.session.execute(insert(model), rows)


def _signature(tx: Tx, people: dict[str, int]) -> int:
    signature = Signature(
        person_id=people["pablo"], printed_name="Pablo Pharmacist", meaning="verified", at=tx.now,
        proof="badge and PIN", station_id=None, subject="large", shown_sha256="0" * 64,
    )  # fmt: skip
    tx.session.add(signature)
    tx.session.flush()
    return signature.id
