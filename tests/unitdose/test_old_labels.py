"""A patient gets another name or number after a drawer was labelled: nobody gives from it until its label is new."""

from pathlib import Path

import pytest
from sqlalchemy import select

from app.core.errors import Refused
from app.custody.whereabouts import Stage
from app.labels.house import House
from app.labels.models import Label
from app.orders.models import Patient
from app.orders.patient_actions import held_patient, merge, name_patient
from app.orders.same_person import Named
from tests.cart_room import CartRoom
from tests.desk import Desk, words
from tests.unitdose.on_the_way import OnTheWay
from tests.unitdose.test_cart_label_pages import at_desk, enter
from tests.unitdose.test_cart_labels import mixed, printers
from unitdose import label_actions
from unitdose.old_label_queries import AsBefore, labelled_as_before

__all__ = ["at_desk", "mixed", "printers"]
HOUSE = House("Laminar General", "order number", False)
MONA = "700201"


def rename(room: CartRoom, family: str = "Winter") -> None:
    with room.db.write(room.who("pablo")) as tx:
        mona = held_patient(tx, MONA)
        assert mona is not None
        name_patient(tx, mona, Named(family, mona.given, mona.born), None, tx.now)


def as_before(room: CartRoom) -> tuple[AsBefore, ...]:
    with room.db.read() as session:
        return labelled_as_before(session, room.db.clock())


def delivered(room: CartRoom, fill: int) -> int:
    """The fill on its ward, every dose that needs a label labelled; Mona's drawer."""
    label_actions.label_doses(room.db, fill, room.who("tina"), HOUSE)
    room.picked(fill)
    room.signed(fill)
    room.released(fill)
    works = OnTheWay(room).delivered(fill)
    with room.db.read() as session:
        mona = session.scalars(select(Patient.id).where(Patient.mrn == MONA)).one()
    (work_id,) = (each.work_id for each in OnTheWay(room).drawers(fill) if each.patient_id == mona)
    assert work_id in works
    return work_id


def test_a_drawer_under_the_old_name_is_not_accepted_until_its_label_is_printed_anew(
    room: CartRoom, printers: dict[str, Path], mixed: int
) -> None:
    work_id, way = delivered(room, mixed), OnTheWay(room)
    assert as_before(room) == ()
    rename(room)
    (found,) = as_before(room)
    assert (found.drawer.work_id, found.patient.name) == (work_id, "WINTER, Mona")
    assert "it is labelled for ALDER, Mona, born 12-Apr-1950; since 22-Nov-2026 09:05" in found.words
    with pytest.raises(Refused, match=r"It is labelled for ALDER, Mona.*Ask the pharmacy for a new label"):
        way.accept(work_id)
    with room.db.write(room.who("tina")) as tx:
        label_actions.print_again(tx, mixed, found.drawer.serial or "", "The patient has another name", HOUSE)
    way.accept(work_id)
    assert way.stage(work_id) is Stage.RECEIVED


def test_the_label_of_a_dose_in_it_is_told_too_and_printed_anew(
    room: CartRoom, printers: dict[str, Path], mixed: int
) -> None:
    delivered(room, mixed)
    rename(room)
    (found,) = as_before(room)
    assert found.doses and f"its label and of {found.doses} of its doses" == found.what
    with room.db.read() as session:
        query = select(Label.serial).where(Label.voided_at.is_(None), Label.content.contains("ALDER"))
        old = session.scalars(query.order_by(Label.subject.is_not(None), Label.serial)).all()
    for nth, serial in enumerate(old):
        (found,) = as_before(room)
        assert found.doses == len(old) - 1 - max(0, nth - 1)
        with room.db.write(room.who("tina")) as tx:
            label_actions.print_again(tx, mixed, serial, "The patient has another name", HOUSE)
    assert as_before(room) == ()


def test_a_merged_number_on_a_drawer_on_the_ward_is_told_though_its_orders_are_verified_again(
    room: CartRoom, printers: dict[str, Path], mixed: int
) -> None:
    work_id = delivered(room, mixed)
    with room.db.write(room.who("pablo")) as tx:
        survivor = Patient(mrn="700999", family="Alder", given="Mona")
        tx.session.add(survivor)
        tx.session.flush()
        merge(tx, survivor, MONA)
    (found,) = as_before(room)
    assert found.drawer.work_id == work_id and "shows the record number 700201" in found.words


def test_between_pick_and_delivery_the_drawer_stays_until_every_label_in_it_is_new(
    room: CartRoom, printers: dict[str, Path], mixed: int
) -> None:
    label_actions.label_doses(room.db, mixed, room.who("tina"), HOUSE)
    room.picked(mixed)
    room.signed(mixed)
    room.released(mixed)
    rename(room)
    way = OnTheWay(room)
    (found,) = as_before(room)
    with room.db.read() as session:
        query = select(Label.serial).where(Label.voided_at.is_(None), Label.content.contains("ALDER"))
        old = session.scalars(query.order_by(Label.subject.is_not(None), Label.serial)).all()
    for serial in old:
        with pytest.raises(Refused, match=r"It is labelled for ALDER, Mona.*Keep the drawer: it is labelled and check"):
            way.load(found.drawer.work_id)
        with room.db.write(room.who("tina")) as tx:
            label_actions.print_again(tx, mixed, serial, "The patient has another name", HOUSE)
    way.load(found.drawer.work_id)


def test_ward_desk_drawer_and_dose_say_it_and_what_to_do(at_desk: Desk, room: CartRoom, mixed: int) -> None:
    work_id = delivered(room, mixed)
    way = OnTheWay(room)
    way.accept(work_id)
    rename(room)
    serial = room.serial(work_id)
    board = words(at_desk.get("/deliveries"))
    assert "Old name: print its label and of" in board and "WINTER, Mona" in board
    assert at_desk.done("/scan", scan=serial) == f"/drawers/{work_id}"
    page = words(at_desk.get(f"/drawers/{work_id}"))
    assert "Do not give. Ask the pharmacy." in page and "labelled for ALDER, Mona" in page
    with room.db.read() as session:
        dose = session.scalars(
            select(Label).where(Label.subject.like("line %"), Label.content.contains("ALDER")).order_by(Label.serial)
        ).first()
        assert dose is not None and dose.subject is not None
    line = f"/ward/lines/{dose.subject.removeprefix('line ')}"
    assert at_desk.done("/scan", scan=dose.serial) == line
    assert "Do not give. Ask the pharmacy." in words(at_desk.get(line))

    enter(at_desk, "nina")
    at_desk.done("/ward/beds", beds="7W|")
    mine = words(at_desk.get("/ward"))
    assert "Do not give from cart 7W, drawer" in mine and "labelled for ALDER, Mona" in mine

    enter(at_desk, "tina")
    for each in (serial, dose.serial):
        at_desk.done(f"/fills/{mixed}/labels/{each}/again", reason="The patient has another name")
    assert at_desk.done("/scan", scan=serial) == f"/drawers/{work_id}?label={serial}"
    assert "This label is void." in words(at_desk.get(f"/drawers/{work_id}?label={serial}"))
    assert "This label is void." not in words(at_desk.get(f"/drawers/{work_id}"))
    assert at_desk.done("/scan", scan=dose.serial) == f"{line}?label={dose.serial}"
    assert "This label is void." in words(at_desk.get(f"{line}?label={dose.serial}"))
