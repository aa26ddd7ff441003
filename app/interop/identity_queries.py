"""Whether a message means the person whose record number it bears, and how both are named, side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.canonical import canonical, sha256
from app.core.wording import day
from app.custody.pharmacy_queries import labelled
from app.custody.whereabouts import GONE
from app.interop.mapping import read_message
from app.interop.models import Message
from app.interop.text import tidy
from app.interop.understood import STARTS, AdtMessage, OrderMessage
from app.interop.values import Connection, Location, Patient
from app.orders.facts import OldLabel
from app.orders.identity_queries import named, named_later, was_named
from app.orders.models import Order, Stay
from app.orders.models import Patient as Known
from app.orders.queries import patient_of, why_not_theirs
from app.orders.same_person import BIRTH, Named, differences, somebody_else
from app.stations.models import Unit
from unitdose.delivery_queries import drawer_parcels
from unitdose.models import Drawer, Fill, FillLine

LABELS_KEEP = timedelta(days=2)
"""A drawer whose window ended longer ago than this has gone back: nobody asks for its label."""


def naming(patient: Patient) -> Named:
    """How a message names its patient."""
    return Named(
        tidy(" ".join(filter(None, [patient.family, patient.suffix]))),
        tidy(" ".join(filter(None, [patient.given, patient.middle]))),
        patient.birth,
    )


def said_at(adt: AdtMessage, otherwise: datetime) -> datetime:
    """When an ADT message was said: when its event was recorded, else when the message was written."""
    recorded = adt.recorded if adt.recorded and adt.recorded.precision in ("minute", "second") else None
    stamp = recorded or adt.source.sent
    return stamp.instant if stamp else otherwise


def who_else(session: Session, known: Known, said: Named, named_at: datetime) -> tuple[str, ...]:
    """What makes an ADT message look like somebody else's: its birth date and a name differ; () where nothing does.

    A message that a newer one has overtaken may name the patient as they were named before.
    """
    differing = differences(named(known), said)
    if BIRTH not in differing or not somebody_else(differing):
        return ()
    return () if named_later(known, named_at) and was_named(session, known.id, said) else differing


def who_else_of_order(session: Session, known: Known, said: Named) -> tuple[str, ...]:
    """What makes an order look like somebody else's: two differences, or another birth date; () where nothing does.

    An order names nobody anew, so one that names the patient as they were named before is theirs.
    """
    differing = differences(named(known), said)
    if not somebody_else(differing) and BIRTH not in differing:
        return ()
    return () if was_named(session, known.id, said) else differing


@dataclass(frozen=True, slots=True)
class Compared:
    """One fact about a person as it is known here and as a message says it; `differs` where both say something else."""

    what: str
    known: str
    said: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Labelled:
    """One bag or drawer that bears a label for a patient: what and where it is, its page; `old`: what is not true."""

    what: str
    where: str
    address: str
    zone: str
    old: OldLabel | None


@dataclass(frozen=True, slots=True)
class TwoNames:
    """A message that names somebody else than the record number it bears: both identities, side by side.

    `late`: a newer message named the patient, so that the known name stays. `shown_sha256` is the hash of the table.
    """

    patient_id: int
    mrn: str
    said: Named
    sex: str | None
    named_at: datetime
    late: bool
    rows: tuple[Compared, ...]
    shown_sha256: str

    @property
    def known_name(self) -> str:
        return next(row.known for row in self.rows)

    @property
    def said_name(self) -> str:
        return next(row.said for row in self.rows)


def two_names(session: Session, message: Message, connection: Connection) -> TwoNames | None:
    """Both identities where a message waits because it names somebody else; None where it does not."""
    for it in read_message(message.raw, connection=connection, received=message.received_at):
        if isinstance(it, AdtMessage) and not any(each.moves for each in it.merges):
            known, at = patient_of(session, it.patient.mrn), said_at(it, message.received_at)
            if known is not None and who_else(session, known, naming(it.patient), at):
                return _compared(session, message, known, it.patient, it.location, at)
        if isinstance(it, OrderMessage) and it.control in STARTS:
            known = patient_of(session, it.patient.mrn)
            known = None if why_not_theirs(session, it.key, it.patient.mrn) else known
            at = it.source.sent.instant if it.source.sent else message.received_at
            if known is not None and who_else_of_order(session, known, naming(it.patient)):
                return _compared(session, message, known, it.patient, it.location, at)
    return None


def _compared(
    session: Session, message: Message, known: Known, patient: Patient, location: Location, at: datetime
) -> TwoNames:
    said, differing = naming(patient), differences(named(known), naming(patient))
    visits, places = _stays(session, known.id)
    place = "-".join(filter(None, [location.unit, location.room, location.bed])) or tidy(location.text)
    sexes, visit = (known.sex or "", patient.sex), patient.visit
    rows = (
        Compared("Name", _name(known.family, known.given), _name(said.family, said.given), differing != (BIRTH,)),
        Compared("Birth date", _day(known.born), _day(said.born), BIRTH in differing),
        Compared("Sex", *sexes, all(sexes) and sexes[0] != sexes[1]),
        Compared("Stay", ", ".join(visits), visit, bool(visits and visit) and visit not in visits),
        Compared("Unit and bed", ", ".join(places), place, bool(places and place) and place not in places),
    )
    shown = {
        "message": message.sha256,
        "patient": known.id,
        "named_at": known.named_at,
        "rows": [[row.what, row.known, row.said] for row in rows],
    }
    late = named_later(known, at)
    return TwoNames(known.id, known.mrn, said, patient.sex or None, at, late, rows, sha256(canonical(shown)))


def _name(family: str, given: str) -> str:
    return f"{family.upper()}, {given}" if family or given else "not said"


def _day(born: date | None) -> str:
    return day(born) if born else "not said"


def _stays(session: Session, patient_id: int) -> tuple[list[str], list[str]]:
    """The visits and places of a patient who is in the house."""
    query = select(Stay, Unit.code).outerjoin(Unit, Unit.id == Stay.unit_id)
    query = query.where(Stay.patient_id == patient_id, Stay.ended_at.is_(None)).order_by(Stay.id)
    rows = session.execute(query).all()
    places = ["-".join(filter(None, [code or stay.location, stay.room, stay.bed])) for stay, code in rows]
    return [stay.visit for stay, _ in rows], places


@dataclass(frozen=True, slots=True)
class Identities:
    """Whom a message is about: both identities while it waits because of them, and what is labelled for its patients.

    `labels` are all labels while that is open, afterwards those that show what is not true any more.
    """

    names: TwoNames | None
    labels: tuple[Labelled, ...]


def identities_in(session: Session, message_id: int, connection: Connection, now: datetime) -> Identities:
    """Whom a message is about, for the page on which a pharmacist decides it. Raises NoResultFound."""
    message = session.get_one(Message, message_id)
    names = two_names(session, message, connection) if message.outcome == "exception" else None
    read = read_message(message.raw, connection=connection, received=message.received_at)
    said = dict.fromkeys(it.patient.mrn for it in read if isinstance(it, (AdtMessage, OrderMessage)))
    known = {found.id for mrn in said if (found := patient_of(session, mrn)) is not None}
    labels = [each for patient_id in sorted(known) for each in labels_of(session, patient_id, now)]
    return Identities(names, tuple(each for each in labels if names or each.old))


def labels_of(session: Session, patient_id: int, now: datetime) -> tuple[Labelled, ...]:
    """Every bag and drawer with a label for a patient that is made or on its way, and may still be given."""
    return (*_bags(session, patient_id, now), *_drawers(session, patient_id, now))


def _bags(session: Session, patient_id: int, now: datetime) -> Iterator[Labelled]:
    for bag in labelled(session, patient_id, now):
        what = f"{bag.order.title}, label {bag.serial}"
        yield Labelled(what, bag.where.words, f"/check/{bag.work_id}", bag.order.zone, bag.old_label)


def _drawers(session: Session, patient_id: int, now: datetime) -> Iterator[Labelled]:
    theirs = select(FillLine.work_id).join(Order, Order.id == FillLine.order_id).where(Order.patient_id == patient_id)
    for each in drawer_parcels(session, Drawer.work_id.in_(theirs) & (Fill.end_at > now - LABELS_KEEP)):
        if each.serial is not None and each.where.stage not in GONE:
            what = f"Cart {each.cart}, {each.called}, label {each.serial}"
            yield Labelled(what, each.where.words, f"/fills/{each.fill_id}/labels", each.zone, each.old_label)
