"""A trial's pharmacy from its own file of orders: units, drugs, unit-dose packages and stock, on a TEST instance only.

What a row says was dispensed is taken at its word: its NDC, form, and the amount in one of them. In a real pharmacy
each of these is a pharmacist's decision.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from sqlalchemy import select

from app.core.errors import Invalid, Refused
from app.core.permissions import May
from app.core.quantity import EXACT, Quantity
from app.db.session import Db, Tx, Who
from app.formulary.actions import add_drug, add_product, map_code
from app.formulary.models import UNIT_DOSE_FORMS, Drug, Package, UnitDose
from app.formulary.queries import meaning_of
from app.formulary.unit_dose_actions import UnitDoseStated, use_as_unit_dose
from app.interop.order_file import FileComponent, FileMapping, FileOrder
from app.interop.order_file_actions import file_orders
from app.inventory.actions import lot_for, receive
from app.inventory.location_actions import add_location
from app.orders.routes import STERILE
from app.stations.actions import add_unit
from app.stations.queries import unit_by_code

ON_HAND = Decimal(2000)
LOT = "TRIAL1"
USES = {"inhaler": Decimal(200), "nasal spray": Decimal(120), "pen": Decimal(30), "drops": Decimal(100),
        "cream": Decimal(60), "bottle": Decimal(30)}  # fmt: skip
_LIQUID = frozenset({"cup", "oral syringe", "vial", "syringe"})


@dataclass
class TrialSetUp:
    """What was set up, in numbers."""

    units: int = 0
    drugs: int = 0
    packages: int = 0
    without_package: int = 0

    def __str__(self) -> str:
        return (
            f"Set up {self.units} units, {self.drugs} drugs and {self.packages} unit-dose packages with stock; for "
            f"{self.without_package} dispensed items the file says too little."
        )


def set_up_trial(db: Db, who: Who, path: Path, mapping: FileMapping) -> TrialSetUp:
    """Set up what a file of orders needs and is not there yet. For a pharmacy manager; raises Refused for others."""
    for may in (May.MANAGE_STATIONS, May.MAP, May.CHOOSE_PRODUCT, May.RECEIVE_STOCK):
        who.require(may)
    found = TrialSetUp()
    orders = [each for each in file_orders(path, mapping) if isinstance(each, FileOrder)]
    with db.write(who) as tx:
        _units(tx, orders, mapping, found)
    for first in range(0, len(orders), 500):
        with db.write(who) as tx:
            for order in orders[first : first + 500]:
                for each in order.components:
                    drug_id = _drug(tx, each, mapping, found)
                    if order.route not in STERILE and each.role == "additive":
                        _package(tx, each, drug_id, found)
    return found


def _units(tx: Tx, orders: Iterable[FileOrder], mapping: FileMapping, found: TrialSetUp) -> None:
    for unit in sorted({order.unit for order in orders if order.unit}):
        if unit_by_code(tx.session, unit) is None:
            add_unit(tx, unit, unit, mapping.zone)
            found.units += 1


def _drug(tx: Tx, each: FileComponent, mapping: FileMapping, found: TrialSetUp) -> int:
    known = meaning_of(tx.session, mapping.sender, each.code, each.drug)
    if known is not None:
        return known.drug_id
    name = " ".join(each.drug.split()).lower()
    same = tx.session.scalar(select(Drug.id).where(Drug.code == name))
    kind = "diluent" if each.role == "base" else "drug"
    drug_id = same or add_drug(tx, name, name, kind)
    found.drugs += not same
    map_code(tx, mapping.sender, each.code, each.drug, drug_id)
    return drug_id


def _package(tx: Tx, each: FileComponent, drug_id: int, found: TrialSetUp) -> None:
    """Take the dispensed package into use with its stock, the first time that it is named."""
    ndc = hyphenated(each.ndc)
    content = content_of_one(each)
    if ndc is None or content is None or each.form not in UNIT_DOSE_FORMS:
        found.without_package += 1
        return
    package_id = tx.session.scalar(select(Package.id).where(Package.ndc == ndc))
    if package_id is not None and tx.session.get(UnitDose, package_id) is not None:
        return
    uses = USES.get(each.form)
    form = "tablet" if each.form == "half tablet" else each.form
    volume = content.to("mL").value if content.dimension == "volume" and form in _LIQUID else None
    stated = UnitDoseStated(form, content, volume_ml=volume, splits=form == "tablet", uses=uses)
    try:
        if package_id is None:
            add_product(
                tx, ndc.rsplit("-", 1)[0], each.drug, nonproprietary=each.drug.upper(), labeler="as dispensed",
                form=form.upper(), route="ORAL", strength=each.strength or str(content),
                packages={ndc: f"1 {form}"},
            )  # fmt: skip
        taken = use_as_unit_dose(tx, ndc, drug_id, stated)
    except (Invalid, Refused):
        found.without_package += 1
        return
    lot = lot_for(tx, package_id=taken.package_id, number=LOT, expiry=(tx.now + timedelta(days=365)).date())
    number = found.packages
    place = add_location(tx, "T", number // 400 + 1, number // 40 % 10 + 1, number // 10 % 4 + 1, number % 10 + 1)
    receive(tx, lot.id, ON_HAND, place)
    found.packages += 1


def content_of_one(each: FileComponent) -> Quantity | None:
    """The amount in one of what was dispensed: the ordered amount by its number of packages, where that is exact."""
    if each.amount is None:
        return None
    try:
        packages = Decimal(each.packages)
    except InvalidOperation:
        return None
    if not packages.is_finite() or packages <= 0:
        return None
    one = (each.amount.value / packages).quantize(Decimal("0.000001"))
    if one <= 0 or EXACT.multiply(one, packages) != each.amount.value:
        return None
    return Quantity(one.normalize() if one != one.to_integral_value() else one.quantize(Decimal(1)), each.amount.unit)


def hyphenated(digits: str) -> str | None:
    """The eleven digits of a billing NDC (5-4-2) as the ten of a package: the one zero that was padded is taken out.

    Labeler codes of five digits begin at 10000, so a labeler with a leading zero has four. None where it is no such
    number, or where it stays unknown which zero was padded. Source: FDA, NDC labeler codes.
    """
    if "-" in digits:
        return digits
    if len(digits) != 11 or not digits.isascii() or not digits.isdecimal() or int(digits) == 0:
        return None
    labeler, product, package = digits[:5], digits[5:9], digits[9:]
    if labeler.startswith("0"):
        return f"{labeler[1:]}-{product}-{package}"
    if product.startswith("0") and package.startswith("0"):
        return None
    if product.startswith("0"):
        return f"{labeler}-{product[1:]}-{package}"
    return f"{labeler}-{product}-{package[1:]}" if package.startswith("0") else None
