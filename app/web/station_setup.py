"""Setting stations up: what stands where, which balance and printer it has, its browser, and its end."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.days import read_day
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May
from app.stations.actions import certify
from app.stations.description import KINDS, PROTOCOLS, read_description
from app.stations.models import Station
from app.stations.queries import station_by_code, units
from app.stations.setup_actions import change_station, enrol, retire, set_up_station
from app.web.forms import Post, PostForm, Reason
from app.web.pages import render
from app.web.parts import Parts
from app.web.session import Visitor, may, see_other
from app.work.station_queries import under_way_at

router = APIRouter(prefix="/devices")
Owner = Annotated[Visitor, Depends(may(May.MANAGE_STATIONS))]
KIND_WORDS = {"hood": "Hood", "desk": "Desk", "ward": "Ward"}


class StationForm(PostForm):
    kind: str = Field("", max_length=10)
    name: str = Field("", max_length=80)
    host: str = Field("", max_length=253)
    unit_id: str = Field("", max_length=20)
    px_per_mm: str = Field("", max_length=12)
    balance_url: str = Field("", max_length=300)
    balance_protocol: str = Field("", max_length=40)
    balance_serial: str = Field("", max_length=60)
    balance_readability_g: str = Field("", max_length=12)
    balance_repeatability_g: str = Field("", max_length=12)
    balance_simulated: str = Field("", max_length=3)
    printer_url: str = Field("", max_length=300)
    printer_simulated: str = Field("", max_length=3)


class CertificationForm(PostForm):
    hood_until: str = Field("", max_length=20)
    room_until: str = Field("", max_length=20)


@router.get("/new")
def new_page(request: Request, visit: Owner) -> Response:
    """The form of a new station."""
    return _form(request, visit, None, {"kind": "hood", "px_per_mm": "5.9"})


@router.post("/new")
def new(request: Request, visit: Owner, form: Annotated[StationForm, Form()]) -> Response:
    """Set a station up."""
    assert visit.who is not None
    given = form.model_dump(exclude={"once"})
    try:
        described = read_description(given)
        with visit.parts.db.write(visit.who, form.key(request)) as tx:
            station = set_up_station(tx, described)
            code = station.code
            tx.location = f"/devices/{code}"
        connect(visit.parts, code)
    except Invalid as wrong:
        return _form(request, visit, None, given, wrong.fields)
    return see_other(f"/devices/{code}")


@router.get("/{code}")
def station_page(request: Request, visit: Owner, code: str) -> Response:
    """One station: what it is, its certifications, its browser, and the way to retire it."""
    with visit.parts.db.read() as session:
        station = found(session, code)
    return _form(request, visit, station, _given(station))


@router.post("/{code}")
def change(request: Request, visit: Owner, code: str, form: Annotated[StationForm, Form()]) -> Response:
    """Change a station; a changed balance is connected at once."""
    assert visit.who is not None
    given = form.model_dump(exclude={"once"})
    with visit.parts.db.read() as session:
        station = found(session, code)
    try:
        described = read_description(given)
        with visit.parts.db.write(visit.who, form.key(request), "/devices") as tx:
            change_station(tx, station.id, described, dose_open=under_way_at(tx.session, station.id))
    except Invalid as wrong:
        return _form(request, visit, station, given, wrong.fields)
    if _line_of(station) != (described.balance_url, described.balance_protocol, described.balance_serial):
        connect(visit.parts, code)
    return see_other("/devices")


@router.post("/{code}/certification")
def certification(request: Request, visit: Owner, code: str, form: Annotated[CertificationForm, Form()]) -> Response:
    """Note how long hood and room are certified."""
    assert visit.who is not None
    with visit.parts.db.read() as session:
        station = found(session, code)
    wrong: dict[str, str] = {}
    days: dict[str, date | None] = {}
    for name in ("hood_until", "room_until"):
        text = getattr(form, name)
        try:
            days[name] = read_day(text) if text else None
        except ValueError as fault:
            wrong[name] = str(fault)
    if wrong:
        return _form(request, visit, station, _given(station), wrong, form.model_dump(exclude={"once"}))
    with visit.parts.db.write(visit.who, form.key(request), "/devices") as tx:
        certify(tx, station.id, days["hood_until"], days["room_until"])
        tx.tell("stations")
    return see_other("/devices")


@router.post("/{code}/enrolment")
def enrolment(request: Request, visit: Owner, code: str, form: Post) -> Response:
    """Make the address that turns one browser into this station. It stands on this one answer and nowhere else."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), f"/devices/{code}") as tx:
        secret = enrol(tx, found(tx.session, code).id)
    with visit.parts.db.read() as session:
        station = found(session, code)
    address = f"{request.url.scheme}://{station.host or request.url.hostname}{_port(request)}/enrol/{secret}"
    return render(
        request, visit, "devices/enrolment.html", "Enrol a browser", current="/devices", station=station,
        address=address,
    )  # fmt: skip


@router.post("/{code}/retire")
def retire_station(request: Request, visit: Owner, code: str, form: Reason) -> Response:
    """Take a station out of use for good."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), "/devices") as tx:
        station = found(tx.session, code)
        retire(tx, station.id, form.why, dose_open=under_way_at(tx.session, station.id))
    disconnect(visit.parts, code)
    return see_other("/devices")


def connect(parts: Parts, code: str) -> None:
    """Let the hub own the line of a station's balance as it is described now. Raises Refused in words."""
    disconnect(parts, code)
    with parts.db.read() as session:
        station = station_by_code(session, code)
    if station is None or not station.balance_url:
        return
    try:
        parts.hub.add(code, station.balance_url, station.balance_protocol or PROTOCOLS[0], station.balance_serial)
    except ValueError as wrong:
        raise Refused(f"{station.name} was saved, but its balance was not connected: {wrong}") from None
    parts.news.publish("stations")  # the act told of it before this line was open


def disconnect(parts: Parts, code: str) -> None:
    """Let go of the line of a station's balance, if the hub has one."""
    if code in parts.hub.statuses():
        parts.hub.remove(code)
        parts.news.publish("stations")


def found(session: Any, code: str) -> Station:
    station = station_by_code(session, code)
    if station is None:
        raise Missing("This station is not there any more. Look at the list of devices.")
    return station


def _line_of(station: Station) -> tuple[str | None, str | None, str | None]:
    return station.balance_url, station.balance_protocol, station.balance_serial


def _port(request: Request) -> str:
    return f":{request.url.port}" if request.url.port else ""


def _given(station: Station) -> dict[str, str]:
    """A station's facts as its form shows them."""
    given = {}
    for name in StationForm.model_fields:
        value = getattr(station, name, None)
        given[name] = "yes" if value is True else "" if value in (None, False) else str(value)
    return given


def _form(
    request: Request,
    visit: Visitor,
    station: Station | None,
    given: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
    certified: Mapping[str, str] | None = None,
) -> Response:
    with visit.parts.db.read() as session:
        wards = [(str(each.id), each.name) for each in units(session)]
        busy = station is not None and under_way_at(session, station.id)
    return render(
        request, visit, "devices/station.html", station.name if station else "New station", current="/devices",
        status=422 if errors else 200, station=station, given=given, errors=errors or {}, wards=wards, busy=busy,
        certified=certified, kinds=[(kind, KIND_WORDS[kind]) for kind in KINDS],
        protocols=[(name, name.upper()) for name in PROTOCOLS],
    )  # fmt: skip
