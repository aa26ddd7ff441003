"""Whether a message means the person whose record number it bears, and how both are named, side by side."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.interop.text import tidy
from app.interop.understood import AdtMessage
from app.interop.values import Patient
from app.orders.identity_queries import named, named_later, was_named
from app.orders.models import Patient as Known
from app.orders.same_person import BIRTH, Named, differences, somebody_else


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
