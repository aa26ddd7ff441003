"""The cast, two hoods and two packages for the tests of stock."""

from dataclasses import dataclass

import pytest

from app.core.permissions import Role
from app.db.session import SYSTEM, Db, Who
from app.formulary.models import Package, Product
from app.identity.models import Person
from app.stations.models import Station

ROLES = {"tina": Role.TECHNICIAN, "pablo": Role.PHARMACIST, "nina": Role.NURSE}


@dataclass(frozen=True)
class Pharmacy:
    """People, hoods and packages by their numbers."""

    tina: Who
    pablo: Who
    nina: Who
    hood: int
    other_hood: int
    desk: int
    vial: int
    bag: int


@pytest.fixture
def pharmacy(db: Db) -> Pharmacy:
    with db.write(SYSTEM) as tx:
        rows: dict[str, object] = {}
        for name, role in ROLES.items():
            person = Person(name=name, username=name, created_at=tx.now)
            tx.session.add(person)
            tx.session.flush()
            rows[name] = Who(person.id, name, frozenset({role}))
        for name, kind in (("hood", "hood"), ("other_hood", "hood"), ("desk", "desk")):
            station = Station(code=name, kind=kind, name=name.replace("_", " ").title(), px_per_mm=4)
            tx.session.add(station)
            tx.session.flush()
            rows[name] = station.id
        for name, ndc in (("vial", "63323-284"), ("bag", "0338-0049")):
            product = Product(
                ndc=ndc, name=name, nonproprietary=name, labeler="maker", form="", route="", strength="", schedule="",
                source="test",
            )  # fmt: skip
            tx.session.add(product)
            tx.session.flush()
            package = Package(product_id=product.id, ndc=f"{ndc}-01", description=f"1 {name}")
            tx.session.add(package)
            tx.session.flush()
            rows[name] = package.id
    return Pharmacy(**rows)  # type: ignore[arg-type]
