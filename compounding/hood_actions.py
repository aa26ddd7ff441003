"""What a technician does at the hood: claim, weigh, confirm, photograph. Each is one act with one record."""

from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError

from app.core.canonical import sha256
from app.core.codes import read_code
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.core.workflow import Event, Side
from app.db.session import Tx
from app.labels import actions as labels
from app.labels.house import House
from app.orders.actions import lock_head
from app.orders.queries import dose_facts, order_of_dose, why_not_current
from app.stations.actions import Weight, keep_photo, keep_weight
from app.stations.photos import Picture
from app.work import actions as work
from compounding.container_actions import accept_lot
from compounding.labelling import label_faults, refuse_too_early
from compounding.models import Preparation
from compounding.opened import Opened
from compounding.planning_queries import plan
from compounding.procedure import Shot, may_redo, steps_of
from compounding.queries import in_tray, is_served
from compounding.recipe import Draw, Inject, Inspect, Mix, Reconstitute, Scan, Weigh
from compounding.records import Confirmed, Helped, Photographed, Redone, Weighed
from compounding.replay import with_verdict
from compounding.step_actions import add_record, go_on, hood_of, make_label, open_for_step
from compounding.weighing import refuse_weight


def claim(tx: Tx, dose_id: int, tray_scan: str, house: House) -> int:
    """Claim a dose by scanning an empty tray; its plan is frozen now. Returns the preparation's number.

    Raises Refused for a tray that is not empty, a dose that somebody else has, an order that is not current, a plan
    that lacks something, or a dose whose label could not be printed in the end.
    """
    tx.who.require(May.PREPARE)
    tray = read_code(tray_scan)
    if tray is None or tray.kind != "tray":
        raise Refused("This is not a tray. Scan the code on an empty tray to start the dose.")
    lock_head(tx.session, order_of_dose(tx.session, dose_id))
    dose = dose_facts(tx.session, dose_id)
    if why := why_not_current(tx.session, dose.order):
        raise Refused(f"This dose can not be started: {why}.")
    if dose.order.version != dose.order.newest:
        raise Refused("The order has a newer version. Go back to the worklist and take its dose.")
    if is_served(tx.session, dose_id):
        raise Refused("Somebody was faster: this dose is made already, or being made. Take the next one.")
    hood = hood_of(tx)
    if in_tray(tx.session, tray.text) is not None:
        raise Refused("This tray holds another dose. Take an empty tray and scan it.")
    today = tx.now.astimezone(ZoneInfo(dose.order.zone)).date()
    recipe_id, sheet = plan(tx.session, dose.order, hood, today)
    refuse_too_early(sheet, tx.now, dose.due_at)
    if wrong := label_faults(dose.order, sheet, dose.due_at, bedside=house.bedside):
        raise Refused("The label of this dose could not be printed: " + " ".join(wrong))
    item = work.begin(tx, "preparation", dose_id)
    text = sheet.to_text()
    preparation = Preparation(
        work_id=item.id,
        version_id=dose.order.version_id,
        recipe_id=recipe_id,
        worksheet=text,
        worksheet_sha256=sha256(text),
        tray=tray.text,
    )
    tx.session.add(preparation)
    try:
        tx.session.flush()
    except IntegrityError:
        raise Refused("This tray holds another dose. Take an empty tray and scan it.") from None
    work.move(
        tx,
        item.id,
        Event.CLAIM,
        facts={
            "tray": tray.text,
            "recipe": f"{sheet.recipe.code} version {sheet.recipe.version}",
            "hood": hood.code,
            "worksheet": preparation.worksheet_sha256,
        },
    )
    return item.id


def weigh(tx: Tx, work_id: int, step_key: str, weight: Weight, house: House, *, insist: bool = False) -> None:
    """Accept a settled weight for the step that waits for it, or refuse in words.

    `insist`: the technician accepts 'cannot tell', which the check will show. Over and under are never accepted.
    """
    at = open_for_step(tx, work_id)
    step = at.where.current
    if not isinstance(step, Weigh) or step.key != step_key:
        raise Refused("This weight is no longer waited for. Look at the screen and go on from there.")
    kept = keep_weight(tx, hood_of(tx).id, weight)
    facts = Weighed(weight.value_g, weight.readings, weight.balance_serial, weight.epoch, insist)
    refuse_weight(at.sheet, at.where, step, facts)
    add_record(tx, at, step.key, with_verdict(at.sheet, at.where, step, facts), weighing=kept)
    go_on(tx, work_id, house)


def confirm(tx: Tx, work_id: int, step_key: str, house: House, how: str = "tap") -> None:
    """Say YES to an inspection or a question, or NEXT to an instruction."""
    at = open_for_step(tx, work_id)
    if at.where.question is not None and isinstance(at.where.current, Scan) and at.where.current.key == step_key:
        accept_lot(tx, at, at.where.current, at.where.question)
    elif step_key in _confirmable(at):
        add_record(tx, at, step_key, Confirmed(how))
    else:
        raise Refused("There is nothing to confirm here. Look at the screen and go on from there.")
    go_on(tx, work_id, house)


def _confirmable(at: Opened) -> set[str]:
    inspection = {at.where.current.key} if isinstance(at.where.current, Inspect) else set()
    return inspection | {act.key for act in at.where.acts}


def photograph(tx: Tx, work_id: int, picture: Picture) -> None:
    """Keep the photo of the labelled bag."""
    at = open_for_step(tx, work_id)
    if not isinstance(at.where.current, Shot):
        raise Refused("No photo is waited for now. Look at the screen and go on from there.")
    kept = keep_photo(tx, picture)
    add_record(tx, at, "photo", Photographed(picture.sha256), photo_id=kept.id)


def redo(tx: Tx, work_id: int, step_key: str, reason: str) -> None:
    """Go back to a step that can physically be done again; what followed is set aside, not erased."""
    at = open_for_step(tx, work_id)
    go_back(tx, at, step_key, reason)


def go_back(tx: Tx, at: Opened, step_key: str, reason: str, side: Side = Side.PREPARES) -> None:
    """Set aside a step and what followed it. Raises Refused where that can not physically be done again."""
    if not may_redo(at.sheet, at.where, step_key):
        raise Refused("This step can not be done again: what followed can not be undone. Reject the dose instead.")
    if "label" in at.where.done and step_key not in ("photo", "pair"):
        labels.void(tx, at.item.id)
    add_record(tx, at, step_key, Redone(reason), side=side)


def ask_for_help(tx: Tx, work_id: int, words: str) -> None:
    """Call a pharmacist to the hood; the desk hears of it. Empty words: the help is no longer needed."""
    at = open_for_step(tx, work_id)
    add_record(tx, at, "help", Helped(words))
    tx.tell("queue")


def pause(tx: Tx, work_id: int) -> None:
    """Put a preparation aside; its tray keeps it."""
    work.move(tx, work_id, Event.PAUSE)


def resume(tx: Tx, work_id: int, tray_scan: str) -> None:
    """Take a paused preparation up again, by scanning its tray."""
    _same_tray(tx, work_id, tray_scan)
    work.move(tx, work_id, Event.RESUME)


def take_over(tx: Tx, work_id: int, tray_scan: str) -> None:
    """Go on with somebody else's preparation, by scanning its tray; both have then made it."""
    _same_tray(tx, work_id, tray_scan)
    work.move(tx, work_id, Event.TAKE_OVER)


def reprint(tx: Tx, work_id: int, reason: str, house: House) -> None:
    """Print the label again under a new serial; the one before is void."""
    at = open_for_step(tx, work_id)
    if "label" not in at.where.done:
        raise Refused("This dose has no label yet.")
    make_label(tx, at, house, reason)


def _same_tray(tx: Tx, work_id: int, tray_scan: str) -> None:
    code = read_code(tray_scan)
    preparation = tx.session.get(Preparation, work_id)
    if preparation is None:
        raise Missing("This preparation does not exist.")
    if code is None or code.text != preparation.tray:
        raise Refused(f"Scan the tray of this dose ({preparation.tray}) to go on with it.")


def last_redoable(at: Opened) -> str | None:
    """The last step that is done and can physically be done again."""
    for step in reversed(steps_of(at.sheet.recipe)):
        if isinstance(step, (Reconstitute, Draw, Inject, Mix)) or step.key == "label":
            continue
        if step.key in at.where.done:
            return step.key if may_redo(at.sheet, at.where, step.key) else None
    return None
