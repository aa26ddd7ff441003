"""Taking a package into use as a unit dose: a pharmacist's decision, with what must be known to count with it."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select

from app.audit.actions import record
from app.core.errors import Invalid
from app.core.permissions import May
from app.core.quantity import Quantity
from app.db.session import Tx
from app.formulary.actions import package_in_hand
from app.formulary.models import STORED, UNIT_DOSE_FORMS, Product, UnitDose
from app.formulary.unit_dose import UnitDoseFacts, unit_dose_faults


@dataclass(frozen=True)
class UnitDoseStated:
    """What a pharmacist says of a package: the content of one, its form, and how it is handled."""

    form: str
    content: Quantity
    volume_ml: Decimal | None = None
    splits: bool = False
    half_of_id: int | None = None
    uses: Decimal | None = None
    in_use_days: int | None = None
    stored: str = "room"
    hazardous: bool = False
    oversize: bool = False
    by_tube: bool = True


def use_as_unit_dose(tx: Tx, package: int | str, drug_id: int, stated: UnitDoseStated) -> UnitDose:
    """Take a package (its number or NDC) into use as a unit dose of a drug, or correct what is known of it.

    For a pharmacist. Raises Refused, Missing, and Invalid for what cannot be true or a product of another drug.
    """
    tx.who.require(May.CHOOSE_PRODUCT)
    taken, product = package_in_hand(tx.session, package)
    package_id = taken.id
    if product.drug_id not in (None, drug_id):
        raise Invalid({"drug": f"{product.name} is in use for another drug already."})
    _refuse_impossible(package_id, product, drug_id, stated)
    product.drug_id = drug_id
    row = tx.session.scalar(select(UnitDose).where(UnitDose.package_id == package_id))
    if row is None:
        row = UnitDose(package_id=package_id)
        tx.session.add(row)
    assert tx.who.person_id is not None
    row.form, row.content, row.content_unit = stated.form, stated.content.value, stated.content.unit
    row.volume_ml, row.step = stated.volume_ml, Decimal("0.5") if stated.splits else Decimal(1)
    row.half_of_id, row.uses, row.in_use_days = stated.half_of_id, stated.uses, stated.in_use_days
    row.stored, row.hazardous, row.oversize, row.by_tube = (
        stated.stored,
        stated.hazardous,
        stated.oversize,
        stated.by_tube,
    )
    row.approved_by, row.approved_at = tx.who.person_id, tx.now
    tx.session.flush()
    facts = {"form": stated.form, "content": stated.content, "splits": stated.splits, "stored": stated.stored}
    record(tx, "used as a unit dose", f"package {package_id}", {**facts, "ndc": taken.ndc, "drug_id": drug_id})
    tx.tell("formulary")
    return row


def _refuse_impossible(package_id: int, product: Product, drug_id: int, stated: UnitDoseStated) -> None:
    wrong: dict[str, str] = {}
    if stated.form not in UNIT_DOSE_FORMS:
        wrong["form"] = f"'{stated.form}' is not a form that the cart room gives out."
    if stated.stored not in STORED:
        wrong["stored"] = "It is kept at room temperature or in the refrigerator: choose one."
    facts = UnitDoseFacts(
        package_id=package_id,
        product_id=product.id,
        drug_id=drug_id,
        name=product.name,
        form=stated.form,
        content=stated.content,
        volume_ml=stated.volume_ml,
        step=Decimal("0.5") if stated.splits else Decimal(1),
        half_of_id=stated.half_of_id,
        uses=stated.uses,
        in_use_days=stated.in_use_days,
    )
    wrong = unit_dose_faults(facts) | wrong
    if wrong:
        raise Invalid(wrong)
