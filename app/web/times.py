"""Administration times: the site's table, what a frequency yields by it, and the changes that the manager signs."""

from datetime import datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.days import read_day
from app.core.errors import Invalid, Refused
from app.core.permissions import May, allowed
from app.formulary.queries import drugs
from app.identity.actions import prove_for_signature
from app.identity.queries import needs_full
from app.orders import times_actions
from app.orders.preview import preview
from app.orders.routes import ROUTES
from app.orders.schedule import Schedule
from app.orders.schedule_words import in_words, schedule_in_words
from app.orders.times_queries import change, changes, classes, shown_change, times_table, tried
from app.orders.times_table import Row, Scope, Where, tidied
from app.orders.wall_clock import place, wall_of
from app.stations.queries import units
from app.web.forms import PostForm, Reason, Sign, errors_of
from app.web.pages import render
from app.web.session import Visitor, may, see_other

router = APIRouter(prefix="/times")
Reader = Annotated[Visitor, Depends(may(May.SEE_ORDERS))]
Proposer = Annotated[Visitor, Depends(may(May.PROPOSE_TIMES))]
Signer = Annotated[Visitor, Depends(may(May.SIGN_TIMES))]

HERE = "/times"
WHY = ("The ward's rounds are at other times", "The drug asks for it", "The P&T committee decided", "An error")


class ChangeForm(PostForm):
    what: str = Field("row", pattern="^(row|class)$")
    code: str = Field("", max_length=40)
    whom: str = Field("site", max_length=60)
    drug_class: str = Field("", max_length=40)
    how: str = Field("", max_length=120)
    critical: str = Field("", max_length=5)
    drug: str = Field("", max_length=12, pattern=r"^\d*$")
    starts: str = Field("", max_length=20)
    reason: str = Field("", max_length=200)
    other: str = Field("", max_length=200)

    @property
    def scope(self) -> tuple[str, str]:
        """For whom the row is: the scope, and the unit, route or class of drugs within it."""
        scope, _, key = self.whom.partition(":")
        return scope, key or (self.drug_class if scope == Scope.DRUG_CLASS else "")


@router.get("")
def times_page(
    request: Request, visit: Reader, how: str = "", unit: str = "", route: str = "", drug_class: str = ""
) -> Response:
    """The table in force, what waits for the manager, and what a frequency yields."""
    parts = visit.parts
    now, zone = parts.clock(), parts.settings.zone
    yields, meaning, why = None, "", ""
    with parts.db.read() as session:
        table = times_table(session, now)
        wards, by_class = units(session), classes(session, now)
        names = {each.drug_id: each.name for each in drugs(session)}
        if how.strip():
            zone = next((each.zone for each in wards if each.code == unit), zone)
            try:
                schedule = tried(session, how[:60], Where(unit, route, drug_class.strip().lower()), zone, now)
                yields, meaning = preview(schedule, zone, now), schedule_in_words(schedule, zone)
            except Invalid as wrong:
                why = str(wrong)
        waiting = changes(session, open_only=True)
        past = [each for each in changes(session) if each.decided_at is not None]
    grouped: dict[str, list[str]] = {}
    for drug_id, each in by_class.items():
        grouped.setdefault(each, []).append(names.get(drug_id, ""))
    lines = sorted(table.rows, key=lambda row: (row.code, list(Scope).index(row.scope), row.key))
    return render(
        request, visit, "times/times.html", "Administration times", topics=["times"], current=HERE, how=how,
        asked=(unit, route, drug_class), yields=yields, meaning=meaning, why=why, waiting=waiting, past=past,
        lines=[(row, in_words(row.rhythm, zone), _for(row.scope, row.key)) for row in lines],
        codes=sorted({row.code for row in lines}), wards=[(each.code, each.name) for each in wards],
        routes=[(each, each) for each in ROUTES],
        classes=sorted(grouped.items()), names=sorted({row.key for row in lines if row.scope is Scope.DRUG_CLASS}),
        may_propose=visit.who is not None and allowed(visit.who.roles, May.PROPOSE_TIMES),
    )  # fmt: skip


@router.get("/new")
def new_page(request: Request, visit: Proposer, code: str = "", whom: str = "site") -> Response:
    """The form of a proposal, begun from a row of the table or from nothing."""
    return _new(request, visit, ChangeForm(once="not used here", code=code[:40], whom=whom[:60]), {})


@router.post("/new")
def propose(request: Request, visit: Proposer, form: Annotated[ChangeForm, Form()]) -> Response:
    """Propose a change; it counts once the pharmacy manager has signed it."""
    assert visit.who is not None
    why = form.other or form.reason
    try:
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            starts = _starts(form.starts, visit.parts.settings.zone, tx.now)
            if form.what == "class":
                head = times_actions.propose_class(tx, int(form.drug or 0), form.drug_class, why, starts)
            else:
                head = times_actions.propose_row(
                    tx, form.code, *form.scope, form.how, why, starts, critical=form.critical == "yes"
                )
            tx.location = f"{HERE}/{head.id}"
    except (Refused, Invalid) as wrong:
        return _new(request, visit, form, errors_of(wrong))
    return see_other(tx.location)


def _new(request: Request, visit: Visitor, form: ChangeForm, errors: dict[str, str]) -> Response:
    now = visit.parts.clock()
    with visit.parts.db.read() as session:
        table = times_table(session, now)
        wards, known = units(session), drugs(session)
    row = table.row(tidied(form.code), _where(*form.scope))
    names = sorted({each.key for each in table.rows if each.scope is Scope.DRUG_CLASS})
    whom = [("site", _for(Scope.SITE, ""))]
    whom += [(f"unit:{each.code}", f"ward {each.name}") for each in wards]
    whom += [(f"route:{each}", f"route {each}") for each in ROUTES]
    whom += [(f"drug class:{each}", f"class {each}") for each in names]
    return render(
        request, visit, "times/new.html", "Other administration times", current=HERE, form=form, errors=errors,
        standing=(in_words(row.rhythm, visit.parts.settings.zone), _for(row.scope, row.key)) if row else None,
        whom=[*whom, ("drug class:", "another class of drugs")], reasons=WHY, names=names,
        drugs=[(str(each.drug_id), each.name) for each in known], codes=sorted({each.code for each in table.rows}),
        status=422 if errors else 200,
    )  # fmt: skip


@router.get("/{change_id:int}")
def change_page(request: Request, visit: Reader, change_id: int) -> Response:
    """One change: what stands now, what would stand, and its doses in the next days."""
    return _draw(request, visit, change_id, {})


def _draw(request: Request, visit: Visitor, change_id: int, errors: dict[str, str]) -> Response:
    who, now, zone = visit.who, visit.parts.clock(), visit.parts.settings.zone
    assert who is not None
    with visit.parts.db.read() as session:
        one = change(session, change_id)
        shown = shown_change(session, change_id)
        before = times_table(session, now).row(one.code, _where(one.scope, one.key)) if one.code else None
        old_class = classes(session, now).get(one.drug_id, "")
        full = needs_full(session, who)
    waits = one.decided_at is None
    return render(
        request, visit, "times/change.html", "Change of the times", current=HERE, topics=["times"],
        status=422 if errors else 200, one=one, errors=errors, shown=shown, full=full, waits=waits,
        whom=_for(one.scope, one.key), before=_words(before, zone), after=_words(one.row, zone), old_class=old_class,
        was=_yields(before, zone, now), yields=_yields(one.row, zone, now),
        own=one.proposed_by_id == who.person_id, may_sign=waits and allowed(who.roles, May.SIGN_TIMES), reasons=WHY,
    )  # fmt: skip


@router.post("/{change_id:int}/sign")
def sign(request: Request, visit: Signer, change_id: int, form: Sign) -> Response:
    """Put the change into force, with the pharmacy manager's signature."""
    assert visit.who is not None
    try:
        proven = prove_for_signature(visit.parts.db, visit.who, form.given())
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            times_actions.sign_change(tx, change_id, proven, form.shown)
    except (Refused, Invalid) as wrong:
        return _draw(request, visit, change_id, errors_of(wrong))
    return see_other(HERE)


@router.post("/{change_id:int}/decline")
def decline(request: Request, visit: Proposer, change_id: int, form: Reason) -> Response:
    """Decline the change, or take one's own proposal back."""
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            times_actions.decline_change(tx, change_id, form.why)
    except (Refused, Invalid) as wrong:
        return _draw(request, visit, change_id, errors_of(wrong))
    return see_other(HERE)


def _starts(text: str, zone: str, now: datetime) -> datetime:
    """The start of a day of the hospital; today and nothing mean now."""
    if not text:
        return now
    try:
        day = read_day(text, whole=True)
    except ValueError:
        why = "Enter the day from which it counts, such as 22-Nov-2026, or leave it empty for now."
        raise Invalid({"starts": why}) from None
    return now if wall_of(now, zone).date() == day else place(datetime.combine(day, time()), zone).at


def _yields(row: Row | None, zone: str, now: datetime) -> object | None:
    return preview(Schedule(row.rhythm, now), zone, now - timedelta(microseconds=now.microsecond)) if row else None


def _words(row: Row | None, zone: str) -> str:
    if row is None:
        return ""
    return in_words(row.rhythm, zone) + (", time-critical" if row.time_critical else "")


def _for(scope: Scope, key: str) -> str:
    return {
        Scope.SITE: "the whole hospital", Scope.UNIT: f"ward {key}", Scope.ROUTE: f"route {key}",
        Scope.DRUG_CLASS: f"class {key}",
    }[scope]  # fmt: skip


def _where(scope: str, key: str) -> Where:
    return Where(**{scope.replace(" ", "_"): key}) if key else Where()
