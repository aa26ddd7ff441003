"""Anything that happens to a cart, in any order: every package is in one place, and the ledger's equation holds."""

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from app.core.errors import Invalid, Missing, Refused
from app.custody import tote_actions as totes
from app.custody.given_actions import AtBedside
from app.db.session import Tx
from app.demo_cart import BEDS, DOSED, unit_code
from app.demo_cart import WARD as PEOPLE
from app.inventory.models import Movement, Place
from app.orders.models import OrderVersion
from app.orders.patient_actions import find_patient, find_stay
from app.orders.stated import StatedPlace
from tests.cart_room import CartRoom
from tests.unitdose.on_the_way import DESK, TOTE, WARD, OnTheWay
from unitdose import delivery_actions, drawer_actions, missing_actions, pick_actions, returns_actions, scheduler
from unitdose.bedside_actions import given_at_bedside
from unitdose.delivery_queries import left_of
from unitdose.models import Fill, FillLine, Pull, Put
from unitdose.queries import drawers_of
from unitdose.returns import Condition
from unitdose.ward_models import MissingDose

NUMBERS = itertools.count(1)
DRUGS = st.sampled_from((("metformin", ("500", "mg")), ("furosemide", ("40", "mg")), ("prednisone", ("40", "mg"))))
PATIENTS = st.integers(0, 3)
WHICH = st.integers(0, 20)


class Cart(RuleBasedStateMachine):
    """One cart with its ward; `room` is set by the test. Whatever is refused must have changed nothing."""

    room: CartRoom

    @initialize(patients=st.lists(PATIENTS, min_size=1, max_size=3))
    def a_cart_is_planned(self, patients: list[int]) -> None:
        self.versions: list[int] = []
        for patient in patients:
            self._order("metformin", ("500", "mg"), patient)
        self.fill = self.room.planned()
        self.way = OnTheWay(self.room)

    def _order(self, drug: str, dose: tuple[str, str], patient: int) -> None:
        number = f"M{next(NUMBERS)}"
        self.versions.append(self.room.order(drug, dose, number=number, patient=patient))

    def act(self, by: str, what: Callable[[Tx], object]) -> None:
        try:
            with self.room.db.write(self.room.who(by)) as tx:
                what(tx)
        except (Refused, Invalid, Missing):
            return

    def follow(self) -> None:
        scheduler.change_orders(self.room.db, self.fill, None)
        scheduler.first_doses(self.room.db, self.room.carts["7W"])
        with self.room.db.read() as session:
            fills = list(session.scalars(select(Fill.id).where(Fill.cart_id == self.room.carts["7W"])))
        for each in fills:
            self.room.label(each)

    # --- what happens ----------------------------------------------------------------------------------------------

    @rule(drug=DRUGS, patient=PATIENTS)
    def an_order_comes(self, drug: tuple[str, tuple[str, str]], patient: int) -> None:
        self._order(*drug, patient)
        self.follow()

    @rule(which=WHICH)
    def an_order_stops(self, which: int) -> None:
        version = self.versions[which % len(self.versions)]
        try:
            self.room.stop(version)
        except Refused:
            return
        self.follow()

    @rule(patient=PATIENTS, unit=st.sampled_from(("7W", "6E")))
    def a_patient_moves(self, patient: int, unit: str) -> None:
        visit = BEDS[patient][0]

        def move(tx: Tx) -> None:
            find_stay(tx, find_patient(tx, PEOPLE[patient]), StatedPlace(visit, unit, "9", "Z", f"{unit}^9^Z"), tx.now)

        self.act("tina", move)
        self.follow()

    @rule(most=st.integers(1, 6), by=st.sampled_from(("tina", "tomas")))
    def somebody_picks(self, most: int, by: str) -> None:
        self.room.picked(self.fill, by, most)
        self.act(by, pick_actions.stop_picking)

    @rule()
    def a_bin_is_short(self) -> None:
        self.act("tina", lambda tx: pick_actions.start(tx, self.fill))
        self.act("tina", lambda tx: pick_actions.short(tx, "not enough in the bin"))
        self.act("tina", pick_actions.stop_picking)

    @rule()
    def what_was_struck_is_pulled(self) -> None:
        with self.room.db.read() as session:
            serials = [each.serial for each in drawers_of(session, self.fill) if each.serial]
        for serial in serials:
            for each in DOSED:
                self.act("tina", lambda tx, s=serial, k=each.key: drawer_actions.pull(tx, s, unit_code(k)))  # type: ignore[misc]

    @rule()
    def the_drawers_are_signed_and_released(self) -> None:
        with contextlib.suppress(Refused):
            self.room.signed(self.fill)
        with contextlib.suppress(Refused):
            self.room.released(self.fill)

    @rule()
    def the_cart_leaves_and_arrives(self) -> None:
        unit = self.way.unit("7W")
        self.act("tina", lambda tx: delivery_actions.load_all(tx, TOTE, self.fill, unit, DESK))
        self.act("tina", lambda tx: totes.leave(tx, TOTE, DESK))
        self.act("tina", lambda tx: delivery_actions.arrive(tx, unit, TOTE, DESK))
        self.follow()

    @rule(which=WHICH)
    def a_dose_is_given(self, which: int) -> None:
        version = self.versions[which % len(self.versions)]
        number = next(NUMBERS)

        def give(tx: Tx) -> None:
            order_id = tx.session.get_one(OrderVersion, version).order_id
            due = tx.session.scalar(
                select(FillLine.due_at).where(FillLine.order_id == order_id, FillLine.packages > 0).limit(1)
            )
            if due is not None:
                given_at_bedside(tx, order_id, AtBedside(number, due, "bedside"))

        self.act("nina", give)

    @rule(which=WHICH)
    def a_dose_is_missed(self, which: int) -> None:
        with self.room.db.read() as session:
            lines = list(session.scalars(select(FillLine.id).where(FillLine.packages > 0).order_by(FillLine.id)))
        if lines:
            self.act("nina", lambda tx: missing_actions.not_here(tx, lines[which % len(lines)], WARD))

    @rule()
    def it_is_found_again(self) -> None:
        with self.room.db.read() as session:
            reports = list(session.scalars(select(MissingDose.id).where(MissingDose.resolved_at.is_(None))))
        for report in reports:
            self.act("nina", lambda tx, r=report: missing_actions.found(tx, r, WARD))  # type: ignore[misc]

    @rule(condition=st.sampled_from(list(Condition)), key=st.sampled_from(("metformin", "furosemide", "prednisone-20")))
    def a_package_comes_back(self, condition: Condition, key: str) -> None:
        with self.room.db.read() as session:
            serials = [each.serial for each in drawers_of(session, self.fill) if each.serial]
        for serial in serials:
            self.act("tina", lambda tx, s=serial: returns_actions.take_back(tx, s, unit_code(key), condition))  # type: ignore[misc]

    # --- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def every_package_is_in_one_place(self) -> None:
        """Followed through the ledger, a package that was put is in exactly one place, and no place lacks any."""
        with self.room.db.read() as session:
            kinds = dict(session.execute(select(Place.id, Place.kind)).all())
            moves = session.execute(
                select(Movement.cause, Movement.from_place_id, Movement.to_place_id, Movement.quantity)
                .where(Movement.cause.startswith("line "))
                .order_by(Movement.id)
            ).all()
            puts = Counter(f"line {line}" for line in session.scalars(select(Put.line_id)))
            pulled = Counter(
                f"line {line}" for line in session.scalars(select(Put.line_id).join(Pull, Pull.put_id == Put.id))
            )
        held: dict[tuple[str, str], int] = {}
        for cause, source, target, quantity in moves:
            held[cause, kinds[source]] = held.get((cause, kinds[source]), 0) - int(quantity)
            held[cause, kinds[target]] = held.get((cause, kinds[target]), 0) + int(quantity)
        for (cause, kind), count in held.items():
            if kind in ("cart", "patient", "waste"):
                assert count >= 0, f"{cause}: {count} in {kind}"
        for cause, count in puts.items():
            out = sum(held.get((cause, kind), 0) for kind in ("cart", "patient", "waste"))
            store = sum(held.get((cause, kind), 0) for kind in ("shelf", "unaccounted"))
            assert out + store == 0, f"{cause}: nothing appears or vanishes"
            assert out <= count - pulled[cause]

    @invariant()
    def the_equation_holds_for_every_line(self) -> None:
        with self.room.db.read() as session:
            lines = list(session.scalars(select(FillLine.id).where(FillLine.packages > 0)))
            left = left_of(session, lines)
        for line, each in left.items():
            assert each.on_unit >= 0, f"line {line}: more gone than came"
            assert each.missing >= 0

    @invariant()
    def no_dose_is_planned_twice(self) -> None:
        with self.room.db.read() as session:
            live = session.execute(
                select(FillLine.order_id, FillLine.due_at, FillLine.package_id).where(
                    FillLine.ended_run_id.is_(None), FillLine.packages > 0
                )
            ).all()
            replaced = {report for report in session.scalars(select(MissingDose.replaced_by_line_id)) if report}
            copies = session.execute(
                select(FillLine.order_id, FillLine.due_at, FillLine.package_id).where(FillLine.id.in_(replaced))
            ).all()
        twice = Counter(tuple(each) for each in live)
        twice.subtract(tuple(each) for each in copies)
        assert {key for key, count in twice.items() if count > 1} == set()

    @invariant()
    def nothing_is_put_beyond_its_line(self) -> None:
        with self.room.db.read() as session:
            rows = session.execute(
                select(Put.line_id, FillLine.packages)
                .join(FillLine, FillLine.id == Put.line_id)
                .outerjoin(Pull, Pull.put_id == Put.id)
                .where(Pull.put_id.is_(None))
            ).all()
        puts = Counter(line for line, _ in rows)
        assert all(puts[line] <= packages for line, packages in rows)


def test_whatever_happens_to_a_cart_every_package_is_accounted_for(room: CartRoom) -> None:
    Cart.room = room
    examples = 6 if room.db.is_sqlite else 2
    run_state_machine_as_test(
        Cart,
        settings=settings(
            max_examples=examples,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            derandomize=True,
        ),
    )
