"""A day of eighty real patients: taken over from a file, verified, filled, picked, checked, delivered, accounted for.

The file is the MIMIC-IV demo 2.2, whose publisher shifted every patient's dates by years of their own. Each patient's
busiest day is moved to one day here, by whole days, so that they lie in the hospital together.
"""

import gzip
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.core.errors import Refused
from app.custody.given_actions import AtBedside
from app.db.session import SYSTEM
from app.demo import ZONE
from app.interop.order_file import read_mapping
from app.interop.order_file_actions import import_orders
from app.interop.trial_actions import set_up_trial
from app.inventory.models import Lot
from app.orders import actions as orders
from app.orders.models import Order, OrderVersion, Patient, Verification
from app.orders.patient_actions import find_patient
from app.orders.routes import STERILE
from app.orders.stated import StatedPatient
from app.stations.models import Unit
from tests.cart_room import WINDOW, CartRoom
from tests.conftest import SetClock
from tests.unitdose.on_the_way import DESK, OnTheWay
from unitdose import missing_actions, pick_actions, returns_actions
from unitdose.bedside_actions import given_at_bedside
from unitdose.cart_actions import add_cart
from unitdose.cart_models import Cart
from unitdose.delivery_queries import left_of
from unitdose.drawer_queries import drawer_standing
from unitdose.happened import Happened
from unitdose.models import FillLine, Put
from unitdose.pick_queries import stop_at, where_am_i
from unitdose.queries import drawers_of
from unitdose.returns import Condition

DATA = Path(os.environ.get("LAMINAR_DATA", Path(__file__).parents[3] / "shared" / "data"))
FILE = DATA / "orders" / "mimic4-demo-2.2" / "orders_joined.jsonl.gz"
MAPPING = Path(__file__).parents[2] / "docs" / "mappings" / "mimic-iv-orders.toml"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the orders (LAMINAR_DATA, MIMIC-IV demo 2.2) are not here")

DAY = date(2026, 11, 22)
# How many of the patients, and how many of them come ahead in a file of their own, whose orders are in both. The rules
# are the same on both databases; the second need not take as long.
PATIENTS = {"sqlite": (80, 16), "postgresql": (12, 4)}
STAMPS = ("starttime", "stoptime", "entertime", "verifiedtime")


def rows() -> dict[str, list[dict[str, Any]]]:
    by_patient = defaultdict(list)
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        for line in lines:
            facts = json.loads(line)
            if facts.get("starttime") and facts.get("stoptime"):
                by_patient[facts["subject_id"]].append(facts)
    return by_patient


def days_of(facts: dict[str, Any]) -> Iterator[date]:
    first, last = (datetime.fromisoformat(facts[name]).date() for name in ("starttime", "stoptime"))
    for nth in range(min((last - first).days + 1, 60)):
        yield first + timedelta(days=nth)


def one_day(target: Path, patients: int) -> Path:
    """A file with the orders of so many patients that run on the busiest day of each, moved to one day."""
    with target.open("w", encoding="utf-8") as out:
        for _, mine in sorted(rows().items())[:patients]:
            busiest = max(Counter(day for facts in mine for day in days_of(facts)).items(), key=lambda pair: pair[1])[0]
            for facts in mine:
                if busiest in days_of(facts):
                    moved = {
                        name: str(datetime.fromisoformat(facts[name]) + (DAY - busiest))
                        for name in STAMPS
                        if facts.get(name)
                    }
                    out.write(json.dumps(facts | moved) + "\n")
    return target


def test_every_dose_of_eighty_real_patients_is_accounted_for(room: CartRoom, tmp_path: Path, clock: SetClock) -> None:
    patients, before = PATIENTS["sqlite" if room.db.is_sqlite else "postgresql"]
    mapping, file = read_mapping(MAPPING.read_text(encoding="utf-8")), one_day(tmp_path / "whole.jsonl", patients)
    part = one_day(tmp_path / "part.jsonl", before)
    petra = room.who("petra")
    set_up_trial(room.db, petra, file, mapping)
    taken = import_orders(room.db, petra, part, mapping)
    assert taken.taken > before * 10
    clock.forward(minutes=1)
    again = import_orders(room.db, petra, part, mapping)
    assert (again.taken, again.known) == (0, taken.taken)
    whole = import_orders(room.db, petra, file, mapping)
    assert whole.known == taken.taken and whole.taken + whole.known > patients * 10

    told_when_they_were_born(room)
    verify_unit_doses(room)
    fill = filled(room)
    lines = {line.line_id: line for line in room.lines(fill)}
    assert {line.patient_id for line in lines.values()}
    pick(room, fill)
    room.signed(fill)
    room.released(fill)

    clock.forward(hours=5)
    way = OnTheWay(room)
    deliver(room, way, fill)
    clock.forward(hours=20)
    a_day_on_the_ward(room, fill)
    send_back(room, fill)

    put = Counter(drawers(room, fill))
    with room.db.read() as session:
        left = left_of(session, put)
    assert sum(each.delivered for each in left.values()) == sum(put.values()) > 0
    for line, each in left.items():
        returned = each.of(Happened.RESTOCKED) + each.of(Happened.QUARANTINED)
        gone = each.of(Happened.GIVEN) + returned + each.of(Happened.WASTED) + each.missing
        assert each.delivered == gone, f"line {line}: {each}"
    happened = Counter[Happened]()
    for each in left.values():
        happened.update({what: int(count) for what, count in each.happened.items()})
    assert happened[Happened.GIVEN] and happened[Happened.MISSING]
    if patients > 10:  # with fewer, nothing needs to be left in a drawer
        assert happened[Happened.RESTOCKED] and happened[Happened.WASTED]


def told_when_they_were_born(room: CartRoom) -> None:
    """The ward says by ADT what the publisher left out of the file: without a date of birth no label is printed."""
    with room.db.read() as session:
        unborn = list(session.execute(select(Patient.mrn, Patient.family, Patient.given).where(Patient.born.is_(None))))
    assert unborn
    for nth, (mrn, family, given) in enumerate(unborn):
        with room.db.write(SYSTEM) as tx:
            born = date(1940, 1, 1) + timedelta(days=97 * nth)
            find_patient(tx, StatedPatient(mrn, family, given, born, None), by_adt=True, named_at=tx.now)


def verify_unit_doses(room: CartRoom) -> None:
    """A pharmacist verifies what is taken by mouth, on the skin and so on, where its times are known."""
    with room.db.read() as session:
        query = (
            select(OrderVersion.id)
            .join(Order, (Order.id == OrderVersion.order_id) & (Order.newest == OrderVersion.number))
            .outerjoin(Verification, Verification.version_id == OrderVersion.id)
            .where(Verification.version_id.is_(None), OrderVersion.state == "active")
            .where(OrderVersion.schedule.is_not(None), OrderVersion.route.not_in(STERILE))
        )
        versions = list(session.scalars(query))
    proof = room.proof("pablo")
    for version in versions:
        with room.db.write(room.who("pablo")) as tx:
            orders.verify(tx, version, proof, "0" * 64, "unit dose")


def filled(room: CartRoom) -> int:
    """One cart for all the wards of the file, planned and labelled."""
    with room.db.write(room.who("petra")) as tx:
        units = tx.session.scalars(select(Unit.code).where(Unit.code.not_in(["7W", "6E"])))
        printers = tx.session.get_one(Cart, room.carts["7W"]).printer_url
        cart = add_cart(tx, "ALL", "All wards", ZONE, "15:00", units=tuple(units), printer_url=printers)
        room.carts = {**room.carts, "ALL": cart}
    return room.planned("ALL", WINDOW)


def code(ndc: str, lots: dict[int, str], lot: Lot) -> str:
    """What a scanner reads from the package: GTIN-14 of the NDC, expiry, lot."""
    body = "003" + "".join(ndc.split("-"))
    check = -sum(int(digit) * (3 if nth % 2 == 0 else 1) for nth, digit in enumerate(body)) % 10
    return f"]d201{body}{check}17{lot.expiry:%y%m%d}10{lots[lot.id]}"


def pick(room: CartRoom, fill: int) -> None:
    """Walk the whole way as a simulated technician does, every package scanned into its drawer."""
    with room.db.write(room.who("tina")) as tx:
        pick_actions.start(tx, fill)
    while True:
        with room.db.read() as session:
            at = where_am_i(session, room.people["tina"])
            stop = stop_at(session, fill, at.key) if at else None
            if stop is None:
                return
            found = {lot.id: lot for lot in session.scalars(select(Lot).where(Lot.id.in_(dict(stop.lots))))}
        for to in stop.puts:
            for _ in range(to.quantity):
                halt = room.scan(code(stop.package.ndc, dict(stop.lots), found[to.lot_id]))
                assert halt is None, halt
                room.scan(room.serial(to.work_id))


def drawers(room: CartRoom, fill: int) -> Iterator[int]:
    """The line of every package that lies in the fill's drawers."""
    with room.db.read() as session:
        for each in drawers_of(session, fill):
            yield from (put.line_id for put in drawer_standing(session, each.work_id).put)


def deliver(room: CartRoom, way: OnTheWay, fill: int) -> None:
    """A tote for every ward, out and in by scan."""
    with room.db.read() as session:
        units = dict(session.execute(select(Unit.code, Unit.id).where(Unit.code.not_in(["7W", "6E"]))).all())
    for nth, unit in enumerate(sorted(units)):
        tote = f"TOTE-{20 + nth}"
        try:
            way.load_all(fill, unit, tote)
        except Refused:
            continue  # nothing in the cart is for this ward
        way.leave(tote)
        way.arrive(unit, tote)


def a_day_on_the_ward(room: CartRoom, fill: int) -> None:
    """Of ten doses, seven are given, one is not found, and two stay in their drawer."""
    with room.db.read() as session:
        query = select(FillLine.id, FillLine.order_id, FillLine.due_at).join(Put, Put.line_id == FillLine.id)
        found = session.execute(query.where(FillLine.fill_id == fill).distinct().order_by(FillLine.id)).all()
    for nth, (line, order, due) in enumerate(found):
        with room.db.write(room.who("nina")) as tx:
            if nth % 10 == 0:
                missing_actions.not_here(tx, line, DESK)
            elif nth % 10 < 8 and due is not None:
                given_at_bedside(tx, order, AtBedside(100_000 + nth, due, "bedside"))


def send_back(room: CartRoom, fill: int) -> None:
    """What is left comes back: every package scanned against its drawer, every fifth of them opened.

    A package is told from the next of the same lot by nobody; so as many come back of each as are left, in any order.
    """
    nth = 0
    with room.db.read() as session:
        standing = [drawer_standing(session, each.work_id) for each in drawers_of(session, fill)]
    for drawer in standing:
        with room.db.read() as session:
            left = left_of(session, {put.line_id for put in drawer.put})
        codes: Counter[str] = Counter()
        for line, scan in {(put.line_id, put.scan) for put in drawer.put}:
            codes[scan] += int(left[line].on_unit)
        for scan in sorted(codes.elements()):
            nth += 1
            with room.db.write(room.who("tina")) as tx:
                condition = Condition.OPENED if nth % 5 == 0 else Condition.SEALED
                returns_actions.take_back(tx, room.serial(drawer.facts.work_id), scan, condition)
