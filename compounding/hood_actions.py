"""What a technician does at the hood: claim, scan, weigh, confirm, photograph. Each is one act with one record."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError

from app.audit.actions import record
from app.core.canonical import sha256
from app.core.codes import Card, Code, card_of, read_code
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.core.wording import day
from app.core.workflow import Event, Side, State
from app.db.session import Tx
from app.formulary.barcode import read_barcode
from app.formulary.product import Ambiguous
from app.formulary.queries import find_package
from app.inventory.actions import lot_for
from app.inventory.models import Lot
from app.inventory.queries import container_problems, staged_at
from app.labels import actions as labels
from app.labels.content import DispenseLabel
from app.orders.actions import lock_head, why_not_current
from app.orders.queries import dose_facts
from app.stations.actions import Weight, keep_photo, keep_weight
from app.stations.models import Station
from app.stations.photos import Picture
from app.work import actions as work
from compounding.labelling import dispense_label
from compounding.models import Preparation, StepRecord
from compounding.planning import plan
from compounding.procedure import Label, Pair, Shot, Standing, may_redo, steps_of
from compounding.queries import Opened, in_tray, opened, serial_in_hand
from compounding.recipe import Draw, Inject, Inspect, Mix, Reconstitute, Scan, Weigh
from compounding.records import (
    Asked,
    Confirmed,
    Facts,
    Half,
    Helped,
    Labelled,
    Photographed,
    Redone,
    Scanned,
    Stopped,
    Weighed,
    kind_of,
    to_text,
)
from compounding.weighing import refuse_weight


@dataclass(frozen=True)
class House:
    """What the acts need to know of the hospital: its name on labels, how they are rendered, whether this is TEST."""

    name: str
    render: Callable[[DispenseLabel], bytes]
    bedside: str
    test: bool


def claim(tx: Tx, dose_id: int, tray_scan: str) -> int:
    """Claim a dose by scanning an empty tray; its plan is frozen now. Returns the preparation's number.

    Raises Refused for a tray that is not empty, a dose that somebody else has, an order that is not current, or a
    plan that lacks something.
    """
    tx.who.require(May.PREPARE)
    tray = read_code(tray_scan)
    if tray is None or tray.kind != "tray":
        raise Refused("This is not a tray. Scan the code on an empty tray to start the dose.")
    dose = dose_facts(tx.session, dose_id)
    lock_head(tx.session, dose.order.order_id)
    if why := why_not_current(tx.session, dose.order.version_id):
        raise Refused(f"This dose can not be started: {why}.")
    hood = _hood(tx)
    if in_tray(tx.session, tray.text) is not None:
        raise Refused("This tray holds another dose. Take an empty tray and scan it.")
    today = tx.now.astimezone(ZoneInfo(dose.order.zone)).date()
    recipe_id, sheet = plan(tx.session, dose.order, hood, today)
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
        facts={"tray": tray.text, "recipe": f"{sheet.recipe.code} version {sheet.recipe.version}", "hood": hood.code},
    )
    return item.id


def scan(tx: Tx, work_id: int, text: str, house: House) -> None:
    """Take a scan at the hood for what it is: a card, a tray, a label or a container. A wrong one is recorded."""
    at = _open(tx, work_id)
    code = read_code(text)
    current = at.where.current
    if code and code.kind == "card":
        _card(tx, at, card_of(code), house)
    elif code and code.kind in ("tray", "label"):
        _half(tx, at, code)
    elif code and code.kind == "badge":
        _stop(tx, at, "This is a badge", "a badge", _wanted(at), "To hand over, scan the PAUSE card first.")
    elif isinstance(current, Scan):
        _container(tx, at, current, text)
    else:
        _stop(tx, at, "Nothing to scan here", _shown(text), _wanted(at), "Do what the screen says, then go on.")


def weigh(tx: Tx, work_id: int, step_key: str, weight: Weight, house: House, *, insist: bool = False) -> None:
    """Accept a settled weight for the step that waits for it, or refuse in words.

    `insist`: the technician accepts 'cannot tell', which the check will show. Over and under are never accepted.
    """
    at = _open(tx, work_id)
    step = at.where.current
    if not isinstance(step, Weigh) or step.key != step_key:
        raise Refused("This weight is no longer waited for. Look at the screen and go on from there.")
    kept = keep_weight(tx, _hood(tx).id, weight)
    facts = Weighed(weight.value_g, weight.readings, weight.balance_serial, weight.epoch, insist)
    refuse_weight(at.sheet, at.where, step, facts)
    _add(tx, at, step.key, facts, weighing_id=kept.id)
    _go_on(tx, work_id, house)


def confirm(tx: Tx, work_id: int, step_key: str, house: House, how: str = "tap") -> None:
    """Say YES to an inspection or a question, or NEXT to an instruction."""
    at = _open(tx, work_id)
    if at.where.question is not None and isinstance(at.where.current, Scan) and at.where.current.key == step_key:
        _accept_lot(tx, at, at.where.current, at.where.question)
    elif step_key in _confirmable(at):
        _add(tx, at, step_key, Confirmed(how))
    else:
        raise Refused("There is nothing to confirm here. Look at the screen and go on from there.")
    _go_on(tx, work_id, house)


def _confirmable(at: Opened) -> set[str]:
    inspection = {at.where.current.key} if isinstance(at.where.current, Inspect) else set()
    return inspection | {act.key for act in at.where.acts}


def photograph(tx: Tx, work_id: int, picture: Picture) -> None:
    """Keep the photo of the labelled bag."""
    at = _open(tx, work_id)
    if not isinstance(at.where.current, Shot):
        raise Refused("No photo is waited for now. Look at the screen and go on from there.")
    kept = keep_photo(tx, picture)
    _add(tx, at, "photo", Photographed(picture.sha256), photo_id=kept.id)


def redo(tx: Tx, work_id: int, step_key: str, reason: str) -> None:
    """Go back to a step that can physically be done again; what followed is set aside, not erased."""
    at = _open(tx, work_id)
    go_back(tx, at, step_key, reason)


def go_back(tx: Tx, at: Opened, step_key: str, reason: str, side: Side = Side.PREPARES) -> None:
    """Set aside a step and what followed it. Raises Refused where that can not physically be done again."""
    if not may_redo(at.sheet, at.where, step_key):
        raise Refused("This step can not be done again: what followed can not be undone. Reject the dose instead.")
    if "label" in at.where.done and step_key not in ("photo", "pair"):
        labels.void(tx, at.item.id)
    _add(tx, at, step_key, Redone(reason), side=side)


def ask_for_help(tx: Tx, work_id: int, words: str) -> None:
    """Call a pharmacist to the hood; the desk hears of it. Empty words: the help is no longer needed."""
    at = _open(tx, work_id)
    _add(tx, at, "help", Helped(words))
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
    at = _open(tx, work_id)
    if "label" not in at.where.done:
        raise Refused("This dose has no label yet.")
    _make_label(tx, at, house, reason)


def _hood(tx: Tx) -> Station:
    station = tx.session.get(Station, tx.who.station_id) if tx.who.station_id else None
    if station is None or station.kind != "hood":
        raise Refused("Doses are made at a hood. Sign in at a hood's tablet.")
    return station


def _open(tx: Tx, work_id: int) -> Opened:
    """Open a preparation for a step: being made, by this person, at this hood, of an order that is still current."""
    tx.who.require(May.PREPARE)
    at = opened(tx.session, work_id)
    lock_head(tx.session, at.order.order_id)
    if at.state is not State.MAKING:
        raise Refused("This preparation is not being made now. Go to the worklist.")
    if at.item.holder_id != tx.who.person_id:
        raise Refused("Somebody else makes this dose now. To go on with it, scan its tray at the worklist.")
    if at.item.station_id != tx.who.station_id:
        raise Refused("This dose is under another hood. Go on there, or pause it there first.")
    if why := why_not_current(tx.session, at.preparation.version_id):
        raise Refused(f"Stop: {why}. Do not go on. Reject this preparation and put what is in the tray aside.")
    return at


def _same_tray(tx: Tx, work_id: int, tray_scan: str) -> None:
    code = read_code(tray_scan)
    preparation = tx.session.get(Preparation, work_id)
    if preparation is None:
        raise Missing("This preparation does not exist.")
    if code is None or code.text != preparation.tray:
        raise Refused(f"Scan the tray of this dose ({preparation.tray}) to go on with it.")


def _add(
    tx: Tx,
    at: Opened,
    step: str,
    facts: Facts,
    *,
    weighing_id: int | None = None,
    photo_id: int | None = None,
    lot_id: int | None = None,
    side: Side = Side.PREPARES,
) -> None:
    """Add one record to a preparation, with its entry in the trail."""
    assert tx.who.person_id is not None
    work.take_part(tx, at.item.id, side)
    last = max((r.number for r in at.records), default=0)
    kind, text = kind_of(facts), to_text(facts)
    tx.session.add(
        StepRecord(
            work_id=at.item.id,
            number=last + 1,
            step=step,
            kind=kind,
            facts=text,
            person_id=tx.who.person_id,
            side=side,
            weighing_id=weighing_id,
            photo_id=photo_id,
            lot_id=lot_id,
            at=tx.now,
        )
    )
    try:
        tx.session.flush()
    except IntegrityError:
        raise Refused("Somebody was faster: this preparation has just changed. Look at the screen again.") from None
    facts_for_trail = {"step": step, "what": text, "weighing": weighing_id, "photo": photo_id, "lot": lot_id}
    record(tx, f"step {kind}", f"preparation {at.item.id}", facts_for_trail)
    tx.tell(f"work:{at.item.id}")


def _stop(tx: Tx, at: Opened, what: str, scanned: str, wanted: str, remedy: str) -> None:
    step = at.where.current.key if at.where.current else "sign"
    _add(tx, at, step, Stopped(what, scanned, wanted, remedy))


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:60] or "nothing readable"


def _wanted(at: Opened) -> str:
    match at.where.current:
        case Scan(slot=slot):
            return at.sheet.labels[slot]
        case Weigh(object=thing):
            return f"the {thing} on the pan"
        case Inspect():
            return "YES, after the inspection"
        case Pair():
            return "this dose's label and its tray"
        case Shot():
            return "a photo of the labelled bag"
        case _:
            return "your signature"


def _container(tx: Tx, at: Opened, step: Scan, text: str) -> None:
    """A container's code: the right product, in date, not recalled, not used up, not scanned before."""
    local = tx.now.astimezone(ZoneInfo(at.sheet.zone))
    read = read_barcode(text, today=local.date())
    wanted = at.sheet.labels[step.slot]
    if read.error:
        _stop(tx, at, "Not readable", _shown(text), wanted, "Scan the code again. If it is damaged, take another one.")
        return
    found = find_package(tx.session, read)
    if isinstance(found, Ambiguous):
        _stop(tx, at, "Not sure which product this is", _shown(text), wanted, found.why)
        return
    candidate = at.sheet.candidate(step.slot, found.product_id) if found else None
    if found is None or candidate is None:
        name = (
            f"{found.product_name} {found.strength} ({found.ndc})" if found else f"an unknown product ({_shown(text)})"
        )
        _stop(tx, at, "Wrong product", name, wanted, "Put it back and scan the right one.")
        return
    if read.lot is None or read.expiry is None:
        _ask_for_lot(tx, at, step, candidate.product_id, read.serial)
        return
    lot = lot_for(tx, candidate.product_id, read.lot, read.expiry)
    _take_container(tx, at, step, lot, read.serial, "scan")


def _ask_for_lot(tx: Tx, at: Opened, step: Scan, product_id: int, serial: str | None) -> None:
    """The code says neither lot nor expiry: ask about the lot that was staged, or say that none was."""
    staged = [s for s in staged_at(tx.session, _hood(tx).id, product_id) if s.on_hand > 0]
    wanted = at.sheet.labels[step.slot]
    if not staged:
        remedy = "Have its carton read and staged to this hood, outside the hood."
        _stop(tx, at, "Lot and expiry are not known", "a code without lot and expiry", wanted, remedy)
        return
    first = staged[0]
    _add(tx, at, step.key, Asked(product_id, first.number, first.expiry, serial))


def _accept_lot(tx: Tx, at: Opened, step: Scan, asked: Asked) -> None:
    lot = lot_for(tx, asked.product_id, asked.lot, asked.expiry)
    _take_container(tx, at, step, lot, asked.serial, "staged")


def _take_container(tx: Tx, at: Opened, step: Scan, lot: Lot, serial: str | None, how: str) -> None:
    problems = list(container_problems(tx.session, lot, serial, _hood(tx).id, tx.now, at.sheet.zone))
    if serial and _in_this_dose(at.where, lot.product_id, serial):
        problems.insert(0, "This container was scanned already in this dose. Scan the other one.")
    elif serial and serial_in_hand(tx.session, at.item.id, lot.id, serial):
        problems.insert(0, "This container is in another dose's tray. Scan the one in your hand.")
    if problems:
        shown = f"lot {lot.number}, expires {day(lot.expiry)}" + (f", serial {serial}" if serial else "")
        _stop(tx, at, "Do not use it", shown, at.sheet.labels[step.slot], " ".join(problems))
        return
    facts = Scanned(lot.product_id, lot.number, lot.expiry, serial, how)
    _add(tx, at, step.key, facts, lot_id=lot.id)


def _in_this_dose(where: Standing, product_id: int, serial: str) -> bool:
    return any(
        isinstance(r.facts, Scanned) and (r.facts.product_id, r.facts.serial) == (product_id, serial)
        for r in where.done.values()
    )


def _half(tx: Tx, at: Opened, code: Code) -> None:
    """Label and tray, in either order; any other pair than this dose's own is a hard stop."""
    if not isinstance(at.where.current, Pair):
        _stop(tx, at, f"This is a {code.kind}", code.text, _wanted(at), "Do what the screen says, then go on.")
        return
    if code.kind == "tray" and code.text != at.preparation.tray:
        remedy = "Do not apply this label. Bring label, bag and tray of one dose together."
        _stop(tx, at, "Tray of another dose", code.text, at.preparation.tray, remedy)
        return
    if code.kind == "label":
        live = labels.live_label(tx, at.item.id)
        if code.text != live.serial:
            remedy = "Take this label off the bag. Apply the label that was printed for this dose."
            _stop(tx, at, "Label of another dose, or a void one", code.text, live.serial, remedy)
            return
    _add(tx, at, "pair", Half(code.kind, code.text))
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
                _stop(tx, at, "Nothing can be done again here", "BACK card", _wanted(at), "Go on, or reject the dose.")
            else:
                go_back(tx, at, back, "BACK card")
        case Card.PAUSE:
            pause(tx, at.item.id)
            tx.location = "/hood"
        case Card.HELP:
            _add(tx, at, "help", Helped("" if at.where.help else "Help is wanted at the hood"))
            tx.tell("queue")
        case Card.REJECT if at.where.question is not None:
            remedy = "Take a container of a staged lot, or have its carton staged to this hood."
            _stop(tx, at, "Not this lot", at.where.question.lot, _wanted(at), remedy)
        case Card.REJECT:
            tx.location = f"/hood/{at.item.id}/reject"
        case _:
            _stop(tx, at, f"{card} does nothing here", f"{card} card", _wanted(at), "Do what the screen says.")


def last_redoable(at: Opened) -> str | None:
    """The last step that is done and can physically be done again."""
    for step in reversed(steps_of(at.sheet.recipe)):
        if isinstance(step, (Reconstitute, Draw, Inject, Mix)) or step.key == "label":
            continue
        if step.key in at.where.done:
            return step.key if may_redo(at.sheet, at.where, step.key) else None
    return None


def _go_on(tx: Tx, work_id: int, house: House) -> None:
    """After a step: when all is verified, make the label."""
    at = opened(tx.session, work_id)
    if isinstance(at.where.current, Label):
        _make_label(tx, at, house, "made again after a step was done again" if _had_label(at) else None)


def _had_label(at: Opened) -> bool:
    return any(isinstance(r.facts, Labelled) for r in at.records)


def _make_label(tx: Tx, at: Opened, house: House, reason: str | None) -> None:
    hood = _hood(tx)
    if not hood.printer_url:
        raise Refused(f"{hood.name} has no label printer. Ask for one to be set up, then do this step again.")
    label, beyond_use, clocks = dispense_label(tx, at, house.name, house.bedside, house.test, secrets.token_bytes(16))
    before = [r for r in at.records if isinstance(r.facts, Labelled)]
    if before:
        last = before[-1].facts
        assert isinstance(last, Labelled)
        label = replace(label, copy_of=last.serial, reprint=len(before))
    labels.make(tx, at.item.id, label, house.render, beyond_use, hood.printer_url, reason)
    _add(tx, at, "label", Labelled(label.serial))
    record(tx, "beyond-use date set", f"preparation {at.item.id}", {"beyond_use": beyond_use, **clocks})
