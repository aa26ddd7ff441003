"""Anything, by anybody, in any order: the promises hold, and what is right is never refused.

A small model remembers who made what, whether the order is current and the lot good; the product is driven beside it.
"""

import itertools
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from app import demo
from app.core.permissions import May, allowed
from app.core.workflow import State
from app.db.session import Tx, Who
from app.inventory.actions import lot_for, recall
from app.labels.models import Label
from app.orders import actions as orders
from app.orders.models import OrderVersion
from app.stations.actions import Weight
from app.work.models import WorkItem
from compounding import check_actions, hood_actions, scan_actions
from compounding.procedure import Label as Labelling
from compounding.procedure import Pair, Shot, label_serial
from compounding.recipe import Inspect, Scan, Weigh
from compounding.review import shown_sha256
from tests.faults.drive import told
from tests.hospital import BALANCE, HOOD, HOUSE, MASSES, PICTURE, Hospital

PEOPLE = st.sampled_from(("tina", "pablo", "petra", "nina"))
HOLDER = st.sampled_from(("holder", "holder", "holder", "tina", "pablo", "petra", "nina"))
NUMBERS = itertools.count(1)
EXPIRY = date(2027, 3, 31)


class Anything(RuleBasedStateMachine):
    """One dose, its order, its lot, and everybody. `house` is set by the test."""

    house: Hospital

    @initialize(begun=st.sampled_from((0, 5, 99, 100, 100)))
    def an_order(self, begun: int) -> None:
        self.number = next(NUMBERS)
        self.lot = f"LOT{self.number}"
        self.dose = self.house.dose(self.house.order(number=f"RX{self.number}", patient=self.number % 3))
        self.work: int | None = None
        self.state: State | None = None
        self.holder = ""
        self.makers: set[str] = set()
        self.checkers: set[str] = set()
        self.current, self.good_lot = True, True
        self.serial = 0
        if not begun:
            return
        self.claim("tina")
        self.steps("tina", begun)
        if begun == 100:
            self.finish("tina")

    def named(self, name: str) -> str:
        return (self.holder or "tina") if name == "holder" else name

    # --- what somebody does ---------------------------------------------------------------------------------------

    def at_hood(self, name: str) -> Who:
        return demo.who(name, self.house.people, HOOD)

    def act(self, who: Who, what: Callable[[Tx], object]) -> str | None:
        def write() -> None:
            with self.house.db.write(who) as tx:
                what(tx)

        return told(write)

    def may(self, name: str, permission: May) -> bool:
        return allowed(demo.CAST[name][1], permission)

    def prepares(self, name: str) -> bool:
        return self.may(name, May.PREPARE) and name not in self.checkers

    @precondition(lambda self: self.work is None)
    @rule(name=PEOPLE)
    def claim(self, name: str) -> None:
        found: list[int] = []
        start = lambda tx: found.append(hood_actions.claim(tx, self.dose, self.tray, HOUSE))  # noqa: E731
        words = self.act(self.at_hood(name), start)
        assert (words is None) == (self.may(name, May.PREPARE) and self.current), words
        if words is None:
            self.work, self.state, self.holder = found[0], State.MAKING, name
            self.makers, self.checkers = {name}, set()

    @property
    def tray(self) -> str:
        return f"TRAY-{self.number:04}"

    @precondition(lambda self: self.work is not None)
    @rule(name=HOLDER, steps=st.sampled_from((1, 3, 99)))
    def steps(self, name: str, steps: int) -> None:
        """Do the next steps rightly; the first that is refused ends it."""
        name = self.named(name)
        for _ in range(steps):
            what = self.next_step()
            if what is None:
                return
            stops = len(self.at.where.stops)
            words = self.act(self.at_hood(name), what)
            mine = self.prepares(name) and self.state is State.MAKING and self.holder == name
            assert (words is None) == (mine and self.current), words
            if words is not None:
                return
            self.makers.add(name)
            assert (len(self.at.where.stops) > stops) <= (not self.good_lot), "a right step was stopped"
            if len(self.at.where.stops) > stops:
                return

    @property
    def at(self):  # noqa: ANN201
        assert self.work is not None
        return self.house.at(self.work)

    def next_step(self) -> Callable[[Tx], object] | None:
        assert self.work is not None
        work, at = self.work, self.at
        match at.where.current:
            case Scan(slot=slot):
                self.serial += 1
                lot = self.lot if slot == "vial" else None
                code = demo.barcode(slot, lot=lot, serial=f"A{self.number}N{self.serial}")
                return lambda tx: scan_actions.scan(tx, work, code, HOUSE)
            case Weigh(key=key):
                weight = Weight(Decimal(MASSES["MFR-01"][key]), 5, BALANCE, 1, "mt-sics", b"S S 1 g\r\n")
                return lambda tx: hood_actions.weigh(tx, work, key, weight, HOUSE)
            case Inspect(key=key):
                return lambda tx: hood_actions.confirm(tx, work, key, HOUSE)
            case Pair():
                half = at.where.half
                text = at.preparation.tray if half and half.of == "label" else label_serial(at.where) or ""
                return lambda tx: scan_actions.scan(tx, work, text, HOUSE)
            case Shot():
                return lambda tx: hood_actions.photograph(tx, work, PICTURE)
            case Labelling() | None:
                return None
        return None

    @precondition(lambda self: self.work is not None)
    @rule(name=PEOPLE, what=st.sampled_from(("wrong product", "heavy", "nonsense", "another tray")))
    def something_wrong(self, name: str, what: str) -> None:
        """A wrong scan or weight never carries the dose a step further."""
        assert self.work is not None
        before, work = dict(self.at.where.done), self.work
        if what == "heavy":
            step = self.at.where.current
            key = step.key if isinstance(step, Weigh) else "bag-after"
            weight = Weight(Decimal("999.99"), 5, BALANCE, 1, "mt-sics", b"S S 1 g\r\n")
            words = self.act(self.at_hood(name), lambda tx: hood_actions.weigh(tx, work, key, weight, HOUSE))
            assert words is not None
        else:
            text = {"wrong product": demo.barcode("litre"), "nonsense": "%%%", "another tray": "TRAY-99"}[what]
            words = self.act(self.at_hood(name), lambda tx: scan_actions.scan(tx, work, text, HOUSE))
            if words is None:
                self.makers.add(name)
        assert dict(self.at.where.done) == before

    @precondition(lambda self: self.work is not None)
    @rule(name=HOLDER, step=st.sampled_from(("photo", "pair", "bag-after", "scan-bag")))
    def again(self, name: str, step: str) -> None:
        name = self.named(name)
        work = self.work or 0
        words = self.act(self.at_hood(name), lambda tx: hood_actions.redo(tx, work, step, "again"))
        if words is None:
            assert self.prepares(name) and self.state is State.MAKING and self.holder == name and self.current
            assert step not in self.at.where.done
            self.makers.add(name)

    @precondition(lambda self: self.work is not None)
    @rule(name=HOLDER, what=st.sampled_from(("pause", "resume", "take_over")))
    def hand_over(self, name: str, what: str) -> None:
        name = self.named(name)
        work = self.work or 0
        acts = {
            "pause": lambda tx: hood_actions.pause(tx, work),
            "resume": lambda tx: hood_actions.resume(tx, work, self.tray),
            "take_over": lambda tx: hood_actions.take_over(tx, work, self.tray),
        }
        words = self.act(self.at_hood(name), acts[what])
        right = {
            "pause": self.state is State.MAKING and self.holder == name,
            "resume": self.state is State.PAUSED and self.holder == name,
            "take_over": self.state in (State.MAKING, State.PAUSED) and self.holder != name,
        }[what]
        assert (words is None) == (right and self.prepares(name)), words
        if words is None:
            self.state = State.PAUSED if what == "pause" else State.MAKING
            self.holder = self.holder if what == "pause" else name
            self.makers.add(name)

    @precondition(lambda self: self.work is not None)
    @rule(name=HOLDER)
    def finish(self, name: str) -> None:
        name = self.named(name)
        work, complete = self.work or 0, not self.at.where.blockers
        proof = demo.proof(self.house.db, name, self.house.people, HOOD)
        words = self.act(self.at_hood(name), lambda tx: check_actions.finish(tx, work, proof))
        right = self.prepares(name) and self.state is State.MAKING and self.holder == name
        assert (words is None) == (right and complete and self.current and self.used_lot_is_good), words
        if words is None:
            self.state = State.MADE
            self.makers.add(name)

    @property
    def used_lot_is_good(self) -> bool:
        return self.good_lot or not any(self.at.where.bound)

    def checks(self, name: str) -> bool:
        return self.may(name, May.CHECK) and name not in self.makers

    @precondition(lambda self: self.work is not None)
    @rule(name=PEOPLE)
    def release(self, name: str) -> None:
        work, shown, complete = self.work or 0, shown_sha256(self.at), not self.at.where.blockers
        proof = self.house.proof(name)
        words = self.act(self.house.who(name), lambda tx: check_actions.release(tx, work, proof, shown))
        right = self.checks(name) and self.state is State.MADE and complete and self.current and self.good_lot
        assert (words is None) == right, words
        if words is None:
            self.state = State.RELEASED
            self.checkers.add(name)
            self.released_rightly()

    def released_rightly(self) -> None:
        assert not self.makers & self.checkers
        with self.house.db.read() as session:
            label = session.scalars(select(Label).where(Label.work_id == self.work, Label.voided_at.is_(None))).one()
        assert label.confirmed_at is not None
        for drawn in self.at.where.drawn.values():
            assert drawn.judgement is not None and drawn.judgement.verdict in ("within", "cannot_tell")

    @precondition(lambda self: self.work is not None)
    @rule(name=PEOPLE, what=st.sampled_from(("send_back", "refuse", "withdraw", "take_back", "drop")))
    def undo(self, name: str, what: str) -> None:
        work, who = self.work or 0, self.house.who(name)
        proof = self.house.proof(name)
        acts: dict[str, Callable[[Tx], object]] = {
            "send_back": lambda tx: check_actions.send_back(tx, work, "photo", "blurred"),
            "refuse": lambda tx: check_actions.refuse(tx, work, proof, "blurred", "discarded"),
            "withdraw": lambda tx: check_actions.withdraw(tx, work, proof, "in doubt", "discarded"),
            "take_back": lambda tx: check_actions.take_back(tx, work, "crooked"),
            "drop": lambda tx: check_actions.drop(tx, work, "spilled"),
        }
        words = self.act(who, acts[what])
        right = {
            "send_back": self.checks(name) and self.state is State.MADE,
            "refuse": self.checks(name) and self.state is State.MADE,
            "withdraw": self.checks(name) and self.may(name, May.WITHDRAW) and self.state is State.RELEASED,
            "take_back": self.prepares(name) and self.state is State.MADE and self.holder == name,
            "drop": self.may(name, May.PREPARE) and self.state in (State.MAKING, State.PAUSED),
        }[what]
        assert (words is None) == right, words
        if words is not None:
            return
        if what in ("send_back", "take_back"):
            self.state = State.MAKING
            (self.checkers if what == "send_back" else self.makers).add(name)
            return
        self.work = self.state = None

    # --- what happens meanwhile -----------------------------------------------------------------------------------

    @precondition(lambda self: self.current)
    @rule(what=st.sampled_from(("discontinue", "hold", "change")), likely=st.integers(0, 3))
    def the_order_changes(self, what: str, likely: int) -> None:
        if likely:
            return
        with self.house.db.write(self.house.who("petra")) as tx:
            if what == "change":
                import dataclasses

                stated = self.house.stated(number=f"RX{self.number}", patient=self.number % 3)
                orders.state(tx, dataclasses.replace(stated, control="change", infuse_minutes=121 + self.number))
            else:
                order_id = self.order_id(tx)
                (orders.stop if what == "discontinue" else orders.hold)(tx, order_id, reason="seen at the bed")
        self.current = False

    def order_id(self, tx: Tx) -> int:
        from app.orders.models import Dose

        version_id = tx.session.get_one(Dose, self.dose).version_id
        return tx.session.get_one(OrderVersion, version_id).order_id

    @precondition(lambda self: self.good_lot)
    @rule(likely=st.integers(0, 3))
    def the_lot_is_recalled(self, likely: int) -> None:
        if likely:
            return
        with self.house.db.write(self.house.who("petra")) as tx:
            recall(tx, lot_for(tx, package_id=1, number=self.lot, expiry=EXPIRY).id, "particles")
        self.good_lot = False

    # --- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def one_live_work_and_the_state_that_was_given(self) -> None:
        if not hasattr(self, "dose"):
            return
        with self.house.db.read() as session:
            live = session.scalar(select(func.count()).where(WorkItem.dose_id == self.dose, WorkItem.is_live == 1))
        assert live == (self.work is not None)
        if self.work is not None:
            assert self.at.state is self.state


@pytest.mark.parametrize("part", [1, 2])
def test_anything_by_anybody_in_any_order_keeps_every_promise(house: Hospital, part: int) -> None:
    """The fixture asks after all of it whether every promise of the whole record holds."""

    class Here(Anything):
        pass

    Here.house = house
    examples = 12 if house.db.is_sqlite else 6
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
