"""Signing drawers as prepared, and taking out of them what does not belong there any more, before they leave."""

from collections.abc import Collection
from zoneinfo import ZoneInfo

from app.audit.actions import record
from app.core.codes import read_code
from app.core.errors import Refused
from app.core.permissions import May
from app.core.workflow import Event, State
from app.db.session import Tx
from app.formulary.barcode import read_barcode
from app.formulary.product import Ambiguous
from app.formulary.queries import find_package
from app.identity.actions import Proven
from app.inventory.actions import carry
from app.inventory.place_actions import place_of_cart
from app.work import actions as work
from unitdose.drawer_queries import DrawerStanding, PutFacts, drawer_blockers, drawer_sha256, drawer_standing
from unitdose.models import Pull
from unitdose.queries import LineFacts, drawer_has_left, drawer_labelled, drawers_of


def finish(tx: Tx, fill_id: int, work_ids: Collection[int], proven: Proven, shown: dict[int, str]) -> list[int]:
    """Sign drawers as prepared, all with one proof; returns those that were signed.

    `shown` is the hash of each drawer as it was on the screen. Whoever signs what somebody else began takes it over
    first; both have prepared it. Raises Refused, for all of them, when one is not complete or has changed.
    """
    tx.who.require(May.PICK)
    mine = {each.work_id for each in drawers_of(tx.session, fill_id)}
    if not work_ids or set(work_ids) - mine:
        raise Refused("Choose at least one drawer of this cart to sign.")
    for work_id in sorted(work_ids):
        item = work.hold(tx, work_id)
        standing = drawer_standing(tx.session, work_id)
        if shown.get(work_id) != drawer_sha256(standing):
            raise Refused(
                f"Drawer {standing.facts.number} has changed since you opened the page. Look again, then sign."
            )
        if item.state == State.MAKING and item.holder_id != tx.who.person_id:
            work.move(tx, work_id, Event.TAKE_OVER)
        blockers = drawer_blockers(tx.session, standing)
        work.move(
            tx,
            work_id,
            Event.FINISH,
            proven=proven,
            shown_sha256=drawer_sha256(standing),
            blockers=blockers,
            facts={"packages": len(standing.put), "version": standing.fill.version},
        )
    tx.tell(f"fill:{fill_id}")
    tx.tell("cart checks")
    return sorted(work_ids)


def take_back(tx: Tx, work_id: int, reason: str) -> None:
    """Take a drawer back from the check queue before anybody has checked it. Raises Refused."""
    work.hold(tx, work_id)
    work.move(tx, work_id, Event.TAKE_BACK, reason=reason)


def pull(tx: Tx, drawer_scan: str, unit_scan: str) -> PutFacts:
    """Take a package out of a drawer in the pharmacy: its line was struck. Both are scanned; it goes back to its bin.

    Returns what was taken out, with the bin it belongs into. Raises Refused in words for any other scan.
    """
    tx.who.require(May.PICK)
    code = read_code(drawer_scan)
    drawer = drawer_labelled(tx.session, code.text) if code is not None and code.kind == "label" else None
    if drawer is None:
        raise Refused("This is not the label of a drawer. Scan the drawer first, then the package to take out of it.")
    work.hold(tx, drawer.work_id)
    standing = drawer_standing(tx.session, drawer.work_id)
    if drawer_has_left(tx.session, drawer.work_id):
        raise Refused("This drawer has left: the ward takes it out and sends it back. Nothing was changed.")
    line, put = _meant(tx, standing, unit_scan)
    assert tx.who.person_id is not None
    tx.session.add(Pull(put_id=put.put_id, scan=unit_scan, person_id=tx.who.person_id, at=tx.now))
    tx.session.flush()
    cart = place_of_cart(tx, standing.fill.cart)
    carry(tx, f"pull {put.put_id}", put.lot_id, cart, put.place_id, f"line {line.line_id}")
    record(tx, "pulled", f"drawer {drawer.work_id}", {"line": line.line_id, "lot": put.lot, "scan": unit_scan})
    tx.tell(f"fill:{drawer.fill_id}")
    return put


def _meant(tx: Tx, standing: DrawerStanding, scan: str) -> tuple[LineFacts, PutFacts]:
    """The struck package that a scan means: the product, and the lot where the code says one."""
    if not standing.struck:
        raise Refused(f"Nothing is to be taken out of drawer {standing.facts.number}. Leave it as it is.")
    read = read_barcode(scan, today=tx.now.astimezone(ZoneInfo(standing.fill.zone)).date())
    found = None if read.error else find_package(tx.session, read)
    wanted = " or ".join(dict.fromkeys(line.package.shown for line, _ in standing.struck if line.package))
    if found is None or isinstance(found, Ambiguous):
        raise Refused(f"This code can not be read as a package. Scan {wanted}.")
    for line, puts in standing.struck:
        if line.package is not None and line.package.package_id == found.package_id:
            for put in puts:
                if read.lot in (None, put.lot):
                    return line, put
    raise Refused(f"{found.words} is not to be taken out of this drawer. Take out {wanted}.")
