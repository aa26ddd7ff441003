"""The record of one dose as sentences in the order in which it happened: who, what, which lot, which weight, why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.wording import day, number
from app.identity.models import Signature
from app.stations.models import Weighing
from compounding.instructions import short
from compounding.opened import Opened
from compounding.procedure import steps_of
from compounding.queries import moves_of, names
from compounding.recipe import Inspect, Mix, Weigh
from compounding.records import (
    Asked,
    Confirmed,
    Half,
    Helped,
    Labelled,
    Photographed,
    Record,
    Redone,
    Scanned,
    Stopped,
    Weighed,
)
from devices.protocols import protocol_named

_MOVES = {
    "claim": "started the dose in tray {tray}",
    "pause": "paused",
    "resume": "went on",
    "take_over": "took over",
    "finish": "signed as prepared",
    "take_back": "took it back",
    "release": "checked and released it",
    "send_back": "sent it back",
    "refuse": "refused it",
    "withdraw": "withdrew it",
    "drop": "rejected it at the hood",
}


@dataclass(frozen=True)
class Sentence:
    """One thing that happened: when (UTC), who, what, and its state: 'ok', 'caution' (notice it) or 'stop'."""

    at: datetime
    who: str
    words: str
    state: str
    weighing: Weighing | None = None
    photo: str | None = None


def story(session: Session, at: Opened) -> list[Sentence]:
    """Tell everything that happened to a preparation, first to last."""
    who = names(session)
    weighings = _weighings(session, at)
    told = [_record(at, r, who.get(r.person_id, ""), weighings) for r in at.records]
    for move, name in moves_of(session, at.item.id):
        words = _MOVES[move.event].format(tray=at.preparation.tray)
        if move.reason:
            words += f": {move.reason}"
        notable = move.event in ("send_back", "refuse", "withdraw", "drop", "take_over", "take_back")
        told.append(Sentence(move.at, name, words, "caution" if notable else "ok"))
    return sorted(told, key=lambda s: s.at)


def _weighings(session: Session, at: Opened) -> dict[int, Weighing]:
    numbers = [r.weighing_id for r in at.records if r.weighing_id is not None]
    return {w.id: w for w in session.scalars(select(Weighing).where(Weighing.id.in_(numbers)))}


def _record(at: Opened, r: Record, who: str, weighings: Mapping[int, Weighing]) -> Sentence:
    step = next((s for s in steps_of(at.sheet.recipe) if s.key == r.step), None)
    what = short(at.sheet.recipe, step).lower() if step else r.step
    weighing = weighings.get(r.weighing_id) if r.weighing_id else None
    words, state, photo = f"{what}: done", "ok", None
    match r.facts:
        case Scanned(package_id=package_id, lot=lot, expiry=expiry, serial=serial, how=how):
            name = _container(at, package_id)
            words = f"scanned {name}, lot {lot}, expires {day(expiry)}" + (f", serial {serial}" if serial else "")
            if how == "staged":
                words, state = words + " (lot confirmed by hand)", "caution"
        case Weighed(value_g=value, readings=n, insisted=insisted):
            thing = f"the {step.object} ({step.state})" if isinstance(step, Weigh) else what
            balance = weighing.balance_serial if weighing else ""
            words = f"weighed {thing}: {value} g (mean of {n} readings on balance {balance})"
            state = "caution" if insisted else "ok"
        case Confirmed(how=how):
            words = f"said yes, by {how}: {step.say if isinstance(step, (Inspect, Mix)) else what}"
        case Labelled(serial=serial):
            words = f"had label {serial} made and sent to the printer"
        case Half(of=of, text=text):
            words = f"scanned the {of} {text}"
        case Photographed(sha256=sha):
            words, photo = "photographed the labelled bag", sha
        case Redone(reason=reason):
            words, state = f"did again from '{what}': {reason}", "caution"
        case Stopped(what=stopped, scanned=scanned, wanted=wanted):
            words, state = f"was stopped. {stopped}: scanned {scanned}; wanted {wanted}", "stop"
        case Asked(lot=lot, expiry=expiry):
            words = f"was asked: lot {lot}, expires {day(expiry)}?"
        case Helped(words=asked):
            words, state = (f"called for help: {asked}" if asked else "no longer needed help"), "caution"
    return Sentence(r.at, who, words, state, weighing, photo)


def _container(at: Opened, package_id: int) -> str:
    for found in at.sheet.candidates.values():
        for candidate in found:
            if candidate.package_id == package_id:
                return f"{candidate.name} ({candidate.ndc})"
    return "a container"


def signatures_of(session: Session, at: Opened) -> list[Signature]:
    """The signatures under a preparation and its order, first to last."""
    subjects = (f"preparation {at.item.id}", f"order {at.order.order_id}")
    return list(session.scalars(select(Signature).where(Signature.subject.in_(subjects)).order_by(Signature.id)))


def trace_svg(weighing: Weighing) -> str:
    """The weights before acceptance as a drawing: the same picture on screen, on paper and in the archive."""
    points = list(_points(weighing))
    if len(points) < 2:
        return ""
    low, high = min(g for _, g in points), max(g for _, g in points)
    span = max(high - low, Decimal("0.5"))
    start = min(t for t, _ in points)
    width = max(-start, Decimal("0.1"))
    xy = " ".join(
        f"{(t - start) / width * 300:.1f},{56 - (g - low) / span * 50:.1f}" for t, g in points
    )
    words = f"Weights of the last {number((-start).quantize(Decimal(1)))} seconds, from {low} to {high} g"
    return (
        f'<svg class="trace" viewBox="0 0 300 60" role="img" aria-label="{words}">'
        f'<polyline points="{xy}" fill="none" stroke="currentColor" stroke-width="2"/></svg>'
    )


def _points(weighing: Weighing) -> Iterator[tuple[Decimal, Decimal]]:
    parse_line = protocol_named(weighing.protocol).parse_line
    for line in weighing.window.split(b"\n"):
        pieces = line.split(b" ", 3)
        if len(pieces) == 4:
            reading = parse_line(pieces[3])
            if reading.kind == "weight" and reading.grams is not None:
                yield Decimal(pieces[0].decode()), reading.grams
