"""The bedside's word (RAS) over the wire's own reader: what it closes, what counts as given, what it leaves alone."""

from datetime import UTC, datetime, timedelta

import pytest

from app.custody.whereabouts import Stage
from app.interop.actions import apply_one
from app.interop.mapping import read_message
from app.interop.models import Message
from app.interop.store_actions import store
from app.interop.understood import GivenMessage, Unmappable
from app.interop.values import Connection
from tests.cart_room import CartRoom
from tests.unitdose.on_the_way import OnTheWay
from unitdose.delivery_queries import left_of
from unitdose.happened import Happened
from unitdose.history_queries import line_history

EHR = Connection("EHR", zone="America/New_York")
AT = "20261122211000"  # ten minutes after the dose of 21:00


def ras(order: str = "RX2001^demo", mrn: str = "700201", at: str = AT, status: str = "CP", number: int = 1) -> bytes:
    return (
        f"MSH|^~\\&|EHR|LGH|LAMINAR|LGH|20261122211500||RAS^O17|G{number}|P|2.5\r"
        f"PID|1||{mrn}^^^LGH^MR||Alder^Mona||19500412|F\r"
        f"ORC|RE|{order}\rRXA|0|1|{at}||metformin^Metformin|500|mg|||||||||||||{status}\r"
    ).encode()


def heard(room: CartRoom, raw: bytes) -> tuple[str, str]:
    """Store and apply a message as the wire does; its outcome and the words."""
    message_id = store(room.db, EHR, raw).message_id
    outcome = apply_one(room.db, EHR, message_id)
    with room.db.read() as session:
        return outcome, session.get_one(Message, message_id).reason or ""


def read(raw: bytes) -> GivenMessage | Unmappable:
    (it,) = read_message(raw, connection=EHR, received=datetime(2026, 11, 23, 2, 20, tzinfo=UTC))
    assert isinstance(it, GivenMessage | Unmappable)
    return it


def test_a_bedside_record_says_of_which_order_a_dose_was_given_when_and_by_whom() -> None:
    it = read(ras().replace(b"|500|mg||||", b"|500|mg|||N7^Nurse^Nina|"))
    assert isinstance(it, GivenMessage) and it.by == "Nina Nurse (N7)"
    it = read(ras())
    assert isinstance(it, GivenMessage)
    assert (it.key, it.patient.mrn, it.status) == ("RX2001^demo", "700201", "given")
    assert it.at.instant == datetime(2026, 11, 23, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(("code", "status"), [("RE", "refused"), ("NA", "not given"), ("PA", "part"), ("", "given")])
def test_what_was_not_given_is_not_counted(code: str, status: str) -> None:
    it = read(ras(status=code))
    assert isinstance(it, GivenMessage) and it.status == status


@pytest.mark.parametrize("broken", [{"at": "2026"}, {"at": ""}, {"status": "XX"}, {"order": ""}])
def test_what_is_not_certain_is_an_exception(broken: dict[str, str]) -> None:
    it = read(ras(**broken))
    assert isinstance(it, Unmappable) and it.reason.endswith(".")


def delivered(room: CartRoom, *, arrive: bool = True) -> tuple[int, list[int]]:
    room.order("metformin", ("500", "mg"))
    fill = room.checked()
    way = OnTheWay(room)
    if arrive:
        way.delivered(fill)
    else:
        way.load_all(fill)
        way.leave()
    room.db.clock.forward(days=4)  # type: ignore[attr-defined]
    return fill, [line.line_id for line in room.lines(fill)]


def on_unit(room: CartRoom, lines: list[int]) -> dict[int, tuple[int, int]]:
    with room.db.read() as session:
        return {k: (int(v.of(Happened.GIVEN)), int(v.on_unit)) for k, v in left_of(session, lines).items()}


def test_the_dose_due_nearest_counts_as_given_once(room: CartRoom) -> None:
    _, lines = delivered(room)
    outcome, words = heard(room, ras())
    assert outcome == "applied" and "22-Nov-2026 21:00 counts as given" in words
    assert on_unit(room, lines) == {lines[0]: (1, 0), lines[1]: (0, 1)}
    heard(room, ras(number=2, at="20261123090500"))
    outcome, words = heard(room, ras(number=3, at="20261123090600"))
    assert outcome == "exception" and "was given at 23-Nov-2026 09:05 already. Find out whether another" in words
    assert on_unit(room, lines) == {lines[0]: (1, 0), lines[1]: (1, 0)}, "a dose is given once"


def test_a_second_record_of_a_dose_does_not_give_the_next_one(room: CartRoom) -> None:
    _, lines = delivered(room)
    heard(room, ras())
    outcome, words = heard(room, ras(number=2, at="20261122215500"))
    assert outcome == "exception" and "was given at 22-Nov-2026 21:10 already" in words
    assert on_unit(room, lines) == {lines[0]: (1, 0), lines[1]: (0, 1)}


def test_a_dose_that_was_never_sent_and_is_said_to_be_given_is_looked_at(room: CartRoom) -> None:
    room.order("metformin", ("500", "mg"))
    room.planned()
    room.db.clock.forward(days=1)  # type: ignore[attr-defined]
    outcome, words = heard(room, ras())
    assert outcome == "exception" and "it is not on the ward by the books. Find out what was given." in words


def test_what_is_said_to_be_given_later_than_now_is_looked_at(room: CartRoom) -> None:
    _, lines = delivered(room)
    outcome, words = heard(room, ras(at="20261222210000"))
    assert outcome == "exception" and "later than now: look at its clock" in words
    assert on_unit(room, lines) == {each: (0, 1) for each in lines}


def test_a_dose_stays_given_when_its_drawer_is_accepted_afterwards(room: CartRoom) -> None:
    """The bedside record comes first; the nurse accepts the drawer with the rest of it later."""
    fill, lines = delivered(room)
    heard(room, ras())
    way = OnTheWay(room)
    way.accept(way.drawers(fill)[0].work_id)
    with room.db.read() as session:
        given, other = (line_history(session, line).where.stage for line in lines)
    assert (given, other) == (Stage.GIVEN, Stage.RECEIVED)


def test_the_bedside_closes_the_custody_that_no_scan_has_closed(room: CartRoom) -> None:
    _, lines = delivered(room, arrive=False)
    assert on_unit(room, lines) == {}
    heard(room, ras())
    assert on_unit(room, lines) == {lines[0]: (1, 0)}


def test_an_order_of_another_patient_or_nobody_changes_nothing(room: CartRoom) -> None:
    _, lines = delivered(room)
    outcome, words = heard(room, ras(mrn="700202"))
    assert outcome == "exception" and "another patient" in words
    outcome, words = heard(room, ras(order="RX9999^demo", number=2))
    assert outcome == "applied" and "not known here" in words
    assert heard(room, ras(status="RE", number=3))[0] == "applied"
    assert on_unit(room, lines) == {each: (0, 1) for each in lines}


def test_a_dose_that_is_far_from_any_due_time_is_no_dose_of_the_cart(room: CartRoom) -> None:
    _, lines = delivered(room)
    late = (datetime(2026, 11, 22, 21) + timedelta(days=3)).strftime("%Y%m%d%H%M%S")
    assert "no dose from the cart is due near" in heard(room, ras(at=late))[1]
    assert on_unit(room, lines) == {each: (0, 1) for each in lines}
