"""What goes on paper for a downtime: the doses due with a sheet each, what is under way, and what was made already."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Refused
from app.core.wording import time_zone
from app.core.workflow import State
from app.custody.bag import Answer, Bag, answer
from app.custody.queries import bag
from app.custody.whereabouts import GONE
from app.labels.models import Label
from app.orders.facts import OrderFacts
from app.orders.models import Dose
from app.stations.models import Station
from app.stations.queries import stations
from app.work.models import WorkItem
from compounding.paper import PaperStep, paper_steps, worked_out_for
from compounding.planning_queries import plan
from compounding.queries import Line, check_queue, labels_of, opened, worklist
from compounding.recipe_wording import rows

LOOKED_BACK = timedelta(hours=12)
LOOKED_AHEAD = timedelta(hours=24)
_DATING = ("Beyond use", "Kept", "Stable for", "On the label")


@dataclass(frozen=True)
class Plan:
    """What a recipe says of a dose on paper: the recipe, its steps with their blanks, and how it is dated and kept."""

    recipe: str
    steps: tuple[PaperStep, ...]
    worked_out_for: tuple[str, ...]
    dating: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sheet:
    """One dose that is to be made: its order, when it is due, and its plan; `why_not` says why there is none."""

    order: OrderFacts
    due_at: datetime
    stat: bool
    plan: Plan | None
    why_not: str


@dataclass(frozen=True)
class UnderWay:
    """A dose that somebody is making or that waits for its check, with its tray and, once it has one, its label."""

    line: Line
    tray: str
    serial: str


@dataclass(frozen=True)
class Pack:
    """Everything that a pharmacy and its wards need on paper when the server is away, as it was at one instant."""

    at: datetime
    sheets: tuple[Sheet, ...]
    making: tuple[UnderWay, ...]
    to_check: tuple[UnderWay, ...]
    released: tuple[tuple[Bag, Answer], ...]


def pack(session: Session, now: datetime) -> Pack:
    """Gather the pack as it is now: doses due within a day, trays under way, the check queue, what was released."""
    lines = worklist(session, now)
    plans: dict[int, tuple[Plan | None, str]] = {}
    hood = next((each for each in stations(session) if each.kind == "hood" and each.balance_serial), None)
    sheets = []
    for line in (each for each in lines if each.state is State.QUEUED):
        number = line.order.version_id
        plans[number] = plans.get(number) or _plan(session, line.order, hood, now)
        sheets.append(Sheet(line.order, line.due_at, line.stat, *plans[number]))
    return Pack(
        at=now,
        sheets=tuple(sheets),
        making=tuple(_under_way(session, (each for each in lines if each.work_id is not None))),
        to_check=tuple(_under_way(session, check_queue(session))),
        released=tuple((each, answer(each, now)) for each in _released(session, now)),
    )


def _plan(session: Session, order: OrderFacts, hood: Station | None, now: datetime) -> tuple[Plan | None, str]:
    if hood is None:
        return None, "No hood is set up."
    try:
        _, sheet = plan(session, order, hood, now.astimezone(time_zone(order.zone)).date())
    except Refused as refused:
        return None, str(refused)
    said = {row.what: row.says for row in rows(sheet.recipe, order.names)}
    dating = tuple((what, said[what]) for what in _DATING)
    recipe = f"{sheet.recipe.code} version {sheet.recipe.version}"
    return Plan(recipe, paper_steps(sheet), worked_out_for(sheet), dating), ""


def _under_way(session: Session, lines: Iterable[Line]) -> Iterable[UnderWay]:
    for line in lines:
        assert line.work_id is not None
        live = [each.serial for each in labels_of(session, line.work_id) if each.voided_at is None]
        yield UnderWay(line, opened(session, line.work_id).preparation.tray, live[0] if live else "")


def _released(session: Session, now: datetime) -> list[Bag]:
    query = (
        select(Label.serial)
        .join(WorkItem, WorkItem.id == Label.work_id)
        .join(Dose, Dose.id == WorkItem.dose_id)
        .where(WorkItem.state == State.RELEASED, Label.voided_at.is_(None))
        .where(Dose.due_at >= now - LOOKED_BACK, Dose.due_at < now + LOOKED_AHEAD)
        .order_by(Dose.due_at, Label.serial)
    )
    found = (bag(session, serial) for serial in session.scalars(query).all())
    return [each for each in found if each.where.stage not in GONE]
