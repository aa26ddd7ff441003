"""The daily check of a hood's balance, at the hood: two check weights, each taken as it stands on the pan."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.core.errors import Refused
from app.core.permissions import May
from app.core.wording import time_zone
from app.stations.check_actions import check_balance
from app.stations.check_weights import CheckWeight, why_not_checked
from app.stations.queries import check_weights_of_day, station
from app.web.forms import Post, errors_of, status_of
from app.web.pages import render
from app.web.pan import FROZEN, on_the_pan
from app.web.session import Visitor, may, see_other

router = APIRouter(prefix="/hood/balance")
Preparer = Annotated[Visitor, Depends(may(May.PREPARE))]
HERE = "/hood/balance"


def of_today(visit: Visitor) -> tuple[CheckWeight, ...]:
    """The check weights that this hood's balance showed today."""
    zone = visit.parts.settings.zone
    today = visit.parts.clock().astimezone(time_zone(zone)).date()
    with visit.parts.db.read() as session:
        here = station(session, visit.station.id)
        return check_weights_of_day(session, here.balance_serial or "" if here else "", today, zone)


def not_checked(visit: Visitor) -> str | None:
    """Why this hood's balance does not count as checked today, in words; None when it passed, or there is none."""
    return why_not_checked(of_today(visit)) if visit.station.balance_url else None


@router.get("")
def check_page(request: Request, visit: Preparer) -> Response:
    """What was weighed today, and the next check weight to put on."""
    return _draw(request, visit)


def _draw(request: Request, visit: Visitor, wrong: Refused | None = None) -> Response:
    weights = of_today(visit)
    return render(
        request, visit, "hood/balance.html", "Check of the balance", topics=["worklist"], weights=weights,
        why_not=why_not_checked(weights), has_balance=bool(visit.station.balance_url),
        errors=errors_of(wrong), status=status_of(wrong),
    )  # fmt: skip


@router.post("")
def check(request: Request, visit: Preparer, form: Post) -> Response:
    """Take the check weight that stands on the pan."""
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            pan = on_the_pan(visit, 0.0)
            if pan.frozen:
                raise Refused(FROZEN)
            if not pan.from_zero:
                raise Refused("Lift everything off until the balance shows zero, then put one check weight on.")
            check_balance(tx, pan.weight)
    except Refused as wrong:
        return _draw(request, visit, wrong)
    visit.parts.weighed[visit.station.code] = pan.read_at
    return see_other(HERE)
