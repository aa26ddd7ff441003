"""Changing a cart that is set up, and taking it out of use. It is never deleted, because records name it."""

from collections.abc import Collection

from sqlalchemy import delete, select

from app.audit.actions import record
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May
from app.core.wording import instant
from app.db.session import Tx
from app.stations.models import Unit
from unitdose.cart_actions import SET_UP, printer_addresses, serve_unit
from unitdose.cart_models import Cart, CartUnit
from unitdose.models import Fill
from unitdose.windows import cart_times


def change_cart(
    tx: Tx,
    cart_id: int,
    name: str,
    starts: str,
    *,
    cutoff: int,
    leaves: int,
    exchange: int,
    units: Collection[str],
    trims_discharges: bool = False,
    printer_url: str | None = None,
) -> frozenset[int]:
    """Change what a cart is called, when its windows begin, and which units it serves; code and zone stay.

    Windows that are opened already keep their times; the next one follows them without a gap. Returns the carts whose
    units changed: their open fills are to be compared with the orders. Raises Refused, Missing and Invalid.
    """
    tx.who.require(May.SET_UP_CARTS)
    cart = _cart(tx, cart_id)
    cart_times(cart.zone, starts, cutoff, leaves, exchange)
    if not name.strip():
        raise Invalid({"name": "Give the cart a name, as people call it."})
    before = _facts(cart)
    cart.name, cart.starts = name.strip(), starts.strip()
    cart.cutoff_minutes, cart.leaves_minutes, cart.exchange_minutes = cutoff, leaves, exchange
    cart.trims_discharges, cart.printer_url = trims_discharges, printer_addresses(printer_url)
    tx.session.flush()
    after = _facts(cart)
    changed = {key: {"from": before[key], "to": after[key]} for key in before if before[key] != after[key]}
    if changed:
        record(tx, "changed", f"cart {cart_id}", changed)
    served = select(Unit.code, CartUnit.cart_id).join(CartUnit, CartUnit.unit_id == Unit.id)
    carts = {code: of for code, of in tx.session.execute(served)}
    touched = set()
    for code in sorted(set(units)):
        if carts.get(code) != cart_id:
            touched |= {cart_id, carts.get(code, cart_id)}
            serve_unit(tx, cart_id, code)
    for code in sorted(each for each, of in carts.items() if of == cart_id and each not in units):
        touched.add(cart_id)
        _serve_no_more(tx, cart_id, code)
    tx.tell(SET_UP)
    tx.tell("fills")
    return frozenset(touched)


def retire_cart(tx: Tx, cart_id: int, reason: str) -> None:
    """Take a cart out of use for good, once nothing of it is under way; its units have no cart then.

    Raises Refused and Missing.
    """
    tx.who.require(May.SET_UP_CARTS)
    cart = _cart(tx, cart_id)
    if not reason.strip():
        raise Refused("Say why the cart is retired: the record shows it.")
    under_way = select(Fill.end_at).where(Fill.cart_id == cart_id, Fill.closed_at.is_(None), Fill.end_at > tx.now)
    if (until := tx.session.scalars(under_way.order_by(Fill.end_at.desc())).first()) is not None:
        raise Refused(
            f"{cart.name} has doses under way, until {instant(until, cart.zone)}. "
            "Bring it to its exchange first, then retire it."
        )
    for code in tx.session.scalars(select(Unit.code).join(CartUnit).where(CartUnit.cart_id == cart_id)).all():
        _serve_no_more(tx, cart_id, code)
    cart.retired_at = tx.now
    tx.session.flush()
    record(tx, "retired", f"cart {cart_id}", {"code": cart.code, "reason": reason.strip()})
    tx.tell(SET_UP)
    tx.tell("fills")


def _cart(tx: Tx, cart_id: int) -> Cart:
    cart = tx.session.scalar(select(Cart).where(Cart.id == cart_id).with_for_update())
    if cart is None or cart.retired_at is not None:
        raise Missing("This cart does not exist, or is not used any more.")
    return cart


def _facts(cart: Cart) -> dict[str, object]:
    return {
        "name": cart.name, "starts": cart.starts, "cutoff": cart.cutoff_minutes, "leaves": cart.leaves_minutes,
        "exchange": cart.exchange_minutes, "trims_discharges": cart.trims_discharges, "printer": cart.printer_url,
    }  # fmt: skip


def _serve_no_more(tx: Tx, cart_id: int, unit_code: str) -> None:
    unit_id = select(Unit.id).where(Unit.code == unit_code).scalar_subquery()
    tx.session.execute(delete(CartUnit).where(CartUnit.unit_id == unit_id, CartUnit.cart_id == cart_id))
    tx.session.flush()
    record(tx, "serves no more", f"cart {cart_id}", {"unit": unit_code})
