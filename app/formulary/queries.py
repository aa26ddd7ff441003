"""Finding drugs, products and packages: exactly, or not at all."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import Select, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.core.quantity import Quantity
from app.db.base import fetched
from app.formulary.models import Density, Drug, Package, Product, SiteCode
from app.formulary.product import (
    AS_SUPPLIED,
    RECONSTITUTED,
    Ambiguous,
    ApprovedDensity,
    Displacement,
    DrugFacts,
    FoundPackage,
    PackageInUse,
    size_in_words,
)

PAGE = 50


class Scanned(Protocol):
    """What is needed of a barcode that was read: its GTIN-14 and the ten digits of its NDC, where it has them."""

    @property
    def gtin14(self) -> str | None: ...

    @property
    def ndc10(self) -> str | None: ...


@dataclass(frozen=True)
class ProductLine:
    """One line of a search: a product, what it is, and the drug for which the pharmacy uses it (None: not in use)."""

    product_id: int
    ndc: str
    name: str
    nonproprietary: str
    labeler: str
    form: str
    strength: str
    drug: str | None


@dataclass(frozen=True)
class WaitingDensity:
    """A density that somebody entered and nobody approved yet."""

    density_id: int
    product: str
    state: str
    g_per_ml: Decimal
    u_g_per_ml: Decimal
    source: str
    entered_by: int
    ends_on: date | None


# Asked of every scan: built once, its columns in the order of `FoundPackage`.
_FOUND = (
    select(
        Package.id, Package.product_id, Package.ndc, Package.description, Product.name, Product.strength,
        Product.drug_id, Package.container,
    )
    .join(Product, Product.id == Package.product_id)
    .order_by(Package.ndc)
)  # fmt: skip
_BY_GTIN = _FOUND.where(Package.gtin14 == bindparam("digits"))
_BY_NDC = _FOUND.where(Package.ndc10 == bindparam("digits"))


def find_package(session: Session, barcode: Scanned) -> FoundPackage | Ambiguous | None:
    """Find the one package that a barcode names: by its whole GTIN-14, else by the ten digits of its NDC.

    Digits are compared whole, never by prefix or padding (FT01, FT02); digits that two NDCs share are ambiguous
    until a pharmacist binds the GTIN. None: nobody entered it.
    """
    if barcode.gtin14:
        exact = _packages(session, _BY_GTIN, barcode.gtin14)
        if exact:
            return exact[0]
    if not barcode.ndc10:
        return None
    same_digits = _packages(session, _BY_NDC, barcode.ndc10)
    if len(same_digits) > 1:
        names = " and ".join(f"{each.ndc} ({each.product_name})" for each in same_digits)
        return Ambiguous(
            f"The digits {barcode.ndc10} may mean {names}. Do not use it: ask a pharmacist to bind this barcode."
        )
    return same_digits[0] if same_digits else None


def _packages(session: Session, query: Select[*tuple[Any, ...]], digits: str) -> list[FoundPackage]:
    return [FoundPackage(*row) for row in fetched(session, query, digits=digits)]


def drug_by_code(session: Session, code: str) -> DrugFacts | None:
    """Find a drug by the code that recipes use, exactly."""
    drug = session.scalars(select(Drug).where(Drug.code == code)).one_or_none()
    return None if drug is None else _drug(drug)


def drug(session: Session, drug_id: int) -> DrugFacts | None:
    """Find a drug by its number."""
    found = session.get(Drug, drug_id)
    return None if found is None else _drug(found)


def drugs(session: Session) -> tuple[DrugFacts, ...]:
    """List every drug by name, for the page that maps a sender's codes."""
    return tuple(_drug(each) for each in session.scalars(select(Drug).order_by(Drug.name)))


def _drug(row: Drug) -> DrugFacts:
    return DrugFacts(row.id, row.code, row.name, row.kind, row.high_alert)


_MEANT = (
    select(Drug.id, Drug.code, Drug.name, Drug.kind, Drug.high_alert)
    .join(SiteCode, SiteCode.drug_id == Drug.id)
    .where(SiteCode.sender == bindparam("sender"), SiteCode.code == bindparam("code"))
    .where(SiteCode.text == bindparam("text"))
)


def meaning_of(session: Session, sender: str, code: str, text: str) -> DrugFacts | None:
    """The drug that a sender's code and text mean here; None when this very pair was never decided.

    An old code with a new text is not the old drug (codes are reused): it is asked again.
    """
    pair = {"sender": sender, "code": as_sent(code), "text": as_sent(text)}
    found = fetched(session, _MEANT, **pair)
    return DrugFacts(*found[0]) if found else None


def as_sent(text: str) -> str:
    """A sender's code or text with its blanks evened out, which is all that may differ between two sendings."""
    return " ".join(text.split())


_USED = (
    select(Package, Product, Drug)
    .join(Product, Product.id == Package.product_id)
    .join(Drug, Drug.id == Product.drug_id)
    .where(Package.container.is_not(None))
)
_THIS = _USED.where(Package.id == bindparam("package_id"))  # asked of every scan of a wrong container: built once


def packages_in_use(session: Session, drug_id: int, on: date) -> tuple[PackageInUse, ...]:
    """The containers that the pharmacy uses for a drug, with the densities approved and valid on a day."""
    return _in_use(session, _USED.where(Product.drug_id == drug_id).order_by(Product.name, Package.ndc), on)


def containers_in_use(session: Session, on: date) -> tuple[PackageInUse, ...]:
    """Every container that the pharmacy uses, by name and size, for the choice of one whose code says too little."""
    query = _USED.order_by(func.lower(Product.name), Package.content, Package.volume_ml, Package.ndc)
    return _in_use(session, query, on)


def called(session: Session, package_ids: Iterable[int]) -> dict[int, str]:
    """What packages are called, by their numbers: 'Sodium Chloride 0.9 % 250 mL bag'; an unused one by its maker's."""
    query = select(Package, Product.name).join(Product, Product.id == Package.product_id)
    found = {}
    for each, name in session.execute(query.where(Package.id.in_(set(package_ids)))):
        size = size_in_words(_content(each), each.volume_ml or Decimal(0))
        found[each.id] = f"{name} {size} {each.container}" if each.container else f"{name}, {each.description}"
    return found


def package_in_use(session: Session, package_id: int, on: date) -> PackageInUse | None:
    """One container with what is known about it on a day; None when the pharmacy does not use this package."""
    found = _in_use(session, _THIS, on, package_id=package_id)
    return found[0] if found else None


def _in_use(
    session: Session, query: Select[Package, Product, Drug], on: date, **values: int
) -> tuple[PackageInUse, ...]:
    rows = session.execute(query, values).all()
    approved = _approved(session, {product.id for _, product, _ in rows}, on)
    return tuple(
        PackageInUse(
            package_id=each.id,
            product_id=product.id,
            ndc=each.ndc,
            name=product.name,
            labeler=product.labeler,
            strength=product.strength,
            drug=_drug(used_for),
            container=each.container or "",
            content=_content(each),
            volume_ml=each.volume_ml if each.volume_ml is not None else Decimal(0),
            displacement=_displacement(each),
            gross_min_g=each.gross_min_g,
            gross_max_g=each.gross_max_g,
            as_supplied=approved.get((product.id, AS_SUPPLIED)),
            reconstituted=approved.get((product.id, RECONSTITUTED)),
        )
        for each, product, used_for in rows
    )


def _content(package: Package) -> Quantity | None:
    if package.content is None or package.content_unit is None:
        return None
    return Quantity(package.content, package.content_unit)


def _displacement(package: Package) -> Displacement | None:
    ml, u_ml, source = package.displacement_ml, package.displacement_u_ml, package.displacement_source
    return None if ml is None or u_ml is None or source is None else Displacement(ml, u_ml, source)


_VALID = (
    select(Density)
    .where(
        Density.product_id.in_(bindparam("product_ids", expanding=True)),
        Density.approved_by.is_not(None),
        or_(Density.ends_on.is_(None), Density.ends_on >= bindparam("on")),
    )
    .order_by(Density.approved_at, Density.id)
)


def _approved(session: Session, product_ids: set[int], on: date) -> dict[tuple[int, str], ApprovedDensity]:
    # The last one approved counts; what it replaced stays in the table for the doses that were judged by it.
    return {
        (row.product_id, row.state): ApprovedDensity(
            density_id=row.id,
            state=row.state,
            g_per_ml=row.g_per_ml,
            u_g_per_ml=row.u_g_per_ml,
            source=row.source,
            entered_by=row.entered_by,
            approved_by=row.approved_by,
            approved_at=row.approved_at,
            ends_on=row.ends_on,
        )
        for row in session.scalars(_VALID, {"product_ids": list(product_ids), "on": on})
        if row.approved_by is not None and row.approved_at is not None
    }


def waiting_densities(session: Session) -> tuple[WaitingDensity, ...]:
    """List the densities that wait for a second person, the oldest first."""
    query = (
        select(Density, Product)
        .join(Product, Product.id == Density.product_id)
        .where(Density.approved_by.is_(None))
        .order_by(Density.entered_at, Density.id)
    )
    return tuple(
        WaitingDensity(
            density_id=each.id,
            product=f"{product.name} {product.strength} ({product.ndc})",
            state=each.state,
            g_per_ml=each.g_per_ml,
            u_g_per_ml=each.u_g_per_ml,
            source=each.source,
            entered_by=each.entered_by,
            ends_on=each.ends_on,
        )
        for each, product in session.execute(query)
    )


def search(session: Session, words: str, limit: int = PAGE) -> tuple[ProductLine, ...]:
    """Find products in whose names, labeler, NDC or strength every word occurs; those in use stand first."""
    query = select(Product, Drug.name).outerjoin(Drug, Drug.id == Product.drug_id)
    for word in words.split():
        columns = (Product.name, Product.nonproprietary, Product.labeler, Product.ndc, Product.strength)
        query = query.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    query = query.order_by(Product.drug_id.is_(None), Product.name, Product.ndc).limit(limit)
    return tuple(
        ProductLine(
            product_id=product.id,
            ndc=product.ndc,
            name=product.name,
            nonproprietary=product.nonproprietary,
            labeler=product.labeler,
            form=product.form,
            strength=product.strength,
            drug=used_for,
        )
        for product, used_for in session.execute(query)
    )
