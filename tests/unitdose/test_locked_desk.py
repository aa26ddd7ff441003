"""A locked desk still rings: what nobody accepts or finds stands over the way to unlock it, and names no patient."""

from tests.cart_room import CartRoom
from tests.desk import Desk, words
from tests.unitdose.on_the_way import OnTheWay
from tests.unitdose.test_cart_label_pages import at_desk, enter
from unitdose import missing_actions

__all__ = ["at_desk"]
LATE = "7 West, medicine has not accepted 2 deliveries."


def brought(room: CartRoom) -> OnTheWay:
    """Two drawers that nobody has accepted for 31 minutes, and a dose that a nurse did not find."""
    for patient in range(2):
        room.order("metformin", ("500", "mg"), number=f"L{patient}", patient=patient)
    way = OnTheWay(room)
    fill = room.checked()
    way.delivered(fill)
    line = room.lines(fill)[0].line_id
    way.act("nina", lambda tx: missing_actions.not_here(tx, line, "7 West"))
    return way


def test_the_locked_desk_shows_what_rings_and_no_patient(at_desk: Desk, room: CartRoom) -> None:
    brought(room)
    room.db.clock.forward(minutes=31)  # type: ignore[attr-defined]
    enter(at_desk, "tina")
    assert LATE in words(at_desk.get("/deliveries"))
    assert at_desk.post("/lock").status_code == 303
    page = words(at_desk.client.get("/sign-in").text)
    assert "Unlock" in page and LATE in page and "1 dose was not found on a ward." in page
    assert "ALDER" not in page
    asked = at_desk.client.get("/sign-in?part=alerts")
    assert asked.status_code == 200 and LATE in words(asked.text) and "PIN" not in asked.text
    for room_ in ("/deliveries", "/deliveries/alerts", "/missing", "/fills"):
        assert at_desk.client.get(room_).status_code == 303, "and nothing else"


def test_a_desk_at_which_nobody_is_signed_in_says_nothing(at_desk: Desk, room: CartRoom) -> None:
    brought(room)
    room.db.clock.forward(minutes=31)  # type: ignore[attr-defined]
    at_desk.client.cookies.clear()
    assert "has not accepted" not in at_desk.client.get("/sign-in").text
    assert at_desk.client.get("/deliveries/alerts").status_code == 303


def test_a_page_that_was_open_when_the_desk_locked_is_still_sent_to_the_door(at_desk: Desk, room: CartRoom) -> None:
    enter(at_desk, "tina")
    at_desk.post("/lock")
    stream = {"accept": "text/event-stream"}
    for topics in ("queue,late,deliveries,missing", "", "late"):
        told = at_desk.client.get(f"/live?topics={topics}", headers=stream).text
        assert told == "event: signed-out\ndata: {}\n\n", topics
