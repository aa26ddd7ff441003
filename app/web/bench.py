"""The bench of a trial installation: a pan, a scanner and a printer to click on. Never part of a real installation.

`app.main.create_app` gets the router only from the demo; the `Bench` stands in the application's state. Scans go from
this page to the open page of the same host (static/js/bench.js); weights go as bytes from the simulated balance.
"""

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import RedirectResponse, Response

from app.core.codes import Card
from app.core.errors import Missing
from app.core.workflow import State
from app.stations.queries import station_by_code
from app.web.bench_cart import UnitCode, cart_scans
from app.web.bench_table import (
    A_BIT_ML,
    MUG_G,
    SPILT_G,
    WRONG_ML,
    Move,
    Table,
    hood_says,
    lay,
    next_move,
    pending,
    perform,
    put_right,
    words_of,
)
from app.web.pages import render
from app.web.parts import Parts
from app.web.session import Visit, Visitor, see_other
from app.web.sign_in import home_of
from compounding.opened import Opened
from compounding.procedure import Pair, label_serial
from compounding.queries import Line, in_tray, opened, worklist
from compounding.recipe import Scan
from devices.simulated_printer import SimulatedPrinter
from devices.simulators import SimulatedBalance

router = APIRouter()
TRAYS = tuple(f"TRAY-{n:02}" for n in range(1, 13))
MUG = "coffee mug"
AMOUNTS = {"act": A_BIT_ML, "little": -WRONG_ML, "much": WRONG_ML}


@dataclass(frozen=True)
class Player:
    """One of the cast as the sign-in page of a trial shows them: where they stand, badge and PIN."""

    name: str
    role: str
    kind: str
    badge: str
    pin: str


@dataclass
class Bench:
    """What the demo puts on the bench of one hood.

    `barcode(ndc, serial, expired)` is what a scanner reads from a container, by its package code; `picture(serial,
    words)` a JPEG of the labelled bag; `order()` lets an order arrive and says so in a sentence; `unit_code(ndc, lot)`
    is what a scanner reads from a unit-dose package.
    """

    hood: str
    balance: SimulatedBalance
    printer: SimulatedPrinter
    barcode: Callable[[str, str, bool], str]
    ndcs: tuple[str, ...]
    picture: Callable[[str, tuple[str, ...]], bytes]
    order: Callable[[], str]
    cast: tuple[Player, ...]
    unit_code: UnitCode
    on_pan: str = ""
    said: str = ""
    plugged: bool = True
    tables: dict[int, Table] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def table(self, at: Opened) -> Table:
        """The table of one dose, laid when it is first asked for."""
        table = self.tables.setdefault(at.item.id, Table())
        lay(at, table)
        return table

    def put(self, at: Opened | None, what: str) -> None:
        """Put one thing on the pan, instead of what lay there."""
        grams = MUG_G if what == MUG or at is None else self.table(at).grams.get(what)
        if grams is None:
            raise Missing("This does not lie on the bench.")
        self.on_pan = what
        self.balance.put(grams)

    def lift(self) -> None:
        """Take everything off the pan."""
        self.on_pan = ""
        self.balance.lift()

    def do(self, at: Opened | None, verb: str, what: str) -> None:
        """Do one thing; what lies on the pan then weighs what it weighs now. Raises Missing."""
        match verb:
            case "put":
                self.put(at, what)
            case "lift":
                self.lift()
            case "act" | "little" | "much" if at is not None:
                perform(at, self.table(at), what, AMOUNTS[verb])
            case "right" if at is not None:
                put_right(at, self.table(at))
            case "spill" if at is not None and self.on_pan in self.table(at).grams:
                self.table(at).grams[self.on_pan] -= SPILT_G
                self.said = "Some of it was spilt."
            case "order":
                self.said = self.order()
            case "paper":
                self.printer.paper_out = not self.printer.paper_out
            case "plug":
                (self.balance.unplug if self.plugged else self.balance.replug)()
                self.plugged = not self.plugged
        if at is not None and self.on_pan in self.table(at).grams:
            self.balance.put(self.table(at).grams[self.on_pan])

    def code(self, at: Opened, slot: str, expired: bool = False) -> str:
        """What a scanner reads from the right container for a slot: a new serial number for each container."""
        ndc = at.sheet.candidates[slot][0].ndc
        return self.barcode(ndc, f"S{at.item.id}N{len(at.records)}", expired)

    def wrong_code(self, at: Opened, slot: str) -> str:
        """What a scanner reads from a container of another product."""
        right = {candidate.ndc for candidate in at.sheet.candidates[slot]}
        return self.barcode(next(ndc for ndc in self.ndcs if ndc not in right), "S0", False)

    def next(self, at: Opened) -> Move:
        """The one sensible thing to do for a dose now."""
        return next_move(at, self.table(at), self.on_pan, lambda slot: self.code(at, slot))


class Deed(BaseModel):
    """What was clicked on the bench."""

    model_config = ConfigDict(extra="forbid")

    verb: Annotated[str, Field(max_length=20)]
    what: str = Field("", max_length=80)


class Door:
    """Shows the trial's own sign-in page, with the cast on it, where a browser asks for the sign-in page."""

    def __init__(self, app: Callable[..., Awaitable[None]]):
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/sign-in":
            scope = {**scope, "path": "/bench/sign-in", "raw_path": b"/bench/sign-in"}
        await self.app(scope, receive, send)


def bench_of(request: Request) -> Bench:
    bench: Bench = request.app.state.bench
    return bench


def look(parts: Parts, bench: Bench) -> tuple[Opened | None, list[Line], str]:
    """The dose under the bench's hood, if any; what waits to be made; the first empty tray."""
    with parts.db.read() as session:
        hood = station_by_code(session, bench.hood)
        lines = worklist(session, parts.clock())
        making = [line.work_id for line in lines if line.state is State.MAKING and hood and line.hood == hood.name]
        at = opened(session, max(work for work in making if work)) if making else None
        tray = next((tray for tray in TRAYS if in_tray(session, tray) is None), "")
    return at, [line for line in lines if line.state is State.QUEUED], tray


@router.get("/bench")
def bench_page(request: Request, visit: Visit) -> Response:
    """The bench, for the station of this host."""
    bench = bench_of(request)
    with bench.lock:
        at, free, tray = look(visit.parts, bench)
        move = _move(visit, bench, at, free, tray)
        table = bench.table(at) if at else Table()
        serial = label_serial(at.where) if at else None
        return render(
            request, visit, "bench/bench.html", "Bench", at=at, bench=bench, move=move, kind=visit.station.kind,
            says=hood_says(at) if at else (), things=sorted(table.grams.items()), mug=MUG,
            acts=[(act.key, words_of(at, act)) for act in pending(at, table)] if at else [],
            scans=_scans(bench, at, tray), cards=[f"CARD-{card}" for card in Card], free=free, serial=serial,
            mass=bench.balance.load, labels=len(bench.printer.labels), cast=_cast(visit, bench),
            printed=[_serial(job) for job in bench.printer.labels[-4:]], picking=_picking(visit, bench),
        )  # fmt: skip


def _cast(visit: Visitor, bench: Bench) -> list[Player]:
    return [player for player in bench.cast if player.kind == visit.station.kind]


def _serial(job: bytes) -> str:
    """The serial that a printed label carries, read from its bytes."""
    place = job.find(b"L-")
    return job[place : place + 12].decode("ascii", "replace") if place >= 0 else ""


def _move(visit: Visitor, bench: Bench, at: Opened | None, free: list[Line], tray: str) -> Move:
    """The next sensible thing at this host."""
    if visit.station.kind != "hood":
        serial = _serial(bench.printer.labels[-1]) if bench.printer.labels else ""
        if picking := _picking(visit, bench):
            return Move("scan", picking[0][1], picking[0][0])
        if visit.station.kind == "ward" and serial:
            return Move("scan", serial, "Scan the newest label")
        return Move("look", "", "Go on with this host's own page.")
    if visit.who is None:
        return Move("look", "", "Sign in on the hood's page.")
    if at is not None:
        return bench.next(at)
    if bench.on_pan:
        return Move("lift", "", f"Lift the {bench.on_pan} off the pan")
    if free and tray:
        return Move("scan", tray, "Scan an empty tray")
    return Move("order", "", "An order arrives")


def _picking(visit: Visitor, bench: Bench) -> list[tuple[str, str]]:
    """What whoever is signed in here can scan while they pick a cart."""
    return cart_scans(visit.parts, visit.who.person_id, bench.unit_code) if visit.who else []


def _scans(bench: Bench, at: Opened | None, tray: str) -> list[tuple[str, str]]:
    """What can be scanned now, rightly and wrongly: words and code."""
    if at is None:
        return [("An empty tray", tray), ("A vial that nobody asked for", bench.barcode(bench.ndcs[0], "S0", False))]
    step, serial = at.where.current, label_serial(at.where)
    found = [("This dose's tray", at.preparation.tray)]
    if serial:
        found.insert(0, ("This dose's label", serial))
    if isinstance(step, Pair):
        found.append(("Another tray", next(each for each in TRAYS if each != at.preparation.tray)))
    if isinstance(step, Scan):
        found = [
            (f"The right {step.slot}", bench.code(at, step.slot)),
            ("Another product", bench.wrong_code(at, step.slot)),
            (f"An expired {step.slot}", bench.code(at, step.slot, expired=True)),
            *found,
        ]
    return found


@router.post("/bench")
def deed(request: Request, visit: Visit, form: Annotated[Deed, Form()]) -> Response:
    """Do what was clicked."""
    bench = bench_of(request)
    with bench.lock:
        at, _, _ = look(visit.parts, bench)
        bench.said = ""
        bench.do(at, form.verb, form.what)
    return see_other("/bench")


@router.get("/bench/label/{number:int}.zpl")
def printed_label(request: Request, number: int) -> Response:
    """The bytes of a label as they came out of the simulated printer; 1 is the first."""
    labels = bench_of(request).printer.labels
    if not 1 <= number <= len(labels):
        raise Missing("The simulated printer has not printed this label.")
    headers = {"Cache-Control": "no-store"}
    return Response(labels[number - 1], media_type="text/plain; charset=us-ascii", headers=headers)


@router.get("/bench/bag.jpg")
def bag(request: Request, visit: Visit) -> Response:
    """A picture of the labelled bag of the dose under the hood, as a camera would take it."""
    bench = bench_of(request)
    at, _, _ = look(visit.parts, bench)
    serial = label_serial(at.where) if at else None
    if at is None or serial is None:
        raise Missing("There is no labelled bag on the bench.")
    words = (at.order.patient.name, f"MRN {at.order.patient.mrn}", at.sheet.title, serial)
    headers = {"Cache-Control": "no-store"}
    return Response(bench.picture(serial, words), media_type="image/jpeg", headers=headers)


@router.get("/bench/sign-in")
def sign_in(request: Request, visit: Visit, to: str = "") -> Response:
    """The sign-in page with the cast of this station on it, one click each."""
    inside = to if to.startswith("/") and not to.startswith("//") and "\\" not in to else ""
    if visit.who is not None:
        return RedirectResponse(inside or home_of(visit, visit.who), status_code=303)
    return render(
        request, visit, "bench/sign_in.html", "Sign in", to=inside, errors={}, why=visit.why, alerts=None,
        cast=_cast(visit, bench_of(request)),
    )  # fmt: skip
