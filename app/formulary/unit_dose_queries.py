"""Reading the packages that the cart room gives out."""

from collections.abc import Iterable

from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.orm import Session

from app.core.quantity import Quantity, plain
from app.formulary.models import Drug, Package, Product, UnitDose
from app.formulary.unit_dose import UnitDoseFacts


def unit_doses(session: Session, drug_ids: Iterable[int] | None = None) -> dict[int, tuple[UnitDoseFacts, ...]]:
    """The unit-dose packages in use by drug; of all drugs when none are named."""
    query = _used()
    if drug_ids is not None:
        query = query.where(Product.drug_id.in_(list(drug_ids)))
    found: dict[int, tuple[UnitDoseFacts, ...]] = {}
    for row in session.execute(query.order_by(Product.name, UnitDose.package_id)):
        facts = _facts(row)
        found[facts.drug_id] = (*found.get(facts.drug_id, ()), facts)
    return found


def unit_doses_by_package(session: Session, package_ids: Iterable[int]) -> dict[int, UnitDoseFacts]:
    """Unit-dose packages by their numbers; what is none is left out."""
    rows = session.execute(_BY_PACKAGE, {"package_ids": list(package_ids)})
    return {facts.package_id: facts for row in rows if (facts := _facts(row))}


def unit_dose(session: Session, package_id: int) -> UnitDoseFacts | None:
    """One unit-dose package, or None when the cart room does not give it out."""
    return unit_doses_by_package(session, [package_id]).get(package_id)


def _used() -> Select[UnitDose, Package, Product, Drug]:
    return (
        select(UnitDose, Package, Product, Drug)
        .join(Package, Package.id == UnitDose.package_id)
        .join(Product, Product.id == Package.product_id)
        .join(Drug, Drug.id == Product.drug_id)
    )


# Built once: every scan of a pick asks it.
_BY_PACKAGE = _used().where(UnitDose.package_id.in_(bindparam("package_ids", expanding=True)))


def _facts(row: Row[UnitDose, Package, Product, Drug]) -> UnitDoseFacts:
    unit, package, product, drug = row
    return UnitDoseFacts(
        package_id=unit.package_id,
        product_id=product.id,
        drug_id=drug.id,
        name=drug.name,
        form=unit.form,
        content=Quantity(plain(unit.content), unit.content_unit),
        volume_ml=None if unit.volume_ml is None else plain(unit.volume_ml),
        step=plain(unit.step),
        half_of_id=unit.half_of_id,
        uses=None if unit.uses is None else plain(unit.uses),
        in_use_days=unit.in_use_days,
        stored=unit.stored,
        hazardous=unit.hazardous,
        oversize=unit.oversize,
        by_tube=unit.by_tube,
        schedule=product.schedule,
        ndc=package.ndc,
        high_alert=drug.high_alert,
    )
