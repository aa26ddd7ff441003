"""The device page: each station's balance and printer as they are now, and how long its certifications last."""

import os
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

from cryptography import x509
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.audit.actions import record
from app.core.errors import Refused
from app.core.permissions import May, allowed
from app.core.wording import time_zone
from app.labels.print_queries import Printing, printing_at
from app.labels.render import render as render_label
from app.labels.serial import new_serial
from app.labels.trial import trial_label
from app.stations.models import Station
from app.stations.queries import stations
from app.web.forms import Post
from app.web.live import EVERY_BALANCE
from app.web.pages import render
from app.web.parts import Parts
from app.web.printer_watch import PrinterWatch, Trial, dots_of, watch_of
from app.web.session import Visitor, may, see_other
from app.web.station_setup import KIND_WORDS, found
from app.work.station_queries import under_way_at
from devices.printer import PrinterState
from devices.status import State, Status

router = APIRouter(prefix="/devices")
Looker = Annotated[Visitor, Depends(may(May.SEE_DEVICES))]

SOON = timedelta(days=30)
TOPICS = ["stations", "printing", "printers", "worklist", EVERY_BALANCE]


@dataclass(frozen=True)
class Ending:
    """Something that ends on a day: its name, the day (None: not known), and how that looks."""

    name: str
    on: date | None
    state: str


@dataclass(frozen=True)
class Card:
    """One station on the device page; `since` is when its balance's state began."""

    station: Station
    balance: Status | None
    balance_state: str
    balance_words: str
    since: datetime | None
    printing: Printing | None
    printer: PrinterState | None
    trial: Trial | None
    endings: tuple[Ending, ...]
    busy: bool


@router.get("")
def devices_page(request: Request, visit: Looker) -> Response:
    """A card a station; numbers of balances come by the stream, everything else by news."""
    parts, watch = visit.parts, watch_of(request)
    today = parts.clock().astimezone(time_zone(parts.settings.zone)).date()
    statuses = parts.hub.statuses()
    with parts.db.read() as session:
        cards = [
            _card(parts, each, statuses.get(each.code), today, under_way_at(session, each.id),
                  printing_at(session, each.printer_url) if each.printer_url else None, watch)
            for each in stations(session)
        ]  # fmt: skip
    return render(
        request, visit, "devices/devices.html", "Devices", topics=TOPICS,
        current="/devices", cards=cards, kinds=KIND_WORDS, certificate=certificate_ending(parts, today),
        owns=bool(visit.who and allowed(visit.who.roles, May.MANAGE_STATIONS)),
    )  # fmt: skip


def _card(
    parts: Parts,
    station: Station,
    status: Status | None,
    today: date,
    busy: bool,
    printing: Printing | None,
    watch: PrinterWatch,
) -> Card:
    state, words = balance_words(station, status)
    since = parts.clock() - timedelta(seconds=max(0, parts.monotonic() - status.since)) if status else None
    endings = ()
    if station.kind == "hood":
        endings = (
            ending("Hood certified until", station.hood_certified_until, today),
            ending("Room certified until", station.room_certified_until, today),
        )
    url = station.printer_url
    return Card(
        station=station, balance=status, balance_state=state, balance_words=words, since=since, printing=printing,
        printer=watch.state(url) if url else None, trial=watch.trial(url) if url else None, endings=endings, busy=busy,
    )  # fmt: skip


def balance_words(station: Station, status: Status | None) -> tuple[str, str]:
    """How a hood's balance is: the chip's state, and a sentence that says what to do."""
    if not station.balance_url:
        return "held", "This hood has no balance. Nothing can be weighed here."
    if status is None:
        return "stop", "This balance is not connected. Save the station again, or start the product again."
    match status.state:
        case State.READY:
            return "ok", "Ready"
        case State.OPENING | State.IDENTIFYING | State.SUSPECT:
            return "caution", status.words
        case _:
            return "stop", status.words


def ending(name: str, on: date | None, today: date) -> Ending:
    """Say how near the end of something is: 'ok', 'caution' within 30 days, 'stop' when it is over or not known."""
    if on is None or on < today:
        return Ending(name, on, "stop")
    return Ending(name, on, "caution" if on - today <= SOON else "ok")


def certificate_ending(parts: Parts, today: date) -> Ending | None:
    """When the certificate that these pages are served with ends; None when they are not served over https."""
    path: Path | None = parts.settings.tls_cert
    if path is None:
        return None
    name = "Certificate of this server valid until"
    try:
        until = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return Ending(name, None, "stop")
    return ending(name, until.astimezone(time_zone(parts.settings.zone)).date(), today)


@router.post("/{code}/zero")
def zero(request: Request, visit: Looker, code: str, form: Post) -> Response:
    """Zero the balance, once, and only when nothing is being made there."""
    parts, who = visit.parts, visit.who
    assert who is not None
    with parts.db.write(who, form.key(request), "/devices") as tx:
        station = found(tx.session, code)
        who.require(May.SEE_DEVICES)
        if under_way_at(tx.session, station.id):
            raise Refused(f"A dose is under way at {station.name}: zeroing would spoil its weights. Wait for its end.")
        name = station.name
        subject = f"station {station.id}"
        record(tx, "balance zero asked for", subject, {"serial": station.balance_serial})
    # The driver never repeats a zero, and neither does a post that comes twice: its key is stored before.
    try:
        outcome = parts.hub.balance(code).zero()
    except LookupError as none:
        raise Refused(str(none).replace(f"Station {code}", name)) from None
    with parts.db.write(who) as tx:
        record(tx, "balance zeroed" if outcome.done else "balance not zeroed", subject, {"words": outcome.words})
        tx.tell("stations")
    if not outcome.done:
        raise Refused(outcome.words)
    return see_other("/devices")


@router.post("/{code}/test-label")
def test_label(request: Request, visit: Looker, code: str, form: Post) -> Response:
    """Print one label that is for nobody; the page says by itself what became of it."""
    parts, who = visit.parts, visit.who
    assert who is not None
    watch = watch_of(request)
    with parts.db.write(who, form.key(request), "/devices") as tx:
        who.require(May.SEE_DEVICES)
        station = found(tx.session, code)
        if not station.printer_url:
            raise Refused(f"{station.name} has no printer. Enter its address first.")
        url, serial = station.printer_url, new_serial(os.urandom(6))
        try:
            label = trial_label(parts.printer(url).media, serial, parts.settings.hospital, station.name)
        except ValueError as wrong:
            raise Refused(str(wrong)) from None
        record(tx, "test label asked for", f"station {station.id}", {"serial": serial})
    watch.try_out(url, render_label(label, dots_of(parts, url)), f"Test label {serial}")
    return see_other("/devices")
