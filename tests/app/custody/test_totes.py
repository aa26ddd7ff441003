"""A tote with bags: packed, out with the courier, in at the ward, whatever is scanned twice or at the wrong place."""

import threading

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.audit.queries import of_subject, verify
from app.core.codes import read_code, ward_code
from app.core.errors import Missing, Refused
from app.custody import tote_actions as totes
from app.custody.bag import Kind
from app.custody.models import CustodyEvent, ToteLoad, ToteTrip
from app.custody.tote_actions import Came, Stopped
from app.custody.whereabouts import Stage, What
from app.stations.models import Unit
from tests.app.custody.conftest import DESK, Ward

TOTE = "TOTE-7"


def unit(ward: Ward, code: str) -> int:
    with ward.db.read() as session:
        return session.scalars(select(Unit.id).where(Unit.code == code)).one()


def pack(ward: Ward, serial: str, tote: str = TOTE, by: str = "tina") -> None:
    ward.act(by, lambda tx: totes.pack_bag(tx, tote, serial, DESK))


def leave(ward: Ward, tote: str = TOTE, by: str = "tina") -> None:
    ward.act(by, lambda tx: totes.leave(tx, tote, DESK))


def arrive(ward: Ward, code: str = "7W", tote: str | None = TOTE, by: str = "tina") -> Came | Stopped:
    unit_id = unit(ward, code)

    def act(tx: object) -> Came | Stopped:
        said = totes.coming(tx, unit_id, tote, DESK)  # type: ignore[arg-type]
        if isinstance(said, Came):
            totes.arrived(tx, said)  # type: ignore[arg-type]
        return said

    return ward.act(by, act)  # type: ignore[return-value]


def stage(ward: Ward, serial: str) -> Stage:
    return ward.bag(serial).where.stage


def test_codes_of_totes_and_wards_are_read() -> None:
    assert [read_code(text).kind for text in ("TOTE-12", "WARD-7W", "WARD-CARDIO-2")] == ["tote", "ward", "ward"]  # type: ignore[union-attr]
    assert [ward_code(unit) for unit in ("7W", "CARDIO-2")] == ["WARD-7W", "WARD-CARDIO-2"]
    assert read_code("TOTE-") is None and read_code("tote-1") is None


def test_a_bag_goes_by_tote_and_every_step_has_its_instant(ward: Ward) -> None:
    _, serial = ward.released()
    pack(ward, serial)
    assert stage(ward, serial) is Stage.PACKED
    leave(ward)
    ward.db.clock.forward(minutes=10)  # type: ignore[attr-defined]
    came = arrive(ward)
    assert isinstance(came, Came) and came.serials == (serial,) and came.unit == "7 West, medicine"
    found = ward.bag(serial)
    assert found.where.stage is Stage.ARRIVED and found.where.unit_id == unit(ward, "7W")
    assert [fact.what for fact in found.facts[-3:]] == [What.PACKED, What.HANDED_OVER, What.ARRIVED]
    assert found.facts[-2].note == "in TOTE-7 to 7 West, medicine"
    assert ward.scan(serial).kind is Kind.NOW_RECEIVED
    with ward.db.read() as session:
        assert [entry.action for entry in of_subject(session, f"tote {TOTE}")] == ["sent", "arrived"]
        assert verify(session).broken is None


def test_what_is_not_checked_stays_in_the_pharmacy_in_words(ward: Ward) -> None:
    _, serial = ward.made()
    with pytest.raises(Refused, match=r"^Not checked\. Do not give\..*Keep it in the pharmacy"):
        pack(ward, serial)
    stopped, other = ward.released()
    ward.stop(stopped)
    with pytest.raises(Refused, match="The order was stopped"):
        pack(ward, other)
    with pytest.raises(Missing, match="L-0000000000"):
        pack(ward, "L-0000000000")
    with ward.db.read() as session:
        assert session.scalars(select(ToteTrip)).all() == []


def test_a_tote_goes_to_the_ward_of_the_first_thing_in_it(ward: Ward) -> None:
    _, west = ward.released()
    _, icu = ward.released(tray="TRAY-02", number="RX2", patient=2)
    pack(ward, west)
    with pytest.raises(Refused, match="TOTE-7 goes to 7 West, medicine, this dose to Intensive care. Take a tote for"):
        pack(ward, icu)
    pack(ward, icu, "TOTE-8")
    with pytest.raises(Refused, match="is in TOTE-8 already. Take it out of TOTE-8 first"):
        pack(ward, icu)


def test_packed_twice_sent_twice_and_scanned_twice_on_the_ward_each_count_once(ward: Ward) -> None:
    _, serial = ward.released()
    pack(ward, serial)
    pack(ward, serial, by="pablo")
    leave(ward)
    leave(ward)
    arrive(ward)
    again = arrive(ward)
    assert isinstance(again, Came) and again.serials == ()
    counted = [fact.what for fact in ward.bag(serial).facts]
    assert [counted.count(what) for what in (What.PACKED, What.HANDED_OVER, What.ARRIVED)] == [1, 1, 1]


def test_the_wrong_ward_is_a_stop_in_words_that_delivers_nothing_and_is_on_record(ward: Ward) -> None:
    _, serial = ward.released()
    pack(ward, serial)
    leave(ward)
    said = arrive(ward, "ICU")
    assert isinstance(said, Stopped)
    assert said.words == "TOTE-7 goes to 7 West, medicine. This is Intensive care. Nothing was delivered."
    assert isinstance(arrive(ward, "ICU", tote=None), Stopped), "also without the tote in hand"
    assert stage(ward, serial) is Stage.ON_ITS_WAY
    with ward.db.read() as session:
        told = [entry.action for entry in of_subject(session, f"tote {TOTE}")]
    assert told.count("stopped at the wrong ward") == 2
    assert isinstance(arrive(ward), Came)


def test_a_ward_that_nothing_goes_to_says_what_to_do(ward: Ward) -> None:
    with pytest.raises(Refused, match="No tote is on its way to 7 West, medicine. Scan the tote first"):
        arrive(ward, tote=None)
    with pytest.raises(Refused, match="TOTE-7 is empty. Scan what goes into it first"):
        leave(ward)


def test_whoever_stands_on_the_ward_with_a_tote_has_left_with_it(ward: Ward) -> None:
    _, serial = ward.released()
    pack(ward, serial)
    assert isinstance(arrive(ward), Came)
    assert [fact.what for fact in ward.bag(serial).facts[-2:]] == [What.HANDED_OVER, What.ARRIVED]


def test_a_nurse_who_took_it_out_on_its_way_keeps_it(ward: Ward) -> None:
    _, serial = ward.released()
    pack(ward, serial)
    leave(ward)
    ward.scan(serial)
    arrive(ward)
    assert stage(ward, serial) is Stage.RECEIVED


def test_what_is_taken_out_again_or_comes_back_is_ready_in_the_pharmacy(ward: Ward) -> None:
    _, serial = ward.released()
    pack(ward, serial)
    ward.act("tina", lambda tx: totes.unpack(tx, serial, DESK))
    ward.act("tina", lambda tx: totes.unpack(tx, serial, DESK))
    assert stage(ward, serial) is Stage.RELEASED
    with pytest.raises(Refused, match="is empty"):
        leave(ward)
    pack(ward, serial)
    leave(ward)
    with pytest.raises(Refused, match="has left for 7 West, medicine. What is in it is taken out there"):
        ward.act("tina", lambda tx: totes.unpack(tx, serial, DESK))
    _, other = ward.released(tray="TRAY-02", number="RX2")
    with pytest.raises(Refused, match="TOTE-7 has left for 7 West, medicine. Take an empty tote"):
        pack(ward, other)
    ward.act("tina", lambda tx: totes.bring_back(tx, TOTE, DESK))
    assert stage(ward, serial) is Stage.RELEASED
    with pytest.raises(Refused, match="is not on its way"):
        ward.act("tina", lambda tx: totes.bring_back(tx, TOTE, DESK))
    pack(ward, serial, "TOTE-9")


def test_a_nurse_neither_packs_nor_carries(ward: Ward) -> None:
    _, serial = ward.released()
    for act in (
        lambda: pack(ward, serial, by="nina"),
        lambda: leave(ward, by="nina"),
        lambda: arrive(ward, by="nina"),
        lambda: ward.act("nina", lambda tx: totes.unpack(tx, serial, DESK)),
        lambda: ward.act("nina", lambda tx: totes.bring_back(tx, TOTE, DESK)),
    ):
        with pytest.raises(Refused, match="A nurse may not deliver a cart"):
            act()


def test_the_database_keeps_a_label_in_one_tote_and_a_tote_on_one_trip(ward: Ward) -> None:
    _, serial = ward.released()
    pack(ward, serial)
    tina, at = ward.house.people["tina"], ward.db.clock()
    with pytest.raises(IntegrityError), ward.db.write(ward.house.who("tina")) as tx:
        row = {"tote": TOTE, "unit_id": unit(ward, "ICU"), "opened_at": at, "opened_by": tina}
        tx.session.execute(insert(ToteTrip).values(row))
    with pytest.raises(IntegrityError), ward.db.write(ward.house.who("tina")) as tx:
        trip = tx.session.scalars(select(ToteTrip.id)).one()
        tx.session.execute(insert(ToteLoad).values(trip_id=trip, serial=serial, person_id=tina, at=at))
    with pytest.raises(DBAPIError, match="append-only"), ward.db.write(ward.house.who("tina")) as tx:
        tx.session.execute(text("DELETE FROM custody_event"))
    with pytest.raises(IntegrityError), ward.db.write(ward.house.who("tina")) as tx:
        tx.session.execute(insert(CustodyEvent).values(serial=serial, kind="scanned", place="x", at=at))


def test_leaving_waits_for_what_is_being_taken_out_and_does_not_carry_it(ward: Ward) -> None:
    _, first = ward.released()
    _, second = ward.released(tray="TRAY-02", number="RX2")
    pack(ward, first)
    pack(ward, second)
    other = threading.Thread(target=lambda: leave(ward, by="pablo"))
    with ward.db.write(ward.house.who("tina")) as tx:
        totes.unpack(tx, first, DESK)
        other.start()
        other.join(timeout=0.2)
        assert other.is_alive(), "the second act waits for the first"
    other.join(timeout=30)
    assert (stage(ward, first), stage(ward, second)) == (Stage.RELEASED, Stage.ON_ITS_WAY)
