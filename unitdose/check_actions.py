"""What a pharmacist does with a drawer: release it, send it back to be filled again, refuse it, withdraw it.

Nobody checks what they picked: the state machine and the database both say so.
"""

from app.audit.actions import record
from app.core.errors import Refused
from app.core.workflow import Event, State
from app.db.session import Tx
from app.identity.actions import Proven
from app.inventory.actions import carry
from app.inventory.place_actions import place_of_cart, place_of_kind
from app.labels import actions as labels
from app.orders.actions import lock_head
from app.work import actions as work
from unitdose.delta import Change
from unitdose.drawer_queries import DrawerStanding, drawer_blockers, drawer_sha256, drawer_standing
from unitdose.plan_actions import fill_again
from unitdose.queries import drawer_has_left


def release(tx: Tx, work_id: int, proven: Proven, shown: str) -> None:
    """Release a drawer with a signature. `shown` is the hash of the drawer as it was on the screen.

    Raises Refused when anything has changed since, a line was struck and still lies in it, an order is not current, a
    lot was recalled, or the person put any package into it.
    """
    standing = _locked(tx, work_id)
    _refuse_stale(standing, shown)
    work.move(
        tx,
        work_id,
        Event.RELEASE,
        proven=proven,
        shown_sha256=shown,
        blockers=drawer_blockers(tx.session, standing, releasing=True),
        facts={"packages": len(standing.put), "version": standing.fill.version},
    )
    _tell(tx, standing)


def send_back(tx: Tx, work_id: int, reason: str) -> None:
    """Send a drawer back to whoever filled it, with the reason; its packages stay in it."""
    standing = _locked(tx, work_id)
    work.move(tx, work_id, Event.SEND_BACK, reason=reason)
    _tell(tx, standing)


def refuse(tx: Tx, work_id: int, proven: Proven, reason: str, waste: str, shown: str) -> None:
    """Refuse a drawer: what lies in it is wasted, its label is void, and its doses are to be filled again."""
    _end(tx, work_id, Event.REFUSE, proven, reason, waste, shown)


def withdraw(tx: Tx, work_id: int, proven: Proven, reason: str, waste: str, shown: str) -> None:
    """Withdraw a released drawer. In the pharmacy it is wasted; on the ward every package of it is to be taken out."""
    _end(tx, work_id, Event.WITHDRAW, proven, reason, waste, shown)


def _end(tx: Tx, work_id: int, event: Event, proven: Proven, reason: str, waste: str, shown: str) -> None:
    standing = _locked(tx, work_id)
    _refuse_stale(standing, shown)
    work.move(tx, work_id, event, reason=reason, proven=proven, shown_sha256=shown, facts={"waste": waste})
    labels.void(tx, work_id)
    if not drawer_has_left(tx.session, work_id):
        _waste(tx, standing)
    why = "the drawer was refused" if event is Event.REFUSE else "the drawer was withdrawn"
    fill_again(tx, standing.facts.fill_id, work_id, Change.REMOVE, why)
    _tell(tx, standing)


def _waste(tx: Tx, standing: DrawerStanding) -> None:
    cart, waste = place_of_cart(tx, standing.fill.cart), place_of_kind(tx, "waste")
    inside = [*standing.put, *(each for _, puts in standing.struck for each in puts)]
    for each in sorted(inside, key=lambda put: (put.lot_id, put.put_id)):
        carry(tx, f"put {each.put_id} wasted", each.lot_id, cart, waste, f"line {each.line_id}")
    record(tx, "wasted", f"drawer {standing.facts.work_id}", {"packages": len(inside)})


def _locked(tx: Tx, work_id: int) -> DrawerStanding:
    """The drawer, held, with the heads of all its orders locked in their order, read fresh."""
    item = work.hold(tx, work_id)
    if item.state not in (State.MADE, State.RELEASED):
        raise Refused("This drawer does not wait for a check. Reload the page.")
    for order_id in sorted({line.order.order_id for line in drawer_standing(tx.session, work_id).lines}):
        lock_head(tx.session, order_id)
    return drawer_standing(tx.session, work_id)


def _refuse_stale(standing: DrawerStanding, shown: str) -> None:
    """Nobody signs what they have not seen (21 CFR 11.70)."""
    if shown != drawer_sha256(standing):
        raise Refused("The drawer has changed since you opened it. Look at it again, then sign.")


def _tell(tx: Tx, standing: DrawerStanding) -> None:
    for topic in (f"fill:{standing.facts.fill_id}", "fills", "cart checks"):
        tx.tell(topic)
