"""A scan while picking, taken for what it is: the bin, a package, a drawer, a card. A wrong one is a hard stop."""

from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from app.audit.actions import record
from app.core.canonical import canonical
from app.core.codes import Card, card_of, read_code
from app.core.errors import Refused
from app.core.permissions import May
from app.core.wording import day
from app.core.workflow import Event, Side, State
from app.db.session import Tx
from app.formulary.barcode import Barcode, read_barcode
from app.formulary.product import Ambiguous
from app.formulary.queries import find_package
from app.inventory.actions import carry, lot_for
from app.inventory.fefo import last_minute
from app.inventory.models import Lot
from app.inventory.place_actions import place_of_cart
from app.inventory.queries import recall_of
from app.work import actions as work
from app.work.models import WorkItem
from unitdose.models import FillLine, Put, Stop
from unitdose.pick_actions import end_stop, go_on
from unitdose.pick_queries import PICKABLE, At, Halt, stop_at, where_am_i
from unitdose.picking import PickStop, ToPut
from unitdose.queries import drawer_labelled, fill_facts


def scan(tx: Tx, text: str) -> None:
    """Take a scan at a stop for what it is: the bin, a package, a drawer, or a card. A wrong one is a hard stop.

    Raises Refused for whoever stands at no stop.
    """
    tx.who.require(May.PICK)
    mine = where_am_i(tx.session, tx.who.person_id)
    if mine is None:
        raise Refused("You are not picking now. Choose a cart and start.")
    stop = stop_at(tx.session, mine.fill_id, mine.key)
    if stop is None:
        # What waited here has been taken off the plan, or somebody has put it: go on.
        end_stop(tx, mine.stop_id)
        go_on(tx, mine.fill_id, mine.key)
        return
    code = read_code(text)
    if code is None:
        _package(tx, mine, stop, text)
    elif code.kind == "label":
        _put(tx, mine, stop, code.text)
    elif code.kind == "location":
        _at_bin(tx, mine, stop, code.text)
    elif code.kind == "card":
        _card(tx, mine, stop, card_of(code))
    else:
        _halt(tx, mine, f"This is a {code.kind}", code.text, _wanted(mine, stop), "Do what the screen says.")


def _wanted(mine: At, stop: PickStop) -> str:
    if mine.hand_lot_id is None:
        return stop.package.shown
    return "drawer " + " or ".join(dict.fromkeys(str(each.drawer) for each in _for_hand(mine, stop)))


def _for_hand(mine: At, stop: PickStop) -> tuple[ToPut, ...]:
    return tuple(each for each in stop.puts if each.lot_id == mine.hand_lot_id)


def _at_bin(tx: Tx, mine: At, stop: PickStop, text: str) -> None:
    if text != stop.spot.code:
        shown = text.removeprefix("LOC-")
        _halt(tx, mine, "Another bin", shown, stop.spot.shown, f"Go to {stop.spot.shown}.")
        return
    _clear(tx, mine)


def _card(tx: Tx, mine: At, stop: PickStop, card: Card) -> None:
    row = tx.session.get_one(Stop, mine.stop_id)
    match card:
        case Card.YES if mine.said_lot_id is None:
            row.said_lot_id, row.halt = stop.puts[0].lot_id, None
        case Card.REJECT if mine.hand_lot_id is not None:
            row.hand, row.hand_lot_id, row.halt = None, None, None
        case Card.NEXT if mine.hand_lot_id is None:
            end_stop(tx, mine.stop_id)
            go_on(tx, mine.fill_id, mine.key)
            return
        case _:
            _halt(
                tx, mine, f"{card} does nothing here", f"{card} card", _wanted(mine, stop), "Do what the screen says."
            )
            return
    tx.session.flush()
    tx.tell(f"fill:{mine.fill_id}")


# --- the package ----------------------------------------------------------------------------------------------------


def _package(tx: Tx, mine: At, stop: PickStop, text: str) -> None:
    zone = fill_facts(tx.session, mine.fill_id).zone
    read = read_barcode(text, today=tx.now.astimezone(ZoneInfo(zone)).date())
    if mine.hand_lot_id is not None:
        remedy = "Scan the drawer for the package in your hand first."
        _halt(tx, mine, "One package at a time", _shown(text), _wanted(mine, stop), remedy)
        return
    if read.error:
        remedy = "Scan it again. If the code is damaged, take another package."
        _halt(tx, mine, "Not readable", _shown(text), stop.package.shown, remedy)
        return
    found = find_package(tx.session, read)
    if isinstance(found, Ambiguous):
        _halt(tx, mine, "Not sure which product this is", _shown(text), stop.package.shown, found.why)
        return
    if found is None or found.package_id != stop.package.package_id:
        name = "an unknown product" if found is None else f"{found.words} ({found.ndc})"
        _halt(tx, mine, "Wrong product", name, stop.package.shown, "Put it back and take the right one.")
        return
    lot = _lot_of(tx, mine, stop, read)
    if lot is None:
        return
    if why := _why_not(tx, mine, stop, lot, zone):
        what, remedy = why
        scanned = f"lot {lot.number}, expires {day(lot.expiry)}"
        lots = " or ".join(number for _, number in stop.lots)
        _halt(tx, mine, what, scanned, f"lot {lots}", remedy)
        return
    row = tx.session.get_one(Stop, mine.stop_id)
    row.hand, row.hand_lot_id, row.halt = text, lot.id, None
    tx.session.flush()
    tx.tell(f"fill:{mine.fill_id}")


def _lot_of(tx: Tx, mine: At, stop: PickStop, read: Barcode) -> Lot | None:
    """The lot of a scanned package: from its code, else the one that was read from the package at this stop."""
    if read.lot is not None and read.expiry is not None:
        return lot_for(tx, package_id=stop.package.package_id, number=read.lot, expiry=read.expiry)
    said = mine.said_lot_id
    if said in {lot_id for lot_id, _ in stop.lots}:
        return tx.session.get_one(Lot, said)
    lot = tx.session.get_one(Lot, stop.puts[0].lot_id)
    remedy = (
        f"Read the package: is it lot {lot.number}, expires {day(lot.expiry)}? Then YES, and scan it again. "
        "If not, put it back and tell that the bin is wrong."
    )
    _halt(tx, mine, "The code says no lot", "a code without lot and expiry", f"lot {lot.number}", remedy)
    return None


def _why_not(tx: Tx, mine: At, stop: PickStop, lot: Lot, zone: str) -> tuple[str, str] | None:
    """Why a lot of the right product may not be taken: recalled, expired, or not the one that was set aside."""
    if reason := recall_of(tx.session, lot):
        return "Recalled", f"Recalled: {reason}. Put it in quarantine and tell a pharmacist."
    last = last_minute(lot.expiry, zone)
    if last < tx.now:
        return "Expired", "Put it in quarantine. Take one that is in date."
    if last < fill_facts(tx.session, mine.fill_id).end_at:
        return "Expires too soon", "It expires before the last dose of this cart is given. Take the lot on the screen."
    if lot.id not in {lot_id for lot_id, _ in stop.lots}:
        return "Another lot", "Put it back. Take the lot on the screen; if it is not there, say that the bin is short."
    return None


# --- the drawer -----------------------------------------------------------------------------------------------------


def _put(tx: Tx, mine: At, stop: PickStop, serial: str) -> None:
    drawer = drawer_labelled(tx.session, serial)
    if drawer is None or drawer.fill_id != mine.fill_id:
        remedy = "Scan the label of a drawer of the cart that you are picking."
        _halt(tx, mine, "Not a drawer of this cart", serial, _wanted(mine, stop), remedy)
        return
    name = f"drawer {drawer.number}"
    if mine.hand_lot_id is None:
        waits = any(each.work_id == drawer.work_id for each in stop.puts)
        remedy = "Scan the package first, then its drawer." if waits else "This drawer has all it gets of this package."
        _halt(tx, mine, "No package in your hand", name, stop.package.shown, remedy)
        return
    waiting = [each for each in _for_hand(mine, stop) if each.work_id == drawer.work_id]
    if not waiting:
        _halt(
            tx, mine, "Wrong drawer", name, _wanted(mine, stop), "Put the package into a drawer that is on the screen."
        )
        return
    item = work.hold(tx, drawer.work_id)
    if item.state not in PICKABLE:
        raise Refused(f"Drawer {drawer.number} is finished already. Put the package back and scan the REJECT card.")
    _take_part(tx, item)
    _book(tx, mine, stop, waiting[0], serial)
    _clear(tx, mine, hand=True)
    if stop.quantity == 1:
        end_stop(tx, mine.stop_id)
        go_on(tx, mine.fill_id, mine.key)


def _take_part(tx: Tx, item: WorkItem) -> None:
    """The first who puts something into a drawer claims it; whoever else puts something has prepared it too."""
    if item.state == State.QUEUED:
        work.move(tx, item.id, Event.CLAIM)
    else:
        work.take_part(tx, item.id, Side.PREPARES)


def _book(tx: Tx, mine: At, stop: PickStop, to: ToPut, serial: str) -> None:
    row = tx.session.get_one(Stop, mine.stop_id)
    assert tx.who.person_id is not None and row.hand is not None
    line = tx.session.get_one(FillLine, to.line_id)
    read = read_barcode(row.hand, today=tx.now.date())
    last = tx.session.scalar(select(func.max(Put.number)).where(Put.line_id == to.line_id)) or 0
    put = Put(
        line_id=to.line_id,
        number=last + 1,
        work_id=to.work_id,
        lot_id=to.lot_id,
        place_id=stop.spot.place_id,
        scan=row.hand,
        coded=read.lot is not None and read.expiry is not None,
        drawer_scan=serial,
        person_id=tx.who.person_id,
        side=Side.PREPARES,
        station_id=tx.who.station_id,
        at=tx.now,
    )
    tx.session.add(put)
    tx.session.flush()
    cart = place_of_cart(tx, fill_facts(tx.session, mine.fill_id).cart)
    carry(tx, f"put {put.id}", to.lot_id, stop.spot.place_id, cart, f"line {line.id}")
    facts = {"line": line.id, "lot": to.lot, "scan": row.hand, "label": serial}
    record(tx, "put", f"drawer {to.work_id}", facts)


# --- hard stops -----------------------------------------------------------------------------------------------------


def _halt(tx: Tx, mine: At, what: str, scanned: str, wanted: str, remedy: str) -> None:
    halt = Halt(what, scanned, wanted, remedy)
    tx.session.get_one(Stop, mine.stop_id).halt = canonical(halt)
    tx.session.flush()
    facts = {"what": what, "scanned": scanned, "wanted": wanted}
    record(tx, "stopped at picking", f"fill {mine.fill_id}", facts)
    tx.tell(f"fill:{mine.fill_id}")


def _clear(tx: Tx, mine: At, *, hand: bool = False) -> None:
    row = tx.session.get_one(Stop, mine.stop_id)
    row.halt = None
    if hand:
        row.hand = row.hand_lot_id = None
    tx.session.flush()
    tx.tell(f"fill:{mine.fill_id}")


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:60] or "nothing readable"
