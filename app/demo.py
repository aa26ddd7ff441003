"""A small pretend hospital: the cast, three stations, six containers, four recipes, and the day's orders.

The demo and the tests use the same one. Numbers about products are facts with their source; patients are made up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from app.core.permissions import Role
from app.core.quantity import Quantity
from app.db.session import Db, Tx, Who
from app.formulary import actions as formulary
from app.formulary.ndc import gtin_of_ndc10
from app.formulary.product import Displacement
from app.formulary.queries import drug_by_code
from app.identity.actions import Proven
from app.identity.people_actions import accept_invitation, add_person, invite, make_set_up_code, use_set_up_code
from app.inventory import actions as stock
from app.orders import actions as orders
from app.orders.schedule import Interval, Once, Schedule
from app.orders.stated import StatedComponent, StatedOrder, StatedPatient, StatedPlace
from app.stations import actions as stations
from app.stations.actions import Weight
from app.stations.check_actions import check_balance
from app.stations.models import Station
from app.stations.queries import stations as stations_in_use
from compounding.recipe_actions import approve_recipe, write_recipe

ZONE = "America/New_York"
PIN = "271828"
PASSWORD = "seven blue buckets"
RECIPES = Path(__file__).parent.parent / "compounding" / "recipes"

CAST = {
    "petra": ("Petra Pharmacist", frozenset({Role.MANAGER, Role.ADMIN})),
    "pablo": ("Pablo Pharmacist", frozenset({Role.PHARMACIST})),
    "tina": ("Tina Technician", frozenset({Role.TECHNICIAN})),
    "nina": ("Nina Nurse", frozenset({Role.NURSE})),
}
BADGES = {name: f"BADGE-{name.upper()}2026" for name in CAST}


@dataclass(frozen=True)
class Good:
    """One container of the pretend pharmacy (a product in one size), and the lot that lies at its hood."""

    key: str
    ndc: str
    package: str
    name: str
    labeler: str
    form: str
    strength: str
    drug: str
    container: str
    content: Quantity | None
    volume_ml: Decimal
    gross: tuple[Decimal, Decimal]
    lot: str
    displacement: Displacement | None = None
    densities: Mapping[str, tuple[str, str, str]] | None = None

    @property
    def gtin(self) -> str:
        return gtin_of_ndc10(self.package.replace("-", ""))


def _q(value: str, unit: str) -> Quantity:
    return Quantity(Decimal(value), unit)


# NDCs, forms and strengths: FDA National Drug Code directory, 2019-04-29 (public domain). Densities: aqueous density
# tables at the label concentration; a site measures its own. Masses of full containers: pretend.
GOODS = (
    Good(
        "vial", "0409-6533", "0409-6533-01", "Vancomycin Hydrochloride", "Hospira, Inc.",
        "INJECTION, POWDER, LYOPHILIZED, FOR SOLUTION", "1 g/1", "vancomycin", "powder vial", _q("1000", "mg"),
        Decimal(0), (Decimal(24), Decimal(44)), "7G123",
        Displacement(Decimal("0.6"), Decimal("0.1"), "label concentration 50 mg/mL; site measurement pending"),
        {"reconstituted": ("1.014", "0.006", "partial volumes, 50 mg/mL in water")},
    ),
    Good(
        "diluent", "0409-4887", "0409-4887-23", "Sterile Water", "Hospira, Inc.", "INJECTION", "1 mL/mL", "water",
        "liquid vial", None, Decimal(20), (Decimal(26), Decimal(40)), "W4410",
        densities={"as supplied": ("0.998", "0.001", "water, 20 °C")},
    ),
    Good(
        "bag", "0338-0049", "0338-0049-02", "Sodium Chloride 0.9 %", "Baxter Healthcare Corporation",
        "INJECTION, SOLUTION", "9 g/1000mL", "nacl-0.9", "bag", None, Decimal(250), (Decimal(262), Decimal(300)),
        "P456789", densities={"as supplied": ("1.005", "0.001", "NaCl 0.9 %, density tables")},
    ),
    Good(
        "litre", "0338-0049", "0338-0049-04", "Sodium Chloride 0.9 %", "Baxter Healthcare Corporation",
        "INJECTION, SOLUTION", "9 g/1000mL", "nacl-0.9", "bag", None, Decimal(1000), (Decimal(1020), Decimal(1130)),
        "P778211", densities={"as supplied": ("1.005", "0.001", "NaCl 0.9 %, density tables")},
    ),
    Good(
        "potassium", "0409-6653", "0409-6653-18", "Potassium Chloride", "Hospira, Inc.",
        "INJECTION, SOLUTION, CONCENTRATE", "149 mg/mL", "potassium-chloride", "liquid vial", _q("40", "mEq"),
        Decimal(20), (Decimal(30), Decimal(48)), "K2093",
        densities={"as supplied": ("1.088", "0.003", "KCl 2 mEq/mL, density tables")},
    ),
    Good(
        "magnesium", "63323-064", "63323-064-04", "Magnesium Sulfate", "Fresenius Kabi USA, LLC",
        "INJECTION, SOLUTION", "500 mg/mL", "magnesium-sulfate", "liquid vial", _q("5", "g"), Decimal(10),
        (Decimal(16), Decimal(30)), "M5521",
        densities={"as supplied": ("1.220", "0.004", "MgSO4 50 %, density tables")},
    ),
)  # fmt: skip

DRUGS = (
    ("vancomycin", "vancomycin", "drug", False),
    ("potassium-chloride", "potassium chloride", "drug", True),
    ("magnesium-sulfate", "magnesium sulfate", "drug", True),
    ("water", "sterile water for injection", "diluent", False),
    ("nacl-0.9", "sodium chloride 0.9 %", "diluent", False),
)


@dataclass(frozen=True)
class Devices:
    """Where the pretend hospital's devices are."""

    balance_url: str | None = None
    balance_serial: str | None = None
    printer_url: str = "folder:var/labels"
    simulated: bool = True


def good(key: str) -> Good:
    """One container of the pretend pharmacy by its short name."""
    return next(each for each in GOODS if each.key == key)


def barcode(key: str, *, expiry: date | None = None, lot: str | None = None, serial: str | None = None) -> str:
    """What a scanner reads from a product's GS1 DataMatrix: AIM prefix, GTIN, expiry, lot, serial."""
    each = good(key)
    text = f"]d201{each.gtin}17{(expiry or date(2027, 3, 31)):%y%m%d}10{lot or each.lot}"
    return text + (f"\x1d21{serial}" if serial else "")


def seed(db: Db, devices: Devices) -> dict[str, int]:
    """Make the pretend hospital in an empty database; returns everybody's number by first name."""
    code = make_set_up_code(db)
    assert code is not None, "the pretend hospital needs an empty database"
    people = {"petra": use_set_up_code(db, code, CAST["petra"][0], "petra", PASSWORD, PIN, BADGES["petra"])}
    petra = who("petra", people)
    for name in ("pablo", "tina", "nina"):
        with db.write(petra) as tx:
            people[name] = add_person(tx, CAST[name][0], name, CAST[name][1])
            one_time = invite(tx, people[name])
        accept_invitation(db, one_time, PIN, PASSWORD, BADGES[name])
    _stations(db, petra, devices)
    _formulary(db, people)
    _recipes(db, people)
    check_balances(db, people)
    return people


def check_balances(db: Db, people: Mapping[str, int]) -> None:
    """Have every balance of the pretend hospital checked today with two pretend weights, as the morning begins."""
    with db.read() as session:
        hoods = [each for each in stations_in_use(session) if each.balance_serial]
    for hood in hoods:
        for grams in ("5.00", "100.00"):
            lines = "".join(f"{(n - 4) * 0.3:.3f} 1 {n + 1} S S {grams:>10} g\n" for n in range(5))
            weight = Weight(Decimal(grams), 5, hood.balance_serial or "", 1, "mt-sics", lines.encode())
            with db.write(who("tina", people, hood.id)) as tx:
                check_balance(tx, weight)


def who(name: str, people: Mapping[str, int], station_id: int | None = None) -> Who:
    """Somebody of the cast, as an act knows them."""
    return Who(people[name], CAST[name][0], CAST[name][1], station_id)


def proof(db: Db, name: str, people: Mapping[str, int], station_id: int | None = None) -> Proven:
    """Somebody of the cast who has just shown badge and PIN."""
    return Proven(people[name], CAST[name][0], CAST[name][1], "badge and PIN", db.clock(), station_id)


def _stations(db: Db, petra: Who, devices: Devices) -> None:
    next_year = db.clock().date() + timedelta(days=180)
    with db.write(petra) as tx:
        stations.add_unit(tx, "7W", "7 West, medicine", ZONE)
        stations.add_unit(tx, "ICU", "Intensive care", ZONE)
        stations.add_station(
            tx,
            Station(
                code="hood-1",
                kind="hood",
                name="Hood 1",
                host="hood.localhost",
                px_per_mm=Decimal("5.9"),
                hood_certified_until=next_year,
                room_certified_until=next_year,
                balance_url=devices.balance_url,
                balance_protocol="mt-sics" if devices.balance_url else None,
                balance_serial=devices.balance_serial,
                balance_readability_g=Decimal("0.01"),
                balance_repeatability_g=Decimal("0.01"),
                balance_simulated=devices.simulated,
                printer_url=devices.printer_url,
                printer_simulated=devices.simulated,
            ),
        )
        for code, kind, name, px in (("desk-1", "desk", "Pharmacy desk", "3.8"), ("ward-7w", "ward", "7 West", "6.1")):
            host = f"{kind}.localhost"
            station = Station(code=code, kind=kind, name=name, host=host, px_per_mm=Decimal(px))
            station.printer_simulated = devices.simulated  # so that every page of the pretend hospital is striped
            stations.add_station(tx, station)


def _formulary(db: Db, people: Mapping[str, int]) -> None:
    pablo, petra, tina = (who(name, people) for name in ("pablo", "petra", "tina"))
    densities: list[int] = []
    products: dict[str, int] = {}
    packages: dict[str, int] = {}
    with db.write(pablo) as tx:
        drugs = {code: formulary.add_drug(tx, code, name, kind, high_alert=h) for code, name, kind, h in DRUGS}
        for each in GOODS:
            if each.ndc not in products:
                products[each.ndc] = _product(tx, each)
                # The density is the liquid's, so it is entered once for all sizes of a product.
                for state, (rho, u, source) in (each.densities or {}).items():
                    densities.append(
                        formulary.enter_density(tx, products[each.ndc], state, Decimal(rho), Decimal(u), source)
                    )
            packages[each.key] = formulary.take_into_use(
                tx,
                each.package,
                drugs[each.drug],
                container=each.container,
                content=each.content,
                volume_ml=each.volume_ml,
                displacement=each.displacement,
                gross_min_g=each.gross[0],
                gross_max_g=each.gross[1],
            )
    with db.write(petra) as tx:
        for density in densities:
            formulary.approve_density(tx, density)
    with db.write(tina) as tx:
        for each in GOODS:
            lot = stock.lot_for(tx, package_id=packages[each.key], number=each.lot, expiry=date(2027, 3, 31))
            stock.receive(tx, lot.id, Decimal(200))


def _product(tx: Tx, each: Good) -> int:
    """Enter the product of a container, with all the packages of it that the pretend pharmacy uses."""
    return formulary.add_product(
        tx,
        each.ndc,
        each.name,
        nonproprietary=each.name.upper(),
        labeler=each.labeler,
        form=each.form,
        route="INTRAVENOUS",
        strength=each.strength,
        packages={size.package: f"1 {size.container}" for size in GOODS if size.ndc == each.ndc},
    )


def _recipes(db: Db, people: Mapping[str, int]) -> None:
    for path in sorted(RECIPES.glob("*.json")):
        with db.write(who("pablo", people)) as tx:
            number = write_recipe(tx, path.read_text(), proof(db, "pablo", people))
        with db.write(who("petra", people)) as tx:
            approve_recipe(tx, number, proof(db, "petra", people))


PATIENTS = (
    StatedPatient(
        "700101", "Ångström", "Zoë", date(1961, 2, 3), "F", (("penicillin", "rash"),), Decimal("71.5"), None, None
    ),
    StatedPatient("700102", "Rivers", "Amos", date(1948, 9, 17), "M", (), Decimal(88), None, None),
    StatedPatient("700103", "Stone", "Ivy", date(1979, 6, 30), "F", None, None, None, None),
)
PLACES = (("V9001", "7W", "12", "A"), ("V9002", "7W", "14", "B"), ("V9003", "ICU", "3", "1"))


def order(
    db: Db,
    drugs: Mapping[str, tuple[str, str]],
    base: tuple[str, str],
    *,
    patient: int = 0,
    number: str = "RX1001",
    frequency: str = "Q12H",
    priority: str = "routine",
    due: datetime | None = None,
    picture_sha256: str | None = None,
) -> StatedOrder:
    """An order as stated: `drugs` by code to (amount, unit), `base` (code, volume in mL), first due in two hours."""
    now = db.clock()
    first = due or (now + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    visit, unit, room, bed = PLACES[patient]
    parts = []
    with db.read() as session:
        for role, code, amount, measure in [
            *(("additive", code, *amount) for code, amount in drugs.items()),
            ("base", base[0], base[1], "mL"),
        ]:
            drug = drug_by_code(session, code)
            assert drug is not None
            parts.append(StatedComponent(role, drug.drug_id, drug.name, _q(amount, measure)))
    title = " + ".join(f"{p.drug} {p.amount}" for p in parts if p.role == "additive")
    return StatedOrder(
        key=f"demo^{number}",
        number=number,
        sender="EHR",
        control="new",
        stated_at=now,
        patient=PATIENTS[patient],
        place=StatedPlace(visit, unit, room, bed, f"{unit}^{room}^{bed}"),
        title=f"{title} in {parts[-1].drug} {parts[-1].amount}",
        components=tuple(parts),
        route="IV",
        frequency=frequency,
        priority=priority,
        start_at=first,
        end_at=None,
        schedule=Schedule(Interval(timedelta(hours=12), first) if frequency == "Q12H" else Once(first), first),
        zone=ZONE,
        infuse_minutes=120,
        picture_sha256=picture_sha256,
    )


VANCOMYCIN = {"vancomycin": ("1000", "mg")}
SALINE_250 = ("nacl-0.9", "250")
SALINE_1000 = ("nacl-0.9", "1000")


def verified_order(db: Db, people: Mapping[str, int], stated: StatedOrder) -> int:
    """Transcribe and verify an order; returns the number of its version."""
    with db.write(who("tina", people)) as tx:
        version_id = orders.state(tx, stated).id
    with db.write(who("pablo", people)) as tx:
        orders.verify(tx, version_id, proof(db, "pablo", people), "0" * 64)
    return version_id


def local(at: datetime) -> datetime:
    """An instant on the hospital's wall clock."""
    return at.astimezone(ZoneInfo(ZONE))
