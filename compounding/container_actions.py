"""Containers at the hood: the right product and size, in date, not recalled, not used up, not scanned before."""

from datetime import date
from typing import TypeGuard
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.core.wording import day
from app.db.session import Tx
from app.formulary.barcode import Barcode, read_barcode
from app.formulary.product import Ambiguous, FoundPackage
from app.formulary.queries import drug, find_package, package_in_use
from app.identity.actions import one_at_a_time
from app.inventory.actions import lot_for
from app.inventory.models import Lot
from app.inventory.queries import container_problems, staged_at
from compounding.opened import Opened
from compounding.planning_queries import fills
from compounding.procedure import Standing
from compounding.queries import serial_in_hand
from compounding.recipe import Scan
from compounding.records import Asked, Facts, Scanned, Stopped
from compounding.step_actions import add_record, add_stop, hood_of
from compounding.worksheet import Candidate

NOT_THIS_LOT = "Not this lot"
_CONTAINERS = 7_411_003  # PostgreSQL's advisory lock for scans of containers; the second number is the product.


def container(tx: Tx, at: Opened, step: Scan, text: str) -> None:
    """A container's code: the right product and size, in date, not recalled, not used up, not scanned before."""
    local = tx.now.astimezone(ZoneInfo(at.sheet.zone))
    read = read_barcode(text, today=local.date())
    wanted = at.sheet.labels[step.slot]
    if read.error:
        add_stop(
            tx, at, "Not readable", shown(text), wanted, "Scan the code again. If it is damaged, take another one."
        )
        return
    found = find_package(tx.session, read)
    if isinstance(found, Ambiguous):
        add_stop(tx, at, "Not sure which product this is", shown(text), wanted, found.why)
        return
    if found is None:
        name = f"an unknown product ({shown(text)})"
        add_stop(tx, at, "Wrong product", name, wanted, "Put it back and scan the right one.")
        return
    candidate = at.sheet.candidate(step.slot, found.package_id)
    if candidate is None:
        what, name, remedy = _not_wanted(tx.session, at, step, found, local.date())
        add_stop(tx, at, what, name, wanted, remedy)
        return
    if read.lot is None or read.expiry is None:
        _ask_for_lot(tx, at, step, candidate, read)
        return
    lot = lot_for(tx, package_id=candidate.package_id, number=read.lot, expiry=read.expiry)
    _take_container(tx, at, step, lot, read.serial, "scan")


def _not_wanted(session: Session, at: Opened, step: Scan, found: FoundPackage, on: date) -> tuple[str, str, str]:
    """Why a known package is not the one for a step: the stop's heading, what was scanned with its size, what to do.

    One product comes in several sizes, and they look alike: the size is said in words beside the wanted one.
    """
    slot = at.sheet.recipe.slot(step.slot)
    back = "Put it back and scan the right one."
    here = package_in_use(session, found.package_id, on)
    meant = here.drug if here else None if found.drug_id is None else drug(session, found.drug_id)
    if meant is None or meant.code != slot.drug:
        size = here.size if here else found.description
        return "Wrong product", f"{found.words}, {size} ({found.ndc})", back
    if here is None:
        name = f"{found.product_name}, {found.description} ({found.ndc})"
        return "This package is not in use", name, "Scan the container itself, or ask a pharmacist about this package."
    name = f"{here.sized} {here.container} ({here.ndc})"
    if fills(here, slot):
        # It came into use, or into another size, after this dose was planned; the worksheet is frozen.
        remedy = "Scan one that was in use when this dose was started, or reject the dose and start it again."
        return "Not planned for this dose", name, remedy
    return "Wrong size" if here.container == slot.container else "Wrong container", name, back


def _ask_for_lot(tx: Tx, at: Opened, step: Scan, candidate: Candidate, read: Barcode) -> None:
    """The code does not say both lot and expiry: ask about a lot that was staged, the first to expire first.

    What the code does say must agree: a container of another lot is not asked away. A lot that was answered NO at this
    step gives way to the next one.
    """
    wanted, hood = at.sheet.labels[step.slot], hood_of(tx).id
    staged = [s for s in staged_at(tx.session, hood, candidate.package_id) if s.on_hand > 0]
    told = ", ".join(
        ([f"lot {read.lot}"] if read.lot else []) + ([f"expires {day(read.expiry)}"] if read.expiry else [])
    )
    fitting = [s for s in staged if read.lot in (None, s.number) and read.expiry in (None, s.expiry)]
    if not fitting:
        what = "Not a lot that was staged here" if told and staged else "Lot and expiry are not known"
        remedy = "Have its carton read and staged to this hood, outside the hood."
        add_stop(tx, at, what, told or "a code without lot and expiry", wanted, remedy)
        return
    refused = {r.facts.scanned for r in at.records if r.step == step.key and is_refusal(r.facts)}
    first = next((s for s in fitting if s.number not in refused), fitting[0])
    asked = Asked(candidate.package_id, candidate.product_id, first.number, first.expiry, read.serial)
    add_record(tx, at, step.key, asked)


def accept_lot(tx: Tx, at: Opened, step: Scan, asked: Asked) -> None:
    lot = lot_for(tx, package_id=asked.package_id, number=asked.lot, expiry=asked.expiry)
    _take_container(tx, at, step, lot, asked.serial, "staged")


def _take_container(tx: Tx, at: Opened, step: Scan, lot: Lot, serial: str | None, how: str) -> None:
    if serial:
        # Two hoods that scan one container at once meet here; the second then sees what the first has scanned.
        one_at_a_time(tx, _CONTAINERS, lot.product_id)
    assert at.item.station_id is not None, "it was opened at this hood"
    problems = list(container_problems(tx.session, lot, serial, at.item.station_id, tx.now, at.sheet.zone))
    if serial and _in_this_dose(at.where, lot.product_id, serial):
        problems.insert(0, "This container was scanned already in this dose. Scan the other one.")
    elif serial and serial_in_hand(tx.session, at.item.id, lot.product_id, serial):
        problems.insert(0, "This container is in another dose's tray. Scan the one in your hand.")
    if problems:
        shown = f"lot {lot.number}, expires {day(lot.expiry)}" + (f", serial {serial}" if serial else "")
        add_stop(tx, at, "Do not use it", shown, at.sheet.labels[step.slot], " ".join(problems))
        return
    facts = Scanned(lot.package_id, lot.product_id, lot.number, lot.expiry, serial, how)
    add_record(tx, at, step.key, facts, lot_id=lot.id)


def _in_this_dose(where: Standing, product_id: int, serial: str) -> bool:
    return any(
        isinstance(r.facts, Scanned) and (r.facts.product_id, r.facts.serial) == (product_id, serial)
        for r in where.done.values()
    )


def refuse_lot(tx: Tx, at: Opened, asked: Asked, wanted: str) -> None:
    """NO to a lot that was asked about: the next scan asks about the next one that is staged."""
    remedy = "Scan it again to be asked about the next lot here, or have its carton staged to this hood."
    add_stop(tx, at, NOT_THIS_LOT, asked.lot, wanted, remedy)


def is_refusal(facts: Facts) -> TypeGuard[Stopped]:
    """Whether a record is the NO to a lot."""
    return isinstance(facts, Stopped) and facts.what == NOT_THIS_LOT


def shown(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:60] or "nothing readable"
