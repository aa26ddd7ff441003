"""The pretend hospital's cart room: what it gives out, where it lies, two carts, and the ward's oral orders.

The demo and the tests use the same one. NDCs, forms and strengths: FDA National Drug Code directory, 2019-04-29 (public
domain). Patients are made up; orders are examples, not advice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from app.core.permissions import Role
from app.core.quantity import Quantity
from app.db.session import Db, Who
from app.demo import CAST, PASSWORD, PIN, ZONE
from app.formulary import actions as formulary
from app.formulary.ndc import gtin_of_ndc10
from app.formulary.queries import drug_by_code
from app.formulary.unit_dose_actions import UnitDoseStated, use_as_unit_dose
from app.identity.actions import Proven
from app.identity.people_actions import accept_invitation, add_person, invite
from app.inventory import actions as stock
from app.inventory.location_actions import add_location
from app.labels.media import FLAG, SMALL
from app.orders import actions as orders
from app.orders.frequency import Meaning, read_frequency, scheduled
from app.orders.stated import StatedComponent, StatedOrder, StatedPatient, StatedPlace
from app.orders.times_table import DEFAULT
from app.stations.actions import add_unit
from app.stations.queries import unit_by_code
from unitdose.cart_actions import add_cart, set_par, stock_unit

EXPIRY = date(2027, 6, 30)


@dataclass(frozen=True)
class Dosed:
    """One unit-dose package of the pretend pharmacy: its drug, what is in it, where it lies and how many there are."""

    key: str
    ndc: str
    name: str
    labeler: str
    drug: str
    strength: str
    form: str
    content: tuple[str, str]
    at: tuple[str, int, int, int, int]
    lot: str
    how: Mapping[str, object] = field(default_factory=dict)
    schedule: str = ""
    on_hand: int = 300
    high_alert: bool = False

    @property
    def gtin(self) -> str:
        return gtin_of_ndc10(self.ndc.replace("-", ""))

    @property
    def product(self) -> str:
        return self.ndc.rsplit("-", 1)[0]


_UP = {"splits": True}
DOSED = (
    Dosed("metoprolol", "0615-6547-05", "Metoprolol Tartrate", "Vangard Labs", "metoprolol tartrate", "25 mg/1",
          "tablet", ("25", "mg"), ("A", 1, 1, 1, 1), "MT4471", _UP),
    Dosed("metformin", "0904-6326-61", "Metformin Hydrochloride", "Major Pharmaceuticals", "metformin", "500 mg/1",
          "tablet", ("500", "mg"), ("A", 1, 2, 1, 1), "MF2210"),
    Dosed("metronidazole", "0904-6568-61", "Metronidazole", "Major Pharmaceuticals", "metronidazole", "500 mg/1",
          "tablet", ("500", "mg"), ("A", 1, 2, 1, 2), "MZ0098"),
    Dosed("furosemide", "0054-8299-25", "Furosemide", "West-Ward", "furosemide", "40 mg/1",
          "tablet", ("40", "mg"), ("A", 1, 3, 1, 1), "FU7713", _UP),
    Dosed("acetaminophen", "0904-1982-61", "Acetaminophen", "Major Pharmaceuticals", "acetaminophen", "325 mg/1",
          "tablet", ("325", "mg"), ("A", 2, 3, 1, 1), "AC3325"),
    Dosed("acetaminophen-cup", "0121-1781-05", "Acetaminophen", "Pharmaceutical Associates", "acetaminophen liquid",
          "160 mg/5mL", "cup", ("160", "mg"), ("A", 2, 2, 1, 1), "AP1605", {"volume_ml": Decimal(5)}),
    Dosed("prednisone-20", "0054-0018-20", "PredniSONE", "West-Ward", "prednisone", "20 mg/1",
          "tablet", ("20", "mg"), ("A", 2, 1, 1, 1), "PN2018"),
    Dosed("prednisone-10", "0054-0017-20", "PredniSONE", "West-Ward", "prednisone", "10 mg/1",
          "tablet", ("10", "mg"), ("A", 2, 1, 1, 2), "PN1017"),
    Dosed("warfarin-5", "0056-0172-01", "Warfarin Sodium", "Bristol-Myers Squibb", "warfarin", "5 mg/1",
          "tablet", ("5", "mg"), ("B", 1, 1, 1, 1), "WF0511", high_alert=True),
    Dosed("warfarin-2.5", "0056-0176-01", "Warfarin Sodium", "Bristol-Myers Squibb", "warfarin", "2.5 mg/1",
          "tablet", ("2.5", "mg"), ("B", 1, 1, 1, 2), "WF2511", high_alert=True),
    Dosed("docusate", "0615-0585-05", "Docusate Sodium", "Vangard Labs", "docusate", "100 mg/1",
          "capsule", ("100", "mg"), ("B", 1, 2, 1, 1), "DC1005"),
    Dosed("oxycodone", "0406-0552-62", "Oxycodone Hydrochloride", "SpecGx", "oxycodone", "5 mg/1",
          "tablet", ("5", "mg"), ("V", 1, 1, 1, 1), "OX0552", schedule="CII"),
    Dosed("albuterol", "0173-0682-20", "Albuterol", "GlaxoSmithKline", "albuterol", "90 ug/1",
          "inhaler", ("90", "mcg"), ("B", 1, 3, 1, 1), "AL0682", {"uses": Decimal(200)}, on_hand=20),
    Dosed("pantoprazole", "0615-7629-05", "Pantoprazole Sodium", "Vangard Labs", "pantoprazole", "40 mg/1",
          "tablet", ("40", "mg"), ("B", 2, 2, 1, 1), "PZ7629"),
    Dosed("methotrexate", "51079-670-05", "Methotrexate", "Mylan Institutional", "methotrexate", "2.5 mg/1",
          "tablet", ("2.5", "mg"), ("B", 2, 1, 1, 1), "MX0670", {"hazardous": True}, high_alert=True),
    Dosed("vancomycin-oral", "0121-0867-20", "Vancomycin Oral Solution", "Pharmaceutical Associates",
          "vancomycin oral", "125 mg/2.5mL", "oral syringe", ("125", "mg"), ("F", 1, 1, 1, 1), "VO0867",
          {"volume_ml": Decimal("2.5"), "stored": "refrigerator"}),
)  # fmt: skip

CART_CAST = {
    "tomas": ("Tomás Technician", frozenset({Role.TECHNICIAN})),
    "lena": ("Lena Lead", frozenset({Role.LEAD_TECHNICIAN})),
}

WARD = (
    StatedPatient("700201", "Alder", "Mona", date(1950, 4, 12), "F", (("sulfa", "rash"),), Decimal(64), None, None),
    StatedPatient("700202", "Birch", "Otto", date(1939, 11, 2), "M", (), Decimal(81), None, None),
    StatedPatient("700203", "Cedar", "Ruth", date(1966, 1, 25), "F", None, Decimal(70), None, None),
    StatedPatient("700204", "Dogwood", "Ivan", date(1971, 8, 8), "M", (), Decimal(92), None, None),
    StatedPatient("700205", "Elm", "Sara", date(1944, 12, 30), "F", (("latex", "hives"),), Decimal(55), None, None),
    StatedPatient("700206", "Fir", "Noel", date(1980, 3, 3), "M", (), Decimal(77), None, None),
)
BEDS = (("V9101", "7W", "2", "A"), ("V9102", "7W", "2", "B"), ("V9103", "7W", "10", "A"), ("V9104", "7W", "10", "B"),
        ("V9105", "6E", "1", "A"), ("V9106", "6E", "1", "B"))  # fmt: skip

# (patient, drug, dose, frequency, minutes between doses or None): a small ward's oral orders.
ORDERS = (
    (0, "metoprolol tartrate", ("25", "mg"), "BID"),
    (0, "furosemide", ("40", "mg"), "DAILY"),
    (0, "warfarin", ("5", "mg"), "QPM"),
    (1, "metformin", ("500", "mg"), "BID"),
    (1, "metronidazole", ("500", "mg"), "Q8H"),
    (1, "docusate", ("100", "mg"), "BID"),
    (2, "prednisone", ("40", "mg"), "DAILY"),
    (2, "vancomycin oral", ("125", "mg"), "Q6H"),
    (2, "acetaminophen", ("650", "mg"), "Q6H"),
    (3, "metoprolol tartrate", ("12.5", "mg"), "BID"),
    (3, "pantoprazole", ("40", "mg"), "DAILY"),
    (3, "oxycodone", ("5", "mg"), "Q6H"),
    (4, "acetaminophen liquid", ("240", "mg"), "TID"),
    (4, "albuterol", ("2", "puff"), "QID"),
    (5, "metformin", ("500", "mg"), "BID"),
    (5, "docusate", ("100", "mg"), "DAILY"),
)


def who(name: str, people: Mapping[str, int], station_id: int | None = None) -> Who:
    """Somebody of the cast, the cart room's own people included."""
    full, roles = (CAST | CART_CAST)[name]
    return Who(people[name], full, roles, station_id)


def proof(db: Db, name: str, people: Mapping[str, int], station_id: int | None = None) -> Proven:
    """Somebody of the cast who has just shown badge and PIN."""
    full, roles = (CAST | CART_CAST)[name]
    return Proven(people[name], full, roles, "badge and PIN", db.clock(), station_id)


def dosed(key: str) -> Dosed:
    """One unit-dose package of the pretend pharmacy by its short name."""
    return next(each for each in DOSED if each.key == key)


def unit_code(key: str, *, expiry: date = EXPIRY, lot: str | None = None) -> str:
    """What a scanner reads from a unit-dose package: GTIN, expiry, lot."""
    each = dosed(key)
    return f"]d201{each.gtin}17{expiry:%y%m%d}10{lot or each.lot}"


def unit_dose_code(ndc: str, lot: str) -> str:
    """What a scanner reads from a unit-dose package of an NDC and lot; of another pharmacy's package, nothing."""
    each = next((each for each in DOSED if each.ndc == ndc), None)
    return "" if each is None else unit_code(each.key, lot=lot)


def seed_cart_room(db: Db, people: dict[str, int], printer_url: str | None = None) -> dict[str, int]:
    """Set the cart room up in the pretend hospital; returns the numbers of its two carts by code.

    Adds the cart room's own people to `people`; its labels go to `printer_url`.
    """
    _people(db, people)
    packages = _packages(db, people)
    petra = who("petra", people)
    printer_url = printer_url and for_every_size(printer_url)
    with db.write(petra) as tx:
        add_unit(tx, "6E", "6 East, medicine", ZONE)
        carts = {
            "7W": add_cart(tx, "7W", "Cart 7 West", ZONE, "15:00", units=("7W",), printer_url=printer_url),
            "6E": add_cart(
                tx, "6E", "Cart 6 East", ZONE, "15:00", units=("6E",), trims_discharges=True, printer_url=printer_url
            ),
        }
        seven_west = unit_by_code(tx.session, "7W")
        assert seven_west is not None
        stock_unit(tx, seven_west.id, packages["docusate"])
        stock_unit(tx, seven_west.id, packages["oxycodone"])
        tylenol = drug_by_code(tx.session, "acetaminophen")
        assert tylenol is not None
        set_par(tx, seven_west.id, tylenol.drug_id, 2)
    return carts


def for_every_size(address: str) -> str:
    """One pretend printer as several: it takes labels of every size that a cart needs."""
    more = "&" if "?" in address else "?"
    return " ".join([address, *(f"{address}{more}media={media.name}" for media in (SMALL, FLAG))])


def _people(db: Db, people: dict[str, int]) -> None:
    for name, (full, roles) in CART_CAST.items():
        with db.write(who("petra", people)) as tx:
            people[name] = add_person(tx, full, name, roles)
            one_time = invite(tx, people[name])
        accept_invitation(db, one_time, PIN, PASSWORD, f"BADGE-{name.upper()}2026")


def _packages(db: Db, people: Mapping[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    with db.write(who("pablo", people)) as tx:
        drugs: dict[str, int] = {}
        for each in DOSED:
            known = drug_by_code(tx.session, each.drug)
            drugs[each.drug] = (
                known.drug_id
                if known
                else formulary.add_drug(tx, each.drug, each.drug, "drug", high_alert=each.high_alert)
            )
            formulary.add_product(
                tx, each.product, each.name, nonproprietary=each.name.upper(), labeler=each.labeler,
                form=each.form.upper(), route="ORAL", strength=each.strength, schedule=each.schedule,
                packages={each.ndc: f"1 {each.form} in a unit-dose package"},
            )  # fmt: skip
            stated = UnitDoseStated(each.form, Quantity(Decimal(each.content[0]), each.content[1]), **each.how)  # type: ignore[arg-type]
            found[each.key] = use_as_unit_dose(tx, each.ndc, drugs[each.drug], stated).package_id
    with db.write(who("tina", people)) as tx:
        for each in DOSED:
            place = add_location(tx, *each.at)
            lot = stock.lot_for(tx, package_id=found[each.key], number=each.lot, expiry=EXPIRY)
            stock.receive(tx, lot.id, Decimal(each.on_hand), place)
    return found


def oral_order(
    db: Db,
    drug: str,
    dose: tuple[str, str],
    *,
    patient: int = 0,
    number: str = "RX2001",
    frequency: str = "BID",
    first: datetime | None = None,
    end: datetime | None = None,
    priority: str = "routine",
    control: str = "new",
) -> StatedOrder:
    """An oral order as stated, with the table's times from `first` on (None: from the next full hour).

    Unless it is routine, its first dose is due then, off the table.
    """
    now = db.clock()
    begin = first or (now + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    visit, unit, room, bed = BEDS[patient]
    with db.read() as session:
        found = drug_by_code(session, drug)
        assert found is not None, drug
    amount = Quantity(Decimal(dose[0]), dose[1])
    read = read_frequency(frequency, DEFAULT)
    assert isinstance(read, Meaning)
    return StatedOrder(
        key=f"{number}^demo",
        number=number,
        sender="EHR",
        control=control,
        stated_at=now,
        patient=WARD[patient],
        place=StatedPlace(visit, unit, room, bed, f"{unit}^{room}^{bed}"),
        title=f"{found.name} {amount} {'by mouth' if drug != 'albuterol' else 'inhaled'}",
        components=(StatedComponent("additive", found.drug_id, found.name, amount),),
        route="PO" if drug != "albuterol" else "inhaled",
        frequency=frequency,
        priority=priority,
        start_at=begin,
        end_at=end,
        schedule=scheduled(read, begin, end, at_once=priority != "routine"),
        zone=ZONE,
    )


def verified(db: Db, people: Mapping[str, int], stated: StatedOrder) -> int:
    """Transcribe and verify an oral order; returns the number of its version."""
    with db.write(who("tina", people)) as tx:
        version_id = orders.state(tx, stated).id
    with db.write(who("pablo", people)) as tx:
        orders.verify(tx, version_id, proof(db, "pablo", people), "0" * 64, "unit dose")
    return version_id


def ward_orders(db: Db, people: Mapping[str, int], first: datetime) -> list[int]:
    """The small ward's oral orders, verified; their versions' numbers."""
    return [
        verified(
            db,
            people,
            oral_order(
                db, drug, dose, patient=patient, number=f"RX3{nth:03}", frequency=frequency,
                first=first,
            ),
        )
        for nth, (patient, drug, dose, frequency) in enumerate(ORDERS)
    ]  # fmt: skip
