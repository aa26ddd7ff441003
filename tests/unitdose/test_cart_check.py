"""A drawer's check: what the pharmacist is told first, who may release, and what sending back and refusing lead to."""

from datetime import date

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from app.core.errors import Refused
from app.core.workflow import State
from app.db.session import Who
from app.inventory import actions as stock
from app.inventory.models import Movement, Place
from app.work.models import WorkPart
from tests.cart_room import CartRoom
from unitdose import check_actions, pick_actions, scheduler
from unitdose.check_queries import check_queue
from unitdose.checking import seen_lines, sentence
from unitdose.drawer_queries import drawer_sha256, drawer_standing
from unitdose.queries import drawer_facts, drawers_of

TODAY = date(2026, 11, 22)


def made(room: CartRoom, *orders: tuple[str, tuple[str, str]], by: str = "tina") -> tuple[int, int]:
    """A drawer of one patient picked and signed; fill and work item."""
    for nth, (drug, dose) in enumerate(orders or (("metformin", ("500", "mg")),)):
        room.order(drug, dose, number=f"K{nth}")
    fill = room.planned()
    room.picked(fill, by)
    return fill, room.signed(fill, by)[0]


def shown(room: CartRoom, work_id: int) -> str:
    with room.db.read() as session:
        return drawer_sha256(drawer_standing(session, work_id))


def release(room: CartRoom, work_id: int, by: str, seen: str | None = None) -> None:
    with room.db.write(room.who(by)) as tx:
        check_actions.release(tx, work_id, room.proof(by), seen or shown(room, work_id))


def state(room: CartRoom, work_id: int) -> State:
    with room.db.read() as session:
        return drawer_facts(session, work_id).state


def test_a_pharmacist_releases_what_a_technician_filled(room: CartRoom) -> None:
    fill, drawer = made(room)
    with room.db.read() as session:
        (waiting,) = check_queue(session)
    assert (waiting.work_id, waiting.doses, waiting.packages, waiting.unusual) == (drawer, 2, 2, 0)
    assert waiting.made_by == "Tina Technician"
    release(room, drawer, "pablo")
    assert state(room, drawer) is State.RELEASED
    with room.db.read() as session:
        assert check_queue(session, fill) == ()


def test_what_carries_risk_stands_first_and_the_sentence_counts_it(room: CartRoom) -> None:
    _, drawer = made(
        room, ("metformin", ("500", "mg")), ("warfarin", ("5", "mg")), ("metoprolol tartrate", ("12.5", "mg"))
    )
    with room.db.read() as session:
        standing = drawer_standing(session, drawer)
    lines = seen_lines(standing, date(1950, 4, 12), TODAY)
    assert [each.tier for each in lines] == ["A"] * 4 + ["B"] * 2
    assert {why for each in lines for why in each.why_a} == {"high alert", "half tablet (12.5 mg)"}
    assert sentence(standing, lines) == (
        "6 doses in 6 packages, every package scanned; 4 doses to look at; nothing unusual."
    )
    child = seen_lines(standing, date(2015, 1, 1), TODAY)
    assert {each.tier for each in child} == {"A"}


@pytest.mark.parametrize("by", ["tina", "tomas", "lena", "nina"])
def test_only_a_pharmacist_releases(room: CartRoom, by: str) -> None:
    _, drawer = made(room)
    with pytest.raises(Refused, match="may not check"):
        release(room, drawer, by)
    assert state(room, drawer) is State.MADE


def test_nobody_checks_what_they_picked_and_the_database_says_so_too(room: CartRoom) -> None:
    room.order("metformin", ("500", "mg"))
    fill = room.planned()
    room.picked(fill, "pablo", most=1)
    with room.db.write(room.who("pablo")) as tx:
        pick_actions.stop_picking(tx)
    room.picked(fill, "tina")
    (drawer,) = room.signed(fill, "tina")
    with pytest.raises(Refused, match="somebody else must check it"):
        release(room, drawer, "pablo")
    release(room, drawer, "petra")
    pablo: Who = room.who("pablo")
    with pytest.raises(IntegrityError), room.db.write(pablo) as tx:
        tx.session.add(WorkPart(work_id=drawer, person_id=pablo.person_id, side="checks"))
        tx.session.flush()


def test_what_has_changed_since_it_was_seen_is_not_released(room: CartRoom) -> None:
    version = room.order("metformin", ("500", "mg"), number="L1")
    room.order("pantoprazole", ("40", "mg"), number="L2", frequency="DAILY")
    fill = room.planned()
    room.picked(fill)
    (drawer,) = room.signed(fill)
    before = shown(room, drawer)
    order_id = room.stop(version)
    with pytest.raises(Refused, match="the order was stopped"):
        release(room, drawer, "pablo", before)
    scheduler.change_orders(room.db, fill, [order_id])
    with pytest.raises(Refused, match="has changed since"):
        release(room, drawer, "pablo", before)
    with pytest.raises(Refused, match="take 2 packages out"):
        release(room, drawer, "pablo")


def test_a_recalled_lot_is_not_released(room: CartRoom) -> None:
    _, drawer = made(room)
    with room.db.read() as session:
        lot = drawer_standing(session, drawer).put[0].lot_id
    with room.db.write(room.who("petra")) as tx:
        stock.recall(tx, lot, "wrong imprint")
    with pytest.raises(Refused, match="recalled"):
        release(room, drawer, "pablo")


def test_a_drawer_is_sent_back_and_signed_again(room: CartRoom) -> None:
    fill, drawer = made(room)
    with pytest.raises(Refused, match="Give a reason"), room.db.write(room.who("pablo")) as tx:
        check_actions.send_back(tx, drawer, "")
    with room.db.write(room.who("pablo")) as tx:
        check_actions.send_back(tx, drawer, "two tablets look alike")
    assert state(room, drawer) is State.MAKING
    assert room.signed(fill) == [drawer]
    release(room, drawer, "pablo")


@pytest.mark.parametrize("withdrawn", [False, True])
def test_a_refused_drawer_is_wasted_and_filled_again_in_a_new_one(room: CartRoom, withdrawn: bool) -> None:
    fill, drawer = made(room)
    if withdrawn:
        release(room, drawer, "petra")
    act = check_actions.withdraw if withdrawn else check_actions.refuse
    with room.db.write(room.who("pablo")) as tx:
        act(tx, drawer, room.proof("pablo"), "wrong patient's label", "discarded", shown(room, drawer))
    assert state(room, drawer) is State.REFUSED
    with room.db.read() as session:
        waste = session.scalar(select(Place.id).where(Place.kind == "waste"))
        assert session.scalar(select(func.count(Movement.id)).where(Movement.to_place_id == waste)) == 2
        assert [(each.sequence, each.state) for each in drawers_of(session, fill)] == [
            (1, State.REFUSED),
            (2, State.QUEUED),
        ]
    room.label(fill)
    assert room.picked(fill) == 2
    room.signed(fill)
    assert len(room.released(fill, "petra")) == 1


def test_two_pharmacists_release_one_drawer_once(room: CartRoom) -> None:
    _, drawer = made(room)
    seen = shown(room, drawer)
    release(room, drawer, "pablo", seen)
    with pytest.raises(Refused):
        release(room, drawer, "petra", seen)
