"""The times of an order version: what is stored of them, and what is kept from the version before."""

from dataclasses import replace
from typing import Any

from app.orders.due import anchored, first_planned
from app.orders.models import OrderVersion
from app.orders.queries import schedule_of
from app.orders.schedule import Once, Schedule
from app.orders.schedule_document import kind_of, written_schedule
from app.orders.stated import StatedOrder


def timed(schedule: Schedule | None, zone: str, unread: str = "") -> dict[str, Any]:
    """The columns of a version that hold its times, or the reason why nobody knows them."""
    if schedule is None:
        return {"schedule": None, "rhythm": None, "unread": unread, "first_due_at": None}
    return {
        "schedule": written_schedule(schedule),
        "rhythm": kind_of(schedule.rhythm),
        "unread": None,
        "first_due_at": first_planned(schedule, zone),
    }


def with_times(stated: StatedOrder, last: OrderVersion | None) -> StatedOrder:
    """The order with the days of its first dose named, and with times that a pharmacist chose for the same words."""
    if last and last.chosen_by is not None and last.frequency == stated.frequency:
        chosen = schedule_of(last)
        assert chosen is not None  # whoever chose times left some
        same = stated.start_at == last.start_at
        rhythm = Once(stated.start_at) if isinstance(chosen.rhythm, Once) and not same else chosen.rhythm
        first = chosen.first_dose if same else None
        kept = Schedule(rhythm, stated.start_at, stated.end_at, chosen.count, first, chosen.time_critical)
        words = "The times that a pharmacist chose for the version before were kept: look at them again."
        return replace(
            stated, schedule=kept, unread="", chosen_by=last.chosen_by, warnings=(*stated.warnings, words)
        )  # fmt: skip
    return replace(stated, schedule=anchored(stated.schedule, stated.zone)) if stated.schedule else stated
