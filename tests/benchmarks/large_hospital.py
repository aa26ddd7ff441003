"""A hospital of a thousand beds with twelve verified oral orders a bed, written in bulk: what a fill is measured on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import insert, select

from app import demo, demo_cart
from app.db.session import SYSTEM, Db, Tx
from app.formulary.models import Package
from app.formulary.queries import drug_by_code
from app.identity.models import Signature
from app.inventory.models import Lot, Movement, Place
from app.orders.frequency import Meaning, read_frequency, scheduled
from app.orders.models import Order, OrderComponent, OrderVersion, Patient, Stay, Verification
from app.orders.schedule import Schedule
from app.orders.times_table import DEFAULT
from app.orders.timing_queries import timed
from app.stations.actions import add_unit
from app.stations.models import Unit
from unitdose.cart_actions import add_cart

BEDS_A_WARD = 30
# What a ward orders, with the minutes between doses: three doses a day on average, as in the reference's example.
MIX = (
    ("metoprolol tartrate", "25", "mg", 720), ("metformin", "500", "mg", 720), ("metronidazole", "500", "mg", 480),
    ("furosemide", "40", "mg", 1440), ("acetaminophen", "650", "mg", 360), ("prednisone", "40", "mg", 1440),
    ("warfarin", "5", "mg", 1440), ("docusate", "100", "mg", 720), ("oxycodone", "5", "mg", 240),
    ("pantoprazole", "40", "mg", 1440), ("acetaminophen liquid", "240", "mg", 360),
    ("vancomycin oral", "125", "mg", 360),
)  # fmt: skip


@dataclass(frozen=True)
class Large:
    """The hospital's carts by number, its people, and how many orders it has."""

    carts: Sequence[int]
    people: dict[str, int]
    orders: int


def large_hospital(db: Db, beds: int, first: datetime) -> Large:
    """Seed a hospital of so many beds into an empty, migrated database; every order is first due at `first`."""
    people = dict(demo.seed(db, demo.Devices("socket://127.0.0.1:1", "SIM-0001")))
    demo_cart.seed_cart_room(db, people)
    wards = -(-beds // BEDS_A_WARD)
    with db.write(demo_cart.who("petra", people)) as tx:
        codes = [f"W{nth + 1:02}" for nth in range(wards)]
        for code in codes:
            add_unit(tx, code, f"Ward {code}", demo.ZONE)
        carts = [add_cart(tx, code, f"Cart {code}", demo.ZONE, "15:00", units=(code,)) for code in codes]
        units = dict(tx.session.execute(select(Unit.code, Unit.id)).all())
    _stock(db, beds)
    _orders(db, people, beds, [units[code] for code in codes], first)
    return Large(carts, people, beds * len(MIX))


def _stock(db: Db, beds: int) -> None:
    """Enough of everything at its location for a day of the whole hospital."""
    with db.write(SYSTEM) as tx:
        supplier = tx.session.scalar(select(Place.id).where(Place.kind == "supplier"))
        lots = tx.session.execute(
            select(Lot.id, Movement.to_place_id)
            .join(Movement, Movement.lot_id == Lot.id)
            .join(Package, Package.id == Lot.package_id)
            .join(Place, Place.id == Movement.to_place_id)
            .where(Place.name.startswith("LOC-"))
        ).all()
        rows = [
            {
                "key": f"large {lot_id}", "lot_id": lot_id, "quantity": Decimal(beds * 40), "from_place_id": supplier,
                "to_place_id": place_id, "cause": "received", "at": tx.now,
            }
            for lot_id, place_id in lots
        ]  # fmt: skip
        tx.session.execute(insert(Movement), rows)


def _orders(db: Db, people: dict[str, int], beds: int, units: list[int], first: datetime) -> None:
    with db.write(SYSTEM) as tx:
        drugs = {name: drug_by_code(tx.session, name) for name, *_ in MIX}
        signature = tx.session.scalar(select(Verification.signature_id).limit(1)) or _signature(tx, people)
        tx.session.execute(
            insert(Patient),
            [
                {
                    "id": 10_000 + n, "mrn": f"L{n:06}", "family": f"Patient{n}", "given": "Test",
                    "born": first.date(), "allergies_reviewed": False, "confirmed_by_adt": True,
                }
                for n in range(beds)
            ],
        )  # fmt: skip
        tx.session.execute(
            insert(Stay),
            [
                {
                    "id": 10_000 + n, "patient_id": 10_000 + n, "visit": f"LV{n}", "unit_id": units[n // BEDS_A_WARD],
                    "location": "x", "room": str(n % BEDS_A_WARD + 1), "bed": "A", "moved_at": first,
                }
                for n in range(beds)
            ],
        )  # fmt: skip
        numbers = [(n, k) for n in range(beds) for k in range(len(MIX))]
        times = [timed(_schedule(minutes, first), demo.ZONE) for *_, minutes in MIX]
        ids = {pair: 100_000 + nth for nth, pair in enumerate(numbers)}
        tx.session.execute(
            insert(Order),
            [
                {
                    "id": ids[n, k], "key": f"large^{ids[n, k]}", "number": str(ids[n, k]), "sender": "EHR",
                    "patient_id": 10_000 + n, "stay_id": 10_000 + n, "newest": 1,
                }
                for n, k in numbers
            ],
        )  # fmt: skip
        tx.session.execute(
            insert(OrderVersion),
            [
                {
                    "id": ids[n, k], "order_id": ids[n, k], "number": 1, "state": "active", "control": "new",
                    "stated_at": first, "received_at": first, "drug_id": drugs[MIX[k][0]].drug_id,
                    "title": f"{MIX[k][0]} {MIX[k][1]} {MIX[k][2]} by mouth", "route": "PO",
                    "frequency": f"Q{MIX[k][3] // 60}H", "priority": "routine", "start_at": first, "end_at": None,
                    **times[k], "chosen_by": None, "zone": demo.ZONE, "rate": None,
                    "infuse_minutes": None, "notes": "", "warnings": "", "content_sha256": f"{ids[n, k]:064}",
                    "message_id": None, "picture_sha256": None, "transcribed_by": people["tina"],
                }
                for n, k in numbers
            ],
        )  # fmt: skip
        tx.session.execute(
            insert(OrderComponent),
            [
                {
                    "version_id": ids[n, k], "position": 0, "role": "additive", "drug_id": drugs[MIX[k][0]].drug_id,
                    "amount": Decimal(MIX[k][1]), "unit": MIX[k][2],
                }
                for n, k in numbers
            ],
        )  # fmt: skip
        tx.session.execute(
            insert(Verification),
            [
                {
                    "version_id": ids[n, k], "person_id": people["pablo"], "signature_id": signature,
                    "room": "unit dose", "at": first - timedelta(hours=1), "doses_until": first,
                }
                for n, k in numbers
            ],
        )  # fmt: skip


def _schedule(minutes: int, first: datetime) -> Schedule:
    read = read_frequency(f"Q{minutes // 60}H", DEFAULT)
    assert isinstance(read, Meaning)
    return scheduled(read, first)


def _signature(tx: Tx, people: dict[str, int]) -> int:
    signature = Signature(
        person_id=people["pablo"], printed_name="Pablo Pharmacist", meaning="verified", at=tx.now,
        proof="badge and PIN", station_id=None, subject="large", shown_sha256="0" * 64,
    )  # fmt: skip
    tx.session.add(signature)
    tx.session.flush()
    return signature.id
