"""What the subjects of the trail are called, and which subjects somebody's words mean."""

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core.codes import read_code
from app.core.wording import instant
from app.custody.models import ReturnLot
from app.formulary.models import Density, Drug, Product, SiteCode
from app.formulary.queries import called
from app.identity.models import Person
from app.inventory.models import Lot, Place
from app.labels.queries import label_of, thing_of
from app.orders.models import Order, OrderVersion, Patient
from app.stations.models import Station, Unit
from app.work.models import WorkItem
from compounding.models import Preparation, StepRecord
from compounding.models import Recipe as RecipeRow
from unitdose.cart_models import Cart
from unitdose.models import Drawer, Fill, FillLine

MOST = 2000


def names_of(session: Session, subjects: Iterable[str]) -> dict[str, str]:
    """Call subjects ('lot 4', 'preparation 12') by the names that people know them by; unknown ones are left out."""
    numbers: dict[str, set[int]] = {}
    for subject in subjects:
        kind, _, number = subject.rpartition(" ")
        if kind in _NAMES and number.isdigit():
            numbers.setdefault(kind, set()).add(int(number))
    found = {"station browser": "the station of browsers that are enrolled nowhere"}
    for kind, wanted in numbers.items():
        found |= {f"{kind} {number}": name for number, name in _NAMES[kind](session, wanted).items()}
    return found


def meant_by(session: Session, words: str) -> frozenset[str]:
    """Find the subjects that words mean: a patient (MRN or name), an order, a lot, a label, a recipe, a product.

    A patient brings their orders and doses along, a lot and a label the doses they belong to. Empty: nothing is meant.
    """
    text = words.strip()
    code = read_code(text)
    if code is not None and code.kind == "label":
        label = label_of(session, code.text)
        return frozenset({f"label {code.text}"} | ({thing_of(session, label)} if label else set()))
    found: set[str] = set()
    patients = _patients(session, text)
    found |= _subjects("patient", patients)
    in_order = or_(Order.number == text, Order.patient_id.in_(patients))
    orders = set(session.scalars(select(Order.id).where(in_order).limit(MOST)))
    found |= _subjects("order", orders) | _subjects("preparation", _works_of_orders(session, orders))
    lines = select(FillLine.id, FillLine.work_id).where(FillLine.order_id.in_(orders)).limit(MOST)
    for line_id, work_id in session.execute(lines):
        found |= {f"line {line_id}", *([f"drawer {work_id}"] if work_id else [])}
    lots = set(session.scalars(select(Lot.id).where(Lot.number.ilike(_like(text), escape="\\")).limit(MOST)))
    found |= _subjects("lot", lots)
    used = select(StepRecord.work_id).where(StepRecord.lot_id.in_(lots)).distinct()
    found |= _subjects("preparation", session.scalars(used.limit(MOST)))
    for row in session.scalars(select(RecipeRow).where(RecipeRow.code == text.upper())):
        # A signature names the version as people do, every other entry names its row.
        found |= {f"recipe {row.id}", f"recipe {row.code} version {row.version}"}
    if len(text) >= 3:
        named = (Product.name.icontains(text, autoescape=True), Product.ndc == text)
        found |= _subjects("product", session.scalars(select(Product.id).where(or_(*named)).limit(MOST)))
        found |= _subjects(
            "station", session.scalars(select(Station.id).where(Station.name.ilike(_like(text), escape="\\")))
        )
    return frozenset(sorted(found)[: 4 * MOST])


def _patients(session: Session, text: str) -> set[int]:
    exact = select(Patient.id).where(Patient.mrn == text)
    found = set(session.scalars(exact))
    if found or len(text) < 2:
        return found
    query = select(Patient.id)
    for word in text.replace(",", " ").split():
        # SQLite folds the case of A to Z only, and names hold other letters: ångström, ÅNGSTRÖM and Ångström are one.
        forms = {word, word.lower(), word.upper(), word.title()}
        names = (Patient.family, Patient.given)
        query = query.where(or_(*(name.icontains(form, autoescape=True) for name in names for form in forms)))
    return set(session.scalars(query.limit(MOST)))


def _works_of_orders(session: Session, orders: set[int]) -> set[int]:
    query = select(Preparation.work_id).join(OrderVersion, OrderVersion.id == Preparation.version_id)
    return set(session.scalars(query.where(OrderVersion.order_id.in_(orders)).limit(MOST)))


def _subjects(kind: str, numbers: Iterable[int]) -> set[str]:
    return {f"{kind} {number}" for number in numbers}


def _like(text: str) -> str:
    """A pattern that matches the whole text, whatever its case."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _people(session: Session, wanted: set[int]) -> Mapping[int, str]:
    return {row.id: row.name for row in session.execute(select(Person.id, Person.name).where(Person.id.in_(wanted)))}


def _patient_names(session: Session, wanted: set[int]) -> Mapping[int, str]:
    rows = session.scalars(select(Patient).where(Patient.id.in_(wanted)))
    return {row.id: f"{row.family.upper()}, {row.given} (MRN {row.mrn})" for row in rows}


def _orders(session: Session, wanted: set[int]) -> Mapping[int, str]:
    query = (
        select(Order.id, Order.number, OrderVersion.title, Patient.mrn)
        .join(OrderVersion, (OrderVersion.order_id == Order.id) & (OrderVersion.number == Order.newest))
        .join(Patient, Patient.id == Order.patient_id)
    )
    rows = session.execute(query.where(Order.id.in_(wanted)))
    return {row.id: f"order {row.number} ({row.title}, MRN {row.mrn})" for row in rows}


def _preparations(session: Session, wanted: set[int]) -> Mapping[int, str]:
    query = (
        select(WorkItem.id, Preparation.tray, OrderVersion.title, Patient.mrn)
        .join(Preparation, Preparation.work_id == WorkItem.id)
        .join(OrderVersion, OrderVersion.id == Preparation.version_id)
        .join(Order, Order.id == OrderVersion.order_id)
        .join(Patient, Patient.id == Order.patient_id)
    )
    rows = session.execute(query.where(WorkItem.id.in_(wanted)))
    return {row.id: f"{row.title} (tray {row.tray}, MRN {row.mrn})" for row in rows}


def _lots(session: Session, wanted: set[int]) -> Mapping[int, str]:
    lots = session.scalars(select(Lot).where(Lot.id.in_(wanted))).all()
    names = called(session, {lot.package_id for lot in lots})
    return {lot.id: f"lot {lot.number} of {names[lot.package_id]}" for lot in lots}


def _products(session: Session, wanted: set[int]) -> Mapping[int, str]:
    query = select(Product.id, Product.name, Product.ndc).where(Product.id.in_(wanted))
    return {row.id: f"{row.name} ({row.ndc})" for row in session.execute(query)}


def _densities(session: Session, wanted: set[int]) -> Mapping[int, str]:
    query = select(Density.id, Density.state, Product.name).join(Product, Product.id == Density.product_id)
    rows = session.execute(query.where(Density.id.in_(wanted)))
    return {row.id: f"the density of {row.name}, {row.state}" for row in rows}


def _recipes(session: Session, wanted: set[int]) -> Mapping[int, str]:
    query = select(RecipeRow.id, RecipeRow.code, RecipeRow.version).where(RecipeRow.id.in_(wanted))
    return {row.id: f"recipe {row.code} version {row.version}" for row in session.execute(query)}


def _codes(session: Session, wanted: set[int]) -> Mapping[int, str]:
    query = select(SiteCode.id, SiteCode.code, SiteCode.text, SiteCode.sender).where(SiteCode.id.in_(wanted))
    return {row.id: f"“{row.code} {row.text}” from {row.sender}" for row in session.execute(query)}


def _fills(session: Session, wanted: set[int]) -> Mapping[int, str]:
    query = select(Fill.id, Fill.kind, Fill.start_at, Fill.zone, Cart.name).join(Cart, Cart.id == Fill.cart_id)
    rows = session.execute(query.where(Fill.id.in_(wanted)))
    return {
        row.id: f"{'first doses of ' if row.kind == 'first dose' else ''}{row.name}, {instant(row.start_at, row.zone)}"
        for row in rows
    }


def _drawers(session: Session, wanted: set[int]) -> Mapping[int, str]:
    query = select(Drawer.work_id, Drawer.number, Drawer.fill_id, Patient.mrn)
    query = query.join(Patient, Patient.id == Drawer.patient_id).where(Drawer.work_id.in_(wanted))
    rows = session.execute(query).all()
    fills = _fills(session, {row.fill_id for row in rows})
    return {row.work_id: f"drawer {row.number} of {fills[row.fill_id]} (MRN {row.mrn})" for row in rows}


def _lines(session: Session, wanted: set[int]) -> Mapping[int, str]:
    query = (
        select(FillLine.id, FillLine.due_at, OrderVersion.title, OrderVersion.zone, Patient.mrn)
        .join(OrderVersion, OrderVersion.id == FillLine.version_id)
        .join(Order, Order.id == FillLine.order_id)
        .join(Patient, Patient.id == Order.patient_id)
    )
    rows = session.execute(query.where(FillLine.id.in_(wanted)))
    return {
        row.id: f"{row.title}, {instant(row.due_at, row.zone) if row.due_at else 'as needed'} (MRN {row.mrn})"
        for row in rows
    }


def _return_lots(session: Session, wanted: set[int]) -> Mapping[int, str]:
    query = select(ReturnLot.id, Unit.name).join(Unit, Unit.id == ReturnLot.unit_id)
    rows = session.execute(query.where(ReturnLot.id.in_(wanted)))
    return {row.id: f"the old drawers of {row.name}" for row in rows}


Naming = Callable[[Session, set[int]], Mapping[int, str]]


def _named(table: type[Drug] | type[Station] | type[Unit] | type[Place] | type[Cart]) -> Naming:
    def find(session: Session, wanted: set[int]) -> Mapping[int, str]:
        rows = session.execute(select(table.id, table.name).where(table.id.in_(wanted)))
        return {row.id: row.name for row in rows}

    return find


_NAMES: dict[str, Naming] = {
    "person": _people,
    "patient": _patient_names,
    "order": _orders,
    "preparation": _preparations,
    "lot": _lots,
    "product": _products,
    "package": called,
    "density": _densities,
    "recipe": _recipes,
    "code": _codes,
    "drug": _named(Drug),
    "station": _named(Station),
    "unit": _named(Unit),
    "place": _named(Place),
    "cart": _named(Cart),
    "fill": _fills,
    "drawer": _drawers,
    "line": _lines,
    "return lot": _return_lots,
}
