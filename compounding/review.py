"""What a pharmacist sees of a preparation: one sentence, what is unusual, five marks, and everything that proves it."""

from dataclasses import dataclass
from datetime import timedelta

from app.core.canonical import canonical, sha256
from app.core.errors import Invalid, Refused
from app.core.wording import instant
from app.core.workflow import State
from compounding.amounts import Drawn
from compounding.beyond_use import BeyondUse
from compounding.labelling import CLOCKS, beyond_use_of
from compounding.opened import Opened
from compounding.records import Redone, Scanned, Stopped, Weighed, to_text

LONG_PAUSE = timedelta(minutes=30)


@dataclass(frozen=True)
class Mark:
    """One of the five marks: what it says, whether it holds, and the words beside it."""

    name: str
    good: bool
    words: str


@dataclass(frozen=True)
class Review:
    """A preparation for its check. `unusual` holds the exceptions in words; empty means nothing unusual."""

    sentence: str
    unusual: tuple[str, ...]
    marks: tuple[Mark, ...]
    beyond_use: BeyondUse | None
    drawn: tuple[Drawn, ...]
    shown_sha256: str


def shown_sha256(at: Opened) -> str:
    """The hash of what a pharmacist signs: the order version as it is now, the worksheet and every record."""
    return sha256(
        canonical(
            {
                "version": at.preparation.version_id,
                "newest": at.order.newest,
                "state": at.order.state,
                "worksheet": at.preparation.worksheet_sha256,
                "records": [[r.number, r.step, to_text(r.facts), r.person_id, r.at] for r in at.records],
            }
        )
    )


def review(at: Opened, why_not: str | None, blockers: tuple[str, ...], doubts: tuple[str, ...] = ()) -> Review:
    """Compose the check page. `why_not` says why the order is no longer current; `blockers` what stands in the way.

    `doubts` are what speaks against the balance of a weighing on its day, in words (`queries.doubts_of_balance`).
    """
    try:
        until: BeyondUse | None = beyond_use_of(at.sheet, at.where)
    except (Invalid, Refused):
        until = None
    drawn = tuple(at.where.drawn.values())
    doubted = (f"{each[:1].upper()}{each[1:]}." for each in doubts)
    unusual = (*_unusual(at, why_not, blockers, until), *doubted)
    return Review(
        sentence=_sentence(at, drawn, until, unusual),
        unusual=unusual,
        marks=_marks(at, why_not, drawn, until),
        beyond_use=until,
        drawn=drawn,
        shown_sha256=shown_sha256(at),
    )


def use_by(at: Opened, until: BeyondUse) -> str:
    """Say until when, and which clock governs: '04-Dec-2026 14:10 (USP 10 days)'."""
    because = next(c.because for c in until.clocks if c.name == until.governed_by)
    if until.governed_by == "usp":
        because = "USP " + " ".join(because.rsplit(", ", 1)[-1].split()[:2])
    else:
        because = CLOCKS.get(until.governed_by, because)
    return f"{instant(until.at, at.order.zone)} ({because})"


def _sentence(at: Opened, drawn: tuple[Drawn, ...], until: BeyondUse | None, unusual: tuple[str, ...]) -> str:
    made = (
        "; ".join((f"{d.drug} " if len(drawn) > 1 else "") + str(d.made) for d in drawn if d.made is not None)
        or "amount not proved"
    )
    scans = [r for r in at.where.done.values() if isinstance(r.facts, Scanned)]
    right = "right products, in date" if scans and len(scans) == len(at.sheet.recipe.slots) else "not all scanned"
    by = f"use by {use_by(at, until)}" if until else "no beyond-use date"
    exceptions = f"{len(unusual)} unusual: see above" if unusual else "nothing unusual"
    return f"{at.sheet.title}; {made}; {right}; {by}; {exceptions}."


_OLD = {
    False: "Do not release: {}. Send it back to 'Label and tray': at the hood the label is printed anew.",
    True: "Do not give: {}. The ward is told so. Withdraw it: it is made anew under the right name and number.",
}


def _unusual(
    at: Opened, why_not: str | None, blockers: tuple[str, ...], until: BeyondUse | None
) -> list[str]:
    found = []
    if why_not:
        found.append(f"Do not release: {why_not}.")
    if at.old_label:
        found.append(_OLD[at.state is State.RELEASED].format(at.old_label.words(at.order.zone)))
    found += [f"Not complete: {blocker}." for blocker in blockers if blocker != why_not]
    if until and until.at <= at.due_at:
        found.append(f"It is due {instant(at.due_at, at.order.zone)}, when it may not be used any more.")
    for d in at.where.drawn.values():
        if d.judgement and d.judgement.verdict == "cannot_tell":
            found.append(f"The weight cannot tell whether {d.drug} is within its tolerance. Look at the photo.")
    for act, judged in at.where.added.items():
        if judged.verdict == "cannot_tell":
            found.append(f"The weight cannot tell whether the diluent was right ({act}).")
    if at.where.stops:
        words = "; ".join(
            dict.fromkeys(f"{r.facts.what}: {r.facts.scanned}" for r in at.where.stops if isinstance(r.facts, Stopped))
        )
        found.append(f"{len(at.where.stops)} stopped at the hood ({words}).")
    for r in at.where.redone:
        if isinstance(r.facts, Redone):
            found.append(f"Done again from '{r.step}': {r.facts.reason}.")
    retries = sum(isinstance(r.facts, Weighed) for r in at.where.set_aside)
    if retries:
        found.append(f"{retries} weight{'s' if retries > 1 else ''} set aside and taken again.")
    for r in at.where.done.values():
        if isinstance(r.facts, Scanned) and r.facts.how == "staged":
            found.append(f"Lot {r.facts.lot} was confirmed by hand: its code carries neither lot nor expiry.")
    if at.sheet.category != at.sheet.recipe.dating.category:
        found.append(f"Dated as category {at.sheet.category}: the hood's or room's certification has ended.")
    found += [f"The order says: {w}" for w in at.order.warnings]
    times = [r.at for r in at.records]
    if any(b - a > LONG_PAUSE for a, b in zip(times, times[1:], strict=False)):
        found.append("More than 30 minutes lie between two steps.")
    if len({r.person_id for r in at.records if not isinstance(r.facts, Redone)}) > 1:
        found.append("More than one person made it.")
    return found


def _marks(at: Opened, why_not: str | None, drawn: tuple[Drawn, ...], until: BeyondUse | None) -> tuple[Mark, ...]:
    scanned = [r for r in at.where.done.values() if isinstance(r.facts, Scanned)]
    all_scanned = len(scanned) == len(at.sheet.recipe.slots)
    within = bool(drawn) and all(d.judgement and d.judgement.verdict == "within" for d in drawn)
    paired = "pair" in at.where.done
    return (
        Mark("Order unchanged", why_not is None, why_not or f"version {at.order.version}, as verified"),
        Mark("All scanned", all_scanned, f"{len(scanned)} of {len(at.sheet.recipe.slots)} containers"),
        Mark("Amount within", within, "; ".join(str(d.made) for d in drawn if d.made) or "not weighed"),
        Mark("Label scanned back", paired, "together with its tray" if paired else "not yet"),
        Mark("Clocks", until is not None, use_by(at, until) if until else "no beyond-use date"),
    )
