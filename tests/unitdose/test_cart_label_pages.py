"""The pages of labels and codes: what a technician sees, prints and prints again; and where a scanned label leads."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import zxingcpp
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import event, select, update

from app import demo
from app.identity.actions import Given
from app.identity.limits import Where
from app.identity.sign_in_actions import sign_in
from app.labels.models import Label
from app.main import create_app, put_together
from app.orders.models import Patient
from app.settings import Settings
from app.stations.models import Unit
from app.web.barcodes import datamatrix_svg
from tests.cart_room import CartRoom
from tests.conftest import SetClock
from tests.desk import Desk, words
from tests.hospital import DESK, Hospital
from tests.unitdose.on_the_way import OnTheWay
from tests.unitdose.test_cart_labels import mixed, print_to, printers, the_worker
from unitdose import scheduler

__all__ = ["mixed", "printers"]


@pytest.fixture
def at_desk(room: CartRoom, tmp_path: Path, clock: SetClock) -> Iterator[Desk]:
    """A desk's browser over the cart room, in which Tina, the technician, is signed in."""
    settings = Settings(database=room.db.url, photos=tmp_path / "photos", zone=demo.ZONE, hospital="Laminar General")
    parts = put_together(settings, clock)
    with TestClient(
        create_app(parts, worker=False), base_url="http://desk.localhost", follow_redirects=False
    ) as client:
        yield enter(Desk(client, parts, Hospital(room.db, room.people)), "tina")
    parts.db.close()


def enter(desk: Desk, name: str) -> Desk:
    where = Where(DESK, "desk")
    desk.client.cookies.clear()
    signed = sign_in(desk.parts.db, Given(f"BADGE-{name.upper()}2026", demo.PIN), where)
    desk.client.cookies.set("laminar", signed.token)
    return desk


def test_the_page_says_what_is_missing_and_one_tap_prints_it(at_desk: Desk, room: CartRoom, mixed: int):
    page = words(at_desk.get(f"/fills/{mixed}/labels"))
    assert "9 labels are not printed yet." in page
    for group in ("Half tablets", "to be measured", "Bags of their own"):
        assert group in page
    assert "half tablet ( 12.5 mg )" in page
    assert at_desk.done(f"/fills/{mixed}/labels") == f"/fills/{mixed}/labels"
    page = words(at_desk.get(f"/fills/{mixed}/labels"))
    assert "Every label is made." in page
    assert "is being printed" in page
    the_worker(room)
    page = words(at_desk.get(f"/fills/{mixed}/labels"))
    assert "No printer was asked" in page, "what became of each is said"
    assert "is being printed" not in page


def test_posted_twice_it_prints_once(at_desk: Desk, room: CartRoom, mixed: int):
    fields = {"once": "the-very-same-tap"}
    for _ in range(2):
        assert at_desk.client.post(f"/fills/{mixed}/labels", data=fields).status_code == 303
    with room.db.read() as session:
        subjects = list(session.scalars(select(Label.subject).where(Label.subject.is_not(None))))
    assert len(subjects) == len(set(subjects)) == 9


def test_a_label_that_can_not_be_printed_says_why_on_the_page(at_desk: Desk, room: CartRoom, mixed: int):
    with room.db.write(room.who("petra")) as tx:
        tx.session.execute(update(Patient).where(Patient.mrn == "700201").values(born=None))
    at_desk.done(f"/fills/{mixed}/labels")
    page = words(at_desk.get(f"/fills/{mixed}/labels"))
    assert "2 labels can not be printed" in page
    assert "The date of birth of ALDER, Mona is not known" in page
    assert "Print 2 labels" not in page, "the button offers only what it can do"


def test_without_the_right_labels_in_a_printer_the_page_says_which_are_needed(
    at_desk: Desk, room: CartRoom, mixed: int, tmp_path: Path
):
    print_to(room, {"4x3": tmp_path / "only"})
    page = words(at_desk.get(f"/fills/{mixed}/labels"))
    assert "5 labels can not be printed No printer of this cart holds labels of 2.25 × 1.25 inch." in page


def test_printing_again_asks_why_and_voids_the_old_one(at_desk: Desk, room: CartRoom, mixed: int):
    at_desk.done(f"/fills/{mixed}/labels")
    with room.db.read() as session:
        old = session.scalars(select(Label.serial).where(Label.subject.is_not(None)).order_by(Label.serial)).first()
    answer = at_desk.post(f"/fills/{mixed}/labels/{old}/again")
    assert answer.status_code == 422
    assert "Choose why the label is printed again" in words(answer.text)
    at_desk.done(f"/fills/{mixed}/labels/{old}/again", reason="Smudged or torn")
    page = words(at_desk.get(f"/fills/{mixed}/labels"))
    assert "reprint 1" in page
    assert str(old) not in page
    assert at_desk.post(f"/fills/{mixed}/labels/{old}/again", reason="Lost").status_code == 404


def test_a_nurse_has_no_business_there(at_desk: Desk, mixed: int):
    enter(at_desk, "nina")
    assert at_desk.client.get(f"/fills/{mixed}/labels").status_code in (403, 409)
    assert at_desk.post(f"/fills/{mixed}/labels").status_code in (403, 409)


def test_a_whole_cart_is_shown_with_few_questions(at_desk: Desk, room: CartRoom, mixed: int):
    asked: list[str] = []
    event.listen(
        at_desk.parts.db.reader, "before_cursor_execute",
        lambda *args: None if args[2].startswith("PRAGMA") else asked.append(args[2]),
    )  # fmt: skip
    at_desk.get(f"/fills/{mixed}/labels")
    assert len(asked) <= 25, "\n".join(asked)


def test_a_scanned_label_of_a_cart_leads_to_the_page_of_its_dose_or_drawer(at_desk: Desk, room: CartRoom, mixed: int):
    at_desk.done(f"/fills/{mixed}/labels")
    with room.db.read() as session:
        serial, subject = session.execute(
            select(Label.serial, Label.subject).where(Label.subject.like("line %"))
        ).first()  # type: ignore[misc]
        drawer, work_id = session.execute(
            select(Label.serial, Label.work_id).where(Label.work_id.is_not(None))
        ).first()  # type: ignore[misc]
    line = f"/ward/lines/{subject.removeprefix('line ')}"
    for name, scan in (("tina", "/scan"), ("nina", "/ward/scan")):
        enter(at_desk, name)
        assert at_desk.done(scan, scan=f"]d1{serial}") == line
        assert at_desk.done(scan, scan=drawer) == f"/drawers/{work_id}"
        assert at_desk.client.get(f"/scan/{serial}").headers["location"] == line
    assert "Where is the dose?" in words(at_desk.get(line))
    assert at_desk.post("/ward/scan", scan="L-0000000000").status_code == 404


def test_a_packed_tote_gets_its_label_on_its_page(at_desk: Desk, room: CartRoom, mixed: int):
    assert at_desk.post("/totes/TOTE-7/label").status_code == 409
    room.picked(mixed)
    room.signed(mixed)
    for work_id in room.released(mixed):
        OnTheWay(room).load(work_id)
    assert "Print its label" in words(at_desk.get("/totes/TOTE-7"))
    assert at_desk.done("/totes/TOTE-7/label") == "/totes/TOTE-7"
    with room.db.read() as session:
        assert session.scalars(select(Label.subject).where(Label.subject.like("tote trip %"))).one()


# --- sheets of codes ---


def codes_on(page: str) -> list[str]:
    """What a scanner reads from the codes of a page, drawn at the size at which they are printed."""
    found = []
    for svg in re.findall(r"<svg viewBox.*?</svg>", page, flags=re.S):
        found.append(read_svg(svg))
    return found


def read_svg(svg: str) -> str:
    side = int(re.search(r'viewBox="0 0 (\d+) ', svg)[1])  # type: ignore[index]
    picture = Image.new("L", (side * 8, side * 8), 255)
    for x, y, across, down in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)", svg):
        ink = Image.new("L", (int(across) * 8, int(down) * 8), 0)
        picture.paste(ink, (int(x) * 8, int(y) * 8))
    (code,) = zxingcpp.read_barcodes(picture)
    return str(code.text)


def test_a_code_on_a_page_takes_the_size_of_its_place_and_is_read():
    assert "viewBox" in datamatrix_svg("TOTE-07")
    assert "width=" not in datamatrix_svg("TOTE-07").split(">")[0]
    assert read_svg(str(datamatrix_svg("TOTE-07"))) == "TOTE-07"


def test_every_shelf_has_its_code_in_the_order_of_a_walk(at_desk: Desk):
    page = at_desk.get("/codes/locations")
    codes = codes_on(page)
    assert codes == sorted(codes)
    assert "LOC-A1-1-1-01" in codes
    assert "aisle 1, bay 1, shelf 1, bin 1" in words(page)
    assert all(code.startswith("LOC-B") for code in codes_on(at_desk.get("/codes/locations?zone=B")))


@pytest.mark.parametrize(
    ("first", "codes"), [("", ["TOTE-01", "TOTE-24"]), ("25", ["TOTE-25", "TOTE-48"]), ("x", ["TOTE-01", "TOTE-24"]),
                         ("9999", ["TOTE-999", "TOTE-999"])],
)  # fmt: skip
def test_totes_have_their_codes_two_dozen_at_once(at_desk: Desk, first: str, codes: list[str]):
    found = codes_on(at_desk.get(f"/codes/totes?first={first}"))
    assert [found[0], found[-1]] == codes


def test_every_ward_has_its_code_or_says_that_it_has_none(at_desk: Desk, room: CartRoom):
    with room.db.write(room.who("petra")) as tx:
        tx.session.add(Unit(code="Day room", name="Day room, ground floor", zone=demo.ZONE))
    page = at_desk.get("/codes/wards")
    assert {"WARD-7W", "WARD-6E", "WARD-ICU"} <= set(codes_on(page))
    assert "Day room, ground floor: its code has other characters" in words(page)


def test_cards_and_trays_are_read_too(at_desk: Desk):
    codes = codes_on(at_desk.get("/cards"))
    assert "CARD-YES" in codes
    assert "TRAY-12" in codes


def test_a_pharmacist_says_on_the_order_that_the_patients_own_medication_is_used(at_desk: Desk, room: CartRoom):
    version = room.order("metformin", ("500", "mg"))
    fill = room.planned()
    own, here = "The patient's own medication is used", f"/orders/{version}"
    assert own not in words(at_desk.get(here)), "that is no technician's word"
    (line, *_) = room.of_order(fill, version)
    to = f"/fills/own/{line.order.order_id}"
    assert "may not choose the product for an order" in words(at_desk.post(f"{to}/used").text)
    enter(at_desk, "pablo")
    assert own in words(at_desk.get(here))
    assert at_desk.done(f"{to}/used") == here
    assert f"{own}: no cart brings this." in words(at_desk.get(here))
    scheduler.run(room.db, fill, room.who("tina"), "by hand")
    assert {each.reason.value for each in room.of_order(fill, version)} == {"OWN_MED"}
    assert at_desk.done(f"{to}/ended") == here
    scheduler.run(room.db, fill, room.who("tina"), "by hand")
    assert {each.reason.value for each in room.of_order(fill, version)} == {"CART"}
