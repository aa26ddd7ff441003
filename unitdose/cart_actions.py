"""Setting up carts, what units stock, and a pharmacist's decisions about an order's product."""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import delete, select

from app.audit.actions import record
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May
from app.core.quantity import plain
from app.db.session import Tx
from app.formulary.models import Drug
from app.formulary.unit_dose_queries import unit_dose, unit_doses_by_package
from app.orders.actions import lock_head
from app.orders.models import OrderComponent
from app.orders.queries import order_facts, version_of
from app.stations.models import Unit
from devices.printers import printer_from_url
from unitdose.cart_models import STOCKED_IN, Cart, CartUnit, OwnSupply, PrnPar, ProductChoice, UnitStock
from unitdose.units import split
from unitdose.windows import cart_times

SET_UP = "carts"


def add_cart(
    tx: Tx,
    code: str,
    name: str,
    zone: str,
    starts: str,
    *,
    cutoff: int = 240,
    leaves: int = 90,
    exchange: int = 60,
    units: tuple[str, ...] = (),
    trims_discharges: bool = False,
    printer_url: str | None = None,
) -> int:
    """Set up a cart with the units of its ward group; minutes before its window for cutoff, leaving and exchange.

    Raises Refused, Missing and Invalid.
    """
    tx.who.require(May.SET_UP_CARTS)
    cart_times(zone, starts, cutoff, leaves, exchange)
    wrong = {}
    if not code.strip():
        wrong["code"] = "Give the cart a short code, as it stands on the cart: 7W."
    if not name.strip():
        wrong["name"] = "Give the cart a name, as people call it: Cart 7 West."
    if wrong:
        raise Invalid(wrong)
    if tx.session.scalar(select(Cart.id).where(Cart.code == code.strip())) is not None:
        raise Invalid({"code": f"There is a cart '{code.strip()}' already."})
    cart = Cart(
        code=code.strip(),
        name=name.strip(),
        zone=zone.strip(),
        starts=starts.strip(),
        cutoff_minutes=cutoff,
        leaves_minutes=leaves,
        exchange_minutes=exchange,
        trims_discharges=trims_discharges,
        printer_url=printer_addresses(printer_url),
    )
    tx.session.add(cart)
    tx.session.flush()
    facts = {"code": cart.code, "zone": cart.zone, "starts": cart.starts, "units": list(units)}
    record(tx, "set up", f"cart {cart.id}", facts)
    for unit in units:
        serve_unit(tx, cart.id, unit)
    tx.tell(SET_UP)
    tx.tell("fills")
    return cart.id


def printer_addresses(printer_url: str | None) -> str | None:
    """The addresses of a cart's label printers, one blank between two. Raises Invalid."""
    addresses = (printer_url or "").split()
    try:
        for each in addresses:
            printer_from_url(each)
    except ValueError as wrong:
        raise Invalid({"printer_url": str(wrong)}) from None
    return " ".join(addresses) or None


def serve_unit(tx: Tx, cart_id: int, unit_code: str) -> None:
    """Let a cart serve a unit from now on; a unit has one cart. Raises Refused, Missing and Invalid."""
    tx.who.require(May.SET_UP_CARTS)
    cart, unit = tx.session.get(Cart, cart_id), tx.session.scalar(select(Unit).where(Unit.code == unit_code))
    if cart is None or unit is None:
        raise Missing(f"There is no {'cart' if cart is None else f'unit {unit_code}'}.")
    if unit.zone != cart.zone:
        raise Invalid({
            "units": f"{unit.code} keeps the time of {unit.zone or 'no zone'}, the cart that of {cart.zone}: "
            "a cart's units share one zone."
        })  # fmt: skip
    tx.session.execute(delete(CartUnit).where(CartUnit.unit_id == unit.id))
    tx.session.add(CartUnit(unit_id=unit.id, cart_id=cart_id))
    tx.session.flush()
    record(tx, "serves", f"cart {cart_id}", {"unit": unit.code})
    tx.tell(SET_UP)


def stock_unit(tx: Tx, unit_id: int, package_id: int, stocked_in: str = "cabinet") -> None:
    """Say that a unit stocks a package in its cabinet or on its floor. Raises Refused, Missing and Invalid."""
    tx.who.require(May.SET_UP_CARTS)
    if stocked_in not in STOCKED_IN:
        raise Invalid({"stocked_in": "A unit stocks it in its cabinet or as floor stock: choose one."})
    _ward(tx, unit_id)
    if unit_dose(tx.session, package_id) is None:
        raise Missing("This package is not in use as a unit dose.")
    row = _stock(tx, unit_id, package_id)
    if row is None:
        row = UnitStock(unit_id=unit_id, package_id=package_id)
        tx.session.add(row)
    row.stocked_in, row.changed_at, row.out_at, row.out_why = stocked_in, tx.now, None, None
    tx.session.flush()
    record(tx, "stocked on the unit", f"unit {unit_id}", {"package_id": package_id, "in": stocked_in})
    tx.tell(SET_UP)


def unstock_unit(tx: Tx, unit_id: int, package_id: int) -> int | None:
    """Say that a unit does not stock a package any more; the cart brings its doses then.

    Returns the unit's cart, whose open fills are to be compared with the orders. Raises Refused and Missing.
    """
    tx.who.require(May.SET_UP_CARTS)
    row = _stock(tx, unit_id, package_id)
    if row is None:
        raise Missing("This unit does not stock that package.")
    tx.session.delete(row)
    tx.session.flush()
    record(tx, "not stocked on the unit", f"unit {unit_id}", {"package_id": package_id})
    tx.tell(SET_UP)
    return tx.session.scalar(select(CartUnit.cart_id).where(CartUnit.unit_id == unit_id))


def flag_out(tx: Tx, unit_id: int, package_id: int, why: str | None) -> None:
    """Flag a unit's pocket as out (empty, recalled), or with None as filled again; the cart then brings the doses.

    Anyone who picks may see that a pocket is empty. Raises Refused and Missing.
    """
    tx.who.require(May.PICK)
    row = _stock(tx, unit_id, package_id)
    if row is None:
        raise Missing("This unit does not stock that package.")
    row.changed_at = tx.now
    row.out_at, row.out_why = (tx.now, why.strip() or "empty") if why is not None else (None, None)
    tx.session.flush()
    record(tx, "pocket out" if why is not None else "pocket filled", f"unit {unit_id}", {"package_id": package_id})
    tx.tell("fills")


def _stock(tx: Tx, unit_id: int, package_id: int) -> UnitStock | None:
    query = select(UnitStock).where(UnitStock.unit_id == unit_id, UnitStock.package_id == package_id)
    return tx.session.scalar(query)


def set_par(tx: Tx, unit_id: int, drug_id: int, par: int) -> None:
    """Set how many as-needed doses of a drug a patient's drawer holds on a unit; 0 for none.

    Raises Refused, Missing and Invalid.
    """
    tx.who.require(May.SET_UP_CARTS)
    _ward(tx, unit_id)
    if par < 0 or tx.session.get(Drug, drug_id) is None:
        raise Invalid({"par": "Enter for a known drug how many as-needed doses the drawer holds: 0 or more."})
    row = tx.session.get(PrnPar, (unit_id, drug_id)) or PrnPar(unit_id=unit_id, drug_id=drug_id)
    row.par = par
    tx.session.add(row)
    tx.session.flush()
    record(tx, "as-needed par", f"unit {unit_id}", {"drug_id": drug_id, "par": par})
    tx.tell(SET_UP)


def _ward(tx: Tx, unit_id: int) -> None:
    if tx.session.get(Unit, unit_id) is None:
        raise Missing("This ward does not exist.")


def use_own(tx: Tx, order_id: int, own: bool = True) -> None:
    """Decide that a patient's own medication is used for an order, or not any more. For a pharmacist."""
    tx.who.require(May.CHOOSE_PRODUCT)
    lock_head(tx.session, order_id)
    open_one = select(OwnSupply).where(OwnSupply.order_id == order_id, OwnSupply.ended_at.is_(None))
    row = tx.session.scalar(open_one)
    if own and row is None:
        assert tx.who.person_id is not None
        tx.session.add(OwnSupply(order_id=order_id, person_id=tx.who.person_id, at=tx.now))
    elif not own and row is not None:
        row.ended_at = tx.now
    tx.session.flush()
    record(tx, "own medication" if own else "no own medication", f"order {order_id}", {})
    tx.tell("fills")


def choose_products(tx: Tx, order_id: int, units: Mapping[int, Decimal]) -> None:
    """Choose by which packages an order's dose is made ('75 mg as 50 + 25'), so many units of each. For a pharmacist.

    Holds for this content of the order only; a changed order is asked again. Raises Refused, Missing and Invalid.
    """
    tx.who.require(May.CHOOSE_PRODUCT)
    head = lock_head(tx.session, order_id)
    version = version_of(tx.session, order_id, head.newest)
    order = order_facts(tx.session, version.id)
    if len(order.doses) != 1:
        raise Refused("Only an order of one drug has a product to choose.")
    packages = unit_doses_by_package(tx.session, units)
    drug_ids = set(tx.session.scalars(select(OrderComponent.drug_id).where(OrderComponent.version_id == version.id)))
    if set(packages) != set(units) or {each.drug_id for each in packages.values()} - drug_ids:
        raise Invalid({"packages": "Choose packages of the ordered drug only: another drug is another order."})
    try:
        split(next(iter(order.doses.values())), [(packages[each], plain(count)) for each, count in units.items()])
    except ValueError as wrong:
        raise Invalid({"packages": str(wrong)}) from None
    same = (ProductChoice.order_id == order_id, ProductChoice.content_sha256 == version.content_sha256)
    tx.session.execute(delete(ProductChoice).where(*same))
    assert tx.who.person_id is not None
    for package_id, count in units.items():
        tx.session.add(
            ProductChoice(
                order_id=order_id,
                content_sha256=version.content_sha256,
                package_id=package_id,
                units=count,
                person_id=tx.who.person_id,
                at=tx.now,
            )
        )
    tx.session.flush()
    record(tx, "product chosen", f"order {order_id}", {"units": {str(k): v for k, v in sorted(units.items())}})
    tx.tell("fills")
