"""What is set up for the carts: each cart with its times and wards, and what each ward has without a cart."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.errors import Missing
from app.formulary.models import Drug
from app.formulary.unit_dose import UnitDoseFacts
from app.formulary.unit_dose_queries import unit_doses_by_package
from app.stations.models import Unit
from unitdose.cart_models import Cart, CartUnit, PrnPar, UnitStock


@dataclass(frozen=True, slots=True)
class Day:
    """One window of a cart's day, as clocks show it: planned, leaves, exchanged, begins."""

    planned: str
    leaves: str
    exchange: str
    begins: str


@dataclass(frozen=True, slots=True)
class CartCard:
    """A cart as it is set up; minutes before its windows begin; `units` are the codes and names of its wards."""

    cart_id: int
    code: str
    name: str
    zone: str
    starts: str
    cutoff: int
    leaves: int
    exchange: int
    trims_discharges: bool
    printer_url: str
    units: tuple[tuple[str, str], ...]

    @property
    def days(self) -> tuple[Day, ...]:
        """Its windows, one after the other, as clocks show them."""
        return tuple(
            Day(_before(start, self.cutoff), _before(start, self.leaves), _before(start, self.exchange), start)
            for start in self.starts.replace(",", " ").split()
        )


@dataclass(frozen=True, slots=True)
class WardCard:
    """A ward with its cart (number and name, None: no cart serves it), and how many packages it stocks."""

    unit_id: int
    code: str
    name: str
    zone: str
    cart: tuple[int, str] | None
    stocked: int


@dataclass(frozen=True, slots=True)
class Pocket:
    """A package that a ward stocks: where, and since when and why its pocket is out (None: it is not)."""

    package: UnitDoseFacts
    stocked_in: str
    out_at: datetime | None
    out_why: str | None


@dataclass(frozen=True, slots=True)
class WardStock:
    """What a ward has without a cart, and how many as-needed doses of a drug its drawers hold: (number, name, par)."""

    ward: WardCard
    pockets: tuple[Pocket, ...]
    pars: tuple[tuple[int, str, int], ...]


def _before(start: str, minutes: int) -> str:
    digits = start.replace(":", "")
    begins = datetime.combine(date(2000, 1, 2), time(int(digits[:2]) % 24, int(digits[2:])))
    return f"{begins - timedelta(minutes=minutes):%H:%M}"


def carts_set_up(session: Session) -> tuple[CartCard, ...]:
    """Every cart in use, by its code."""
    served: dict[int, tuple[tuple[str, str], ...]] = {}
    query = select(CartUnit.cart_id, Unit.code, Unit.name).join(Unit, Unit.id == CartUnit.unit_id).order_by(Unit.name)
    for cart_id, code, name in session.execute(query):
        served[cart_id] = (*served.get(cart_id, ()), (code, name))
    carts = session.scalars(select(Cart).where(Cart.retired_at.is_(None)).order_by(Cart.code))
    return tuple(
        CartCard(
            cart_id=each.id,
            code=each.code,
            name=each.name,
            zone=each.zone,
            starts=each.starts,
            cutoff=each.cutoff_minutes,
            leaves=each.leaves_minutes,
            exchange=each.exchange_minutes,
            trims_discharges=each.trims_discharges,
            printer_url=each.printer_url or "",
            units=served.get(each.id, ()),
        )
        for each in carts
    )


def cart_set_up(session: Session, cart_id: int) -> CartCard:
    """One cart in use. Raises Missing."""
    found = next((each for each in carts_set_up(session) if each.cart_id == cart_id), None)
    if found is None:
        raise Missing("This cart does not exist, or is not used any more.")
    return found


def wards_set_up(session: Session) -> tuple[WardCard, ...]:
    """Every ward, by its name."""
    stocked = select(UnitStock.unit_id, func.count(UnitStock.id)).group_by(UnitStock.unit_id)
    counts = {unit_id: count for unit_id, count in session.execute(stocked)}
    query = (
        select(Unit.id, Unit.code, Unit.name, Unit.zone, Cart.id, Cart.name)
        .outerjoin(CartUnit, CartUnit.unit_id == Unit.id)
        .outerjoin(Cart, Cart.id == CartUnit.cart_id)
        .order_by(Unit.name)
    )
    return tuple(
        WardCard(unit_id, code, name, zone, None if cart is None else (cart, cart_name), counts.get(unit_id, 0))
        for unit_id, code, name, zone, cart, cart_name in session.execute(query)
    )


def ward_stock(session: Session, unit_id: int) -> WardStock:
    """What a ward stocks, and its as-needed pars. Raises Missing."""
    ward = next((each for each in wards_set_up(session) if each.unit_id == unit_id), None)
    if ward is None:
        raise Missing("This ward does not exist.")
    rows = session.scalars(select(UnitStock).where(UnitStock.unit_id == unit_id)).all()
    packages = unit_doses_by_package(session, [row.package_id for row in rows])
    pockets = [Pocket(packages[row.package_id], row.stocked_in, row.out_at, row.out_why) for row in rows]
    pars = (
        select(PrnPar.drug_id, Drug.name, PrnPar.par)
        .join(Drug, Drug.id == PrnPar.drug_id)
        .where(PrnPar.unit_id == unit_id, PrnPar.par > 0)
        .order_by(Drug.name)
    )
    return WardStock(
        ward,
        tuple(sorted(pockets, key=lambda each: each.package.shown.casefold())),
        tuple((drug_id, name, par) for drug_id, name, par in session.execute(pars)),
    )
