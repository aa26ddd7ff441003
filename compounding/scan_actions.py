"""A scan at the hood, taken for what it is: a container, a card, a label, a tray. A wrong one is recorded."""

from app.core.codes import Card, Code, card_of, read_code
from app.db.session import Tx
from app.labels import actions as labels
from app.labels.house import House
from compounding.container_actions import container, refuse_lot, shown
from compounding.hood_actions import confirm, go_back, last_redoable, pause
from compounding.opened import Opened
from compounding.procedure import Pair
from compounding.queries import opened
from compounding.recipe import Inspect, Scan
from compounding.records import Half, Helped
from compounding.step_actions import add_record, add_stop, open_for_step, wanted


def scan(tx: Tx, work_id: int, text: str, house: House) -> None:
    """Take a scan at the hood for what it is: a card, a tray, a label or a container. A wrong one is recorded."""
    at = open_for_step(tx, work_id)
    code = read_code(text)
    current = at.where.current
    if code and code.kind == "card":
        _card(tx, at, card_of(code), house)
    elif code and code.kind in ("tray", "label"):
        _half(tx, at, code)
    elif code and code.kind == "badge":
        add_stop(tx, at, "This is a badge", "a badge", wanted(at), "To hand over, scan the PAUSE card first.")
    elif isinstance(current, Scan):
        container(tx, at, current, text)
    else:
        add_stop(tx, at, "Nothing to scan here", shown(text), wanted(at), "Do what the screen says, then go on.")


def _half(tx: Tx, at: Opened, code: Code) -> None:
    """Label and tray, in either order; any other pair than this dose's own is a hard stop."""
    if not isinstance(at.where.current, Pair):
        add_stop(tx, at, f"This is a {code.kind}", code.text, wanted(at), "Do what the screen says, then go on.")
        return
    if code.kind == "tray" and code.text != at.preparation.tray:
        remedy = "Do not apply this label. Bring label, bag and tray of one dose together."
        add_stop(tx, at, "Tray of another dose", code.text, at.preparation.tray, remedy)
        return
    if code.kind == "label":
        live = labels.live_label(tx, at.item.id)
        if code.text != live.serial:
            remedy = "Take this label off the bag. Apply the label that was printed for this dose."
            add_stop(tx, at, "Label of another dose, or a void one", code.text, live.serial, remedy)
            return
    add_record(tx, at, "pair", Half(code.kind, code.text))
    if "pair" in opened(tx.session, at.item.id).where.done:
        labels.confirm(tx, at.item.id)


def _card(tx: Tx, at: Opened, card: Card, house: House) -> None:
    current = at.where.current
    match card:
        case Card.YES if at.where.question is not None and isinstance(current, Scan):
            confirm(tx, at.item.id, current.key, house, "card")
        case Card.YES if isinstance(current, Inspect):
            confirm(tx, at.item.id, current.key, house, "card")
        case Card.NEXT if at.where.acts:
            confirm(tx, at.item.id, at.where.acts[0].key, house, "card")
        case Card.BACK:
            back = last_redoable(at)
            if back is None:
                add_stop(
                    tx, at, "Nothing can be done again here", "BACK card", wanted(at), "Go on, or reject the dose."
                )
            else:
                go_back(tx, at, back, "BACK card")
        case Card.PAUSE:
            pause(tx, at.item.id)
            tx.location = "/hood"
        case Card.HELP:
            add_record(tx, at, "help", Helped("" if at.where.help else "Help is wanted at the hood"))
            tx.tell("queue")
        case Card.REJECT if at.where.question is not None:
            refuse_lot(tx, at, at.where.question, wanted(at))
        case Card.REJECT:
            tx.location = f"/hood/{at.item.id}/reject"
        case _:
            add_stop(tx, at, f"{card} does nothing here", f"{card} card", wanted(at), "Do what the screen says.")
