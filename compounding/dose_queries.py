"""What the verification page wants to know: the calculation, the recipe to be used, and the state of each dose."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Refused
from app.core.wording import instant, number, tall_man
from app.orders.due import STILL_GIVEN, at_once, doses_in
from app.orders.facts import OrderFacts
from app.orders.models import Dose, OrderVersion
from app.orders.schedule import Window, doses_a_day
from app.stations.queries import stations
from app.work.models import WorkItem
from compounding.dose import Ordered, Working, dose_working, expected_volume, planned_draws
from compounding.labelling import concentration, label_faults
from compounding.planning_queries import plan
from compounding.recipe import Recipe

CENTS = Decimal("0.01")
_WORDS = {
    "queued": "waiting", "making": "under the hood", "paused": "paused in its tray", "made": "waiting for its check",
    "released": "released", "refused": "refused", "dropped": "rejected at the hood",
}  # fmt: skip


@dataclass(frozen=True)
class Calculation:
    """The working of an order's dose, and the recipe that serves it, or the reason why it can not be made."""

    lines: tuple[Working, ...]
    recipe: Recipe | None
    why_not: str


@dataclass(frozen=True)
class DoseLine:
    """One dose due: when, of which version, what became of it in words, and its preparation if there is one."""

    due_at: datetime
    version: int
    words: str
    state: str
    work_id: int | None


def calculation(session: Session, order: OrderFacts, now: datetime, bedside: str) -> Calculation:
    """Work out an order's dose and plan it as a hood would now, its label included; nothing is stored."""
    names = {code: tall_man(order.names[code]) for code in order.doses}
    ordered = Ordered(
        doses={names[code]: dose for code, dose in order.doses.items()},
        base_volume=order.base_volume,
        a_day=doses_a_day(order.schedule) if order.schedule else None,
        infuse_minutes=order.infuse_minutes,
        rate=order.rate,
        weight_kg=order.patient.weight_kg,
        weight_at=order.patient.weight_at,
    )
    per_ml = {names[code]: concentration(dose, order.base_volume) for code, dose in order.doses.items()}
    lines = dose_working(ordered, per_ml, now)
    lines = (*lines, *_passed(order, now))
    today = now.astimezone(ZoneInfo(order.zone)).date()
    why = "There is no hood."
    for hood in (each for each in stations(session) if each.kind == "hood"):
        try:
            _, sheet = plan(session, order, hood, today)
        except Refused as refused:
            why = str(refused)
            continue
        draws = tuple(
            Working(
                f"{names.get(d.drug, d.drug)}: to draw",
                f"{d.amount} ÷ {d.concentration}",
                f"{number(d.volume_ml.quantize(CENTS))} mL",
            )
            for d in planned_draws(sheet)
        )
        faults = label_faults(order, sheet, order.first_due_at or order.start_at, bedside=bedside)
        return Calculation((*lines, *draws, expected_volume(sheet)), sheet.recipe, " ".join(faults))
    return Calculation(lines, None, why)


def _passed(order: OrderFacts, now: datetime) -> tuple[Working, ...]:
    """What a verification now would leave out, because its time has passed: nobody shall take it for prepared."""
    schedule, first, still = order.schedule, order.first_due_at, now - STILL_GIVEN
    if schedule is None or first is None or first >= still:
        return ()
    if order.verified_at is not None or at_once(schedule, order.priority):
        return ()
    coming = doses_in(schedule, Window(still, still + timedelta(days=4)), order.zone)
    how = f"the first was due {instant(first, order.zone)}"
    words = f"passed and not prepared; next {instant(coming[0].at, order.zone)}" if coming else "all have passed"
    return (Working("doses due", how, f"{words}. Order a dose for now if one is needed.", True),)


def doses_due(session: Session, order_id: int, limit: int = 60) -> list[DoseLine]:
    """The doses of an order by due time, each with its state; what an older version never began is left out."""
    query = (
        select(Dose.due_at, OrderVersion.number, WorkItem.state, WorkItem.id)
        .join(OrderVersion, OrderVersion.id == Dose.version_id)
        .join(WorkItem, WorkItem.dose_id == Dose.id, isouter=True)
        .where(Dose.order_id == order_id)
        .order_by(Dose.due_at, OrderVersion.number, WorkItem.id)
    )
    rows = list(session.execute(query))
    newest = max((number_ for _, number_, _, _ in rows), default=0)
    found = [
        DoseLine(due_at, number_, _WORDS[state] if state else "not begun", state or "", work_id)
        for due_at, number_, state, work_id in rows
        if state or number_ == newest
    ]
    return found[:limit]
