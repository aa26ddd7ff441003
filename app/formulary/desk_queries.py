"""What the desk shows of the formulary: one product with every package and density, and what is in use but lacking."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Missing
from app.formulary.models import Density, Package, Product
from app.formulary.product import DrugFacts, PackageInUse
from app.formulary.queries import containers_in_use, drug, package_in_use


@dataclass(frozen=True, slots=True)
class PackageCard:
    """One package of a product as its maker describes it, and what the pharmacy knows of it; None: it is not used."""

    package_id: int
    product_id: int
    ndc: str
    description: str
    gtin14: str | None
    used: PackageInUse | None


@dataclass(frozen=True, slots=True)
class DensityCard:
    """One density that was ever entered for a product, by whom, and how it stands: in force, waits, replaced, ended."""

    density_id: int
    state: str
    g_per_ml: Decimal
    u_g_per_ml: Decimal
    source: str
    entered_by: int
    entered_at: datetime
    approved_by: int | None
    approved_at: datetime | None
    ends_on: date | None
    standing: str


@dataclass(frozen=True, slots=True)
class ProductCard:
    """One product: what the directory says of it, the drug it is used for, its packages and its densities."""

    product_id: int
    ndc: str
    name: str
    nonproprietary: str
    labeler: str
    form: str
    route: str
    strength: str
    schedule: str
    source: str
    drug: DrugFacts | None
    packages: tuple[PackageCard, ...]
    densities: tuple[DensityCard, ...]


def product_card(session: Session, product_id: int, on: date) -> ProductCard:
    """Read one product with all that is known of it on a day. Raises Missing."""
    found = session.get(Product, product_id)
    if found is None:
        raise Missing("This product is not in the formulary.")
    packages = session.scalars(select(Package).where(Package.product_id == product_id).order_by(Package.ndc)).all()
    return ProductCard(
        product_id=found.id,
        ndc=found.ndc,
        name=found.name,
        nonproprietary=found.nonproprietary,
        labeler=found.labeler,
        form=found.form,
        route=found.route,
        strength=found.strength,
        schedule=found.schedule,
        source=found.source,
        drug=None if found.drug_id is None else drug(session, found.drug_id),
        packages=tuple(_card(session, each, on) for each in packages),
        densities=_densities(session, product_id, on),
    )


def package_card(session: Session, package_id: int, on: date) -> PackageCard:
    """Read one package. Raises Missing."""
    found = session.get(Package, package_id)
    if found is None:
        raise Missing("This package is not in the formulary.")
    return _card(session, found, on)


def _card(session: Session, package: Package, on: date) -> PackageCard:
    used = package_in_use(session, package.id, on) if package.container else None
    return PackageCard(package.id, package.product_id, package.ndc, package.description, package.gtin14, used)


def _densities(session: Session, product_id: int, on: date) -> tuple[DensityCard, ...]:
    query = select(Density).where(Density.product_id == product_id)
    rows = session.scalars(query.order_by(Density.state, Density.approved_at.desc(), Density.id.desc())).all()
    in_force: set[str] = set()
    cards = []
    for row in rows:
        standing = "waits"
        if row.approved_at is not None:
            ended = row.ends_on is not None and row.ends_on < on
            standing = "ended" if ended else "replaced" if row.state in in_force else "in force"
        if standing == "in force":
            in_force.add(row.state)
        cards.append(
            DensityCard(
                density_id=row.id, state=row.state, g_per_ml=row.g_per_ml, u_g_per_ml=row.u_g_per_ml,
                source=row.source, entered_by=row.entered_by, entered_at=row.entered_at, approved_by=row.approved_by,
                approved_at=row.approved_at, ends_on=row.ends_on, standing=standing,
            )
        )  # fmt: skip
    return tuple(sorted(cards, key=lambda each: (each.standing != "waits", each.standing != "in force", each.state)))


def lacking(used: PackageInUse) -> tuple[str, ...]:
    """What is not known of a container in use, in words: without it a recipe that needs it can not be planned."""
    found = []
    powder = used.volume_ml == 0
    if powder and used.reconstituted is None:
        found.append("no approved density when reconstituted")
    if powder and used.displacement is None:
        found.append("no displacement")
    if not powder and used.as_supplied is None:
        found.append("no approved density as supplied")
    if used.gross_min_g is None:
        found.append("no mass of a full container")
    return tuple(found)


def in_use_and_lacking(session: Session, on: date) -> tuple[tuple[PackageInUse, tuple[str, ...]], ...]:
    """Every container in use with what is not known of it, by name and size."""
    return tuple((each, lacking(each)) for each in containers_in_use(session, on))
