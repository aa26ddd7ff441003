"""What came to a ward and waits for a nurse, what went astray there, and what nobody has accepted in time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.workflow import State
from app.custody.beds import walked
from app.custody.models import CustodyEvent
from app.custody.whereabouts import Stage, What
from app.labels.models import Label
from app.orders.facts import PatientFacts
from app.orders.models import Order
from app.orders.queries import patients_facts
from app.stations.models import Unit
from unitdose.delivery_queries import drawer_parcels, lies, parcels_on, struck_inside
from unitdose.missing_queries import unsettled
from unitdose.models import Drawer, Fill, FillLine, Pull, Put
from unitdose.old_label_queries import AsBefore, labelled_as_before
from unitdose.parcel import DrawerParcel, Lies
from unitdose.queries import live
from unitdose.routes import Route

PATIENCE = timedelta(minutes=30)
LOOKED_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a nurse needs to know of a drawer before she accepts it: packages in it, what is short, what comes else."""

    packages: int
    doses: int
    short: int
    struck: int
    elsewhere: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Arrived:
    """One drawer that came to a ward: whose it is, where the patient lies now, and what is in it."""

    drawer: DrawerParcel
    patient: PatientFacts
    lying: Lies | None
    contents: Contents


@dataclass(frozen=True, slots=True)
class Astray:
    """A drawer on a ward where its patient does not lie any more: to go along with the patient, or back.

    `to` is where the patient lies now, None after a discharge; `coming` says that it was sent here with the patient.
    """

    drawer: DrawerParcel
    patient: PatientFacts
    to: Lies | None
    coming: bool


@dataclass(frozen=True, slots=True)
class Late:
    """Deliveries to one ward that nobody has accepted thirty minutes after they came."""

    unit_id: int
    unit: str
    count: int
    since: datetime


def arrivals(
    session: Session, unit_ids: Collection[int], now: datetime
) -> tuple[tuple[Arrived, ...], tuple[Astray, ...]]:
    """The drawers on some wards that wait for a nurse, in the order of the beds; and those without their patient."""
    here = [each for each in parcels_on(session, unit_ids, now) if each.where.stage in _TO_DECIDE]
    coming = [each for each in _on_their_way(session, now) if each.work_id not in {x.work_id for x in here}]
    every = [*here, *coming]
    patients = patients_facts(session, {each.patient_id for each in every})
    places = lies(session, set(patients))
    inside = contents(session, [each for each in here if each.where.stage is Stage.ARRIVED])
    arrived = [
        Arrived(each, patients[each.patient_id], places.get(each.patient_id), inside[each.work_id])
        for each in here
        if each.where.stage is Stage.ARRIVED and each.state is State.RELEASED
    ]
    astray = []
    for each in every:
        to = places.get(each.patient_id)
        moving = each.where.stage is Stage.WITH_PATIENT
        if moving and to is not None and to.unit_id in unit_ids:
            astray.append(Astray(each, patients[each.patient_id], to, True))
        elif not moving and (to is None or to.unit_id != each.where.unit_id):
            astray.append(Astray(each, patients[each.patient_id], to, False))
    arrived.sort(key=lambda each: (walked(each.lying.place if each.lying else ""), each.drawer.number))
    return tuple(arrived), tuple(astray)


_TO_DECIDE = (Stage.ARRIVED, Stage.RECEIVED, Stage.WITH_PATIENT)


def _on_their_way(session: Session, now: datetime) -> Sequence[DrawerParcel]:
    """The drawers that any ward has sent on with their patients and nobody has taken in yet."""
    sent = (
        select(Label.work_id)
        .join(CustodyEvent, CustodyEvent.serial == Label.serial)
        .where(CustodyEvent.kind == What.SENT_ON, CustodyEvent.at > now - LOOKED_FOR)
    )
    found = drawer_parcels(session, Drawer.work_id.in_(sent))
    return [each for each in found if each.where.stage is Stage.WITH_PATIENT]


def contents(session: Session, drawers: Collection[DrawerParcel]) -> dict[int, Contents]:
    """What is in some drawers, and what of their patients' doses comes another way."""
    works = [each.work_id for each in drawers]
    count = (
        select(Put.work_id, func.count(Put.id), func.count(func.distinct(Put.line_id)))
        .outerjoin(Pull, Pull.put_id == Put.id)
        .where(Put.work_id.in_(works), Pull.put_id.is_(None))
        .group_by(Put.work_id)
    )
    inside = {work_id: (packages, doses) for work_id, packages, doses in session.execute(count)}
    lines = (
        select(
            FillLine.fill_id, Order.patient_id, FillLine.work_id, FillLine.route, FillLine.packages, FillLine.short,
        )
        .join(Fill, Fill.id == FillLine.fill_id)
        .join(Order, Order.id == FillLine.order_id)
        .where(FillLine.fill_id.in_({each.fill_id for each in drawers}), live())
        .where(Order.patient_id.in_({each.patient_id for each in drawers}))
    )  # fmt: skip
    short: dict[int, int] = {}
    other: dict[tuple[int, int], dict[str, int]] = {}
    for fill_id, patient_id, work_id, route, packages, missing in session.execute(lines):
        if packages and work_id is not None:
            short[work_id] = short.get(work_id, 0) + missing
        elif word := _ELSEWHERE.get(Route(route)):
            mine = other.setdefault((fill_id, patient_id), {})
            mine[word] = mine.get(word, 0) + 1
    struck = struck_inside(session, works)
    return {
        each.work_id: Contents(
            *inside.get(each.work_id, (0, 0)),
            short.get(each.work_id, 0),
            struck.get(each.work_id, 0),
            tuple(other.get((each.fill_id, each.patient_id), {}).items()),
        )
        for each in drawers
    }


_ELSEWHERE: Mapping[Route, str] = {
    Route.CABINET: "from the cabinet",
    Route.CONTROLLED: "controlled",
    Route.IV: "from the IV room",
    Route.BULK: "in use on the ward",
    Route.OWN: "own medication",
}


def late(session: Session, now: datetime) -> tuple[Late, ...]:
    """Deliveries that came thirty minutes ago or more and that no nurse has accepted or rejected, by ward.

    Derived from dated facts; nothing is stored about it.
    """
    later = CustodyEvent.__table__.alias()
    decided = (
        select(later.c.id)
        .where(later.c.serial == CustodyEvent.serial, later.c.kind.in_(_DECIDED), later.c.at >= CustodyEvent.at)
        .exists()
    )
    query = (
        select(Unit.id, Unit.name, func.count(CustodyEvent.id), func.min(CustodyEvent.at))
        .join(Unit, Unit.id == CustodyEvent.unit_id)
        .where(CustodyEvent.kind == What.ARRIVED, CustodyEvent.at <= now - PATIENCE)
        .where(CustodyEvent.at > now - LOOKED_FOR, ~decided)
        .group_by(Unit.id, Unit.name)
        .order_by(func.min(CustodyEvent.at))
    )
    return tuple(Late(*row) for row in session.execute(query))


@dataclass(frozen=True, slots=True)
class Alerts:
    """What every page of the pharmacy tells without being asked: late deliveries, and doses that wards do not find.

    `as_before` are the drawers whose patients got another name or number since they were labelled.
    """

    late: tuple[Late, ...]
    missing: int
    as_before: tuple[AsBefore, ...] = ()


def alerts(session: Session, now: datetime) -> Alerts:
    """What nobody has accepted in time, how many reports of missing doses nobody has settled, and old labels."""
    return Alerts(late(session, now), unsettled(session), labelled_as_before(session, now))


_DECIDED = (
    What.RECEIVED, What.REJECTED, What.GIVEN, What.SENT_ON, What.TAKEN_OUT, What.RETURNED, What.DAMAGED, What.NOT_HERE,
)  # fmt: skip
