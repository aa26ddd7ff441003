"""Storage locations and unit doses set up at the desk, until a cart can be picked from them, on both databases."""

from urllib.parse import quote

import pytest
from sqlalchemy import select

from app import demo_cart
from app.formulary.models import Package, UnitDose
from app.formulary.ndc import gtin_of_ndc10
from app.formulary.unit_dose_queries import unit_doses
from app.inventory.location_queries import location, lying_at
from tests.cart_room import CartRoom
from tests.desk import Desk, words
from tests.unitdose.test_cart_label_pages import enter
from tests.unitdose.test_cart_setup import at_desk, package
from unitdose.routes import Reason

__all__ = ["at_desk"]

UNKNOWN = gtin_of_ndc10("0001000101")
CUP = {
    "form": "cup", "content": "160", "unit": "mg", "volume_ml": "5", "stored": "room", "by_tube": "yes",
}  # fmt: skip


def lying(room: CartRoom, code: str) -> list[tuple[str, str, int]]:
    with room.db.read() as session:
        place = location(session, code).place_id
        return [
            (each.container, each.number, int(each.on_hand)) for each in lying_at(session) if each.place_id == place
        ]


# --- locations ------------------------------------------------------------------------------------------------------


def test_a_technician_sets_up_the_bins_of_a_shelf_once_and_prints_their_codes(at_desk: Desk) -> None:
    enter(at_desk, "tina")
    assert "A1-1-1-01 zone A, aisle 1, bay 1, shelf 1, bin 1 300 × metoprolol tartrate 25 mg tablet" in words(
        at_desk.get("/locations")
    )
    fields = {"zone": "c", "aisle": "2", "bay": "1", "shelf": "3", "first": "1", "last": "6"}
    for _ in range(2):
        assert at_desk.done("/locations", **fields) == "/locations"
    page = words(at_desk.get("/locations?words=zone+C"))
    assert "C2-1-3-01" in page or "C2-1-3-01" in words(at_desk.get("/locations?words=C2-1-3"))
    assert words(at_desk.get("/locations?words=C2-1-3")).count("empty") == 6
    assert "C2-1-3-06" in at_desk.get("/codes/locations?zone=C")


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("zone", "", "one to three letters"),
        ("zone", "A1", "one to three letters"),
        ("aisle", "0", "from 1 to 99"),
        ("bay", "", "from 1 to 99"),
        ("shelf", "x", "from 1 to 99"),
        ("first", "", "from 1 to 99"),
        ("last", "1", "from a lower number to a higher one"),
        ("last", "99", "1 to 40 bins at once"),
    ],
)
def test_an_address_with_a_fault_is_said_at_its_field(at_desk: Desk, field: str, value: str, why: str) -> None:
    fields = {"zone": "C", "aisle": "2", "bay": "1", "shelf": "3", "first": "2", "last": "6"}
    answer = at_desk.post("/locations", **(fields | {field: value}))
    assert answer.status_code == 422 and why in words(answer.text)
    assert "C2-1-3" not in words(at_desk.get("/locations"))


def test_a_scan_opens_a_bin_and_finds_where_a_package_lies(at_desk: Desk) -> None:
    enter(at_desk, "tina")
    led = at_desk.client.get("/locations?scan=LOC-B1-1-1-02")
    assert led.status_code == 303 and led.headers["location"] == "/locations/B1-1-1-02"
    found = words(at_desk.get(f"/locations?scan={quote(demo_cart.unit_code('metformin'))}"))
    assert "metFORMIN 500 mg tablet (0904-6326-61) lies here ." in found or "lies here" in found
    assert "A1-2-1-01" in found and "B1-1-1-02" not in found
    assert "neither the code of a location nor of a product" in words(at_desk.get("/locations?scan=TRAY-01"))
    assert "not used here" in words(at_desk.get(f"/locations?scan={UNKNOWN}"))
    assert at_desk.client.get("/locations/Z9-9-9-99").status_code == 404


def test_a_scanned_package_is_put_into_its_bin_and_the_next_plan_takes_it(at_desk: Desk, room: CartRoom) -> None:
    enter(at_desk, "tina")
    at_desk.done("/locations", zone="C", aisle="2", bay="1", shelf="3", first="1")
    filled = at_desk.get(f"/locations/C2-1-3-01?scan={quote(demo_cart.unit_code('metformin', lot='NEW1'))}")
    assert 'value="NEW1"' in filled and 'value="30-Jun-2027"' in filled and " selected>metFORMIN" in filled
    fields = {"package": package(room, "metFORMIN"), "lot": "NEW1", "expiry": "30-Jun-2027", "quantity": "40"}
    for field, why in (
        ("package", "Scan the carton"),
        ("lot", "lot number"),
        ("expiry", "31-Mar-2027"),
        ("quantity", "whole"),
    ):
        answer = at_desk.post("/locations/C2-1-3-01/receive", **(fields | {field: ""}))
        assert answer.status_code == 422 and why in words(answer.text), field
    assert at_desk.done("/locations/C2-1-3-01/receive", **fields) == "/locations/C2-1-3-01"
    assert lying(room, "C2-1-3-01")[0][1:] == ("NEW1", 40)
    wrong = at_desk.client.get(f"/locations/C2-1-3-01?scan={UNKNOWN}")
    assert wrong.status_code == 422 and "not used here" in words(wrong.text)


def test_what_is_counted_and_carried_is_booked(at_desk: Desk, room: CartRoom) -> None:
    enter(at_desk, "tina")
    with room.db.read() as session:
        place = location(session, "A1-2-1-01").place_id
        lot = next(each.lot_id for each in lying_at(session) if each.place_id == place)
    here = "/locations/A1-2-1-01"
    for quantity in ("", "-3", "2.5"):
        answer = at_desk.post(f"{here}/count", lot=lot, quantity=quantity)
        assert answer.status_code == 409 and "Enter how many you counted" in words(answer.text)
    at_desk.done(f"{here}/count", lot=lot, quantity="298")
    assert lying(room, "A1-2-1-01")[0][2] == 298
    for to, quantity, why in (
        ("Z9-9-9-99", "1", "There is no storage location Z9-9-9-99"),
        ("A1-2-1-02", "0", "more than 0"),
        ("A1-2-1-02", "", "how many you carry"),
        ("A1-2-1-02", "299", "The books say that 298"),
        ("A1-2-1-01", "1", "It is there already"),
    ):
        answer = at_desk.post(f"{here}/move", lot=lot, to=to, quantity=quantity)
        assert answer.status_code == 409 and why in words(answer.text), to
    at_desk.done(f"{here}/move", lot=lot, to="LOC-A1-2-1-02", quantity="8")
    assert lying(room, "A1-2-1-01")[0][2] == 290
    assert ("MF2210", 8) in [(number, count) for _, number, count in lying(room, "A1-2-1-02")]


# --- unit doses -----------------------------------------------------------------------------------------------------


def test_the_list_says_how_each_is_handled_and_where_it_lies(at_desk: Desk) -> None:
    page = words(at_desk.get("/formulary/unit-doses"))
    assert "metoprolol tartrate 25 mg tablet 0615-6547-05 May be halved A1-1-1-01 : 300" in page
    assert "Controlled CII" in page and "Hazardous" in page and "Refrigerator" in page and "200 doses in one" in page
    page = words(at_desk.get("/formulary/unit-doses?name=warf"))
    assert "warfarin 5 mg tablet" in page and "metFORMIN" not in page
    assert "No unit dose has these words" in words(at_desk.get("/formulary/unit-doses?name=zzz"))


def entered(at_desk: Desk, **more: str) -> int:
    """A product that no directory lists, entered by hand, with one package; its number."""
    fields = {
        "ndc": "0121-0657-05", "description": "1 cup", "name": "Acetaminophen", "labeler": "Pharmaceutical Associates",
        "form": "SOLUTION", "strength": "160 mg/5mL", **more,
    }  # fmt: skip
    return int(at_desk.done("/formulary/products", **fields).rsplit("/", 1)[1])


def test_a_package_is_given_out_as_a_unit_dose_and_corrected(at_desk: Desk, room: CartRoom) -> None:
    product = entered(at_desk)
    assert "Give out as a unit dose" in words(at_desk.get(f"/formulary/products/{product}"))
    with room.db.read() as session:
        package_id = session.scalars(select(Package.id).where(Package.product_id == product)).one()
        drug = next(each[0].drug_id for each in unit_doses(session).values() if each[0].name == "acetaminophen liquid")
    address = f"/formulary/products/{product}/unit-dose"
    form = at_desk.get(f"{address}?package={package_id}")
    assert "Describe the one package" in words(form)
    fields = {**CUP, "package": package_id, "drug": drug}
    assert at_desk.done(address, **fields) == "/formulary/unit-doses"
    assert "acetaminophen liquid 160 mg ( 5 mL ) cup 0121-0657-05 Nowhere" in words(
        at_desk.get("/formulary/unit-doses")
    )
    assert "unit dose: acetaminophen liquid 160 mg ( 5 mL ) cup" in words(at_desk.get(f"/formulary/products/{product}"))
    form = at_desk.get(f"{address}?package={package_id}")
    assert 'value="160"' in form and 'value="5"' in form and "Correct the unit dose" in words(form)
    at_desk.done(address, **(fields | {"stored": "refrigerator", "by_tube": "", "content": "320", "volume_ml": "10"}))
    with room.db.read() as session:
        row = session.get_one(UnitDose, package_id)
        assert (row.stored, row.by_tube, str(row.volume_ml.normalize())) == ("refrigerator", False, "1E+1")


def test_what_cannot_be_true_of_a_unit_dose_stands_at_its_field(at_desk: Desk, room: CartRoom) -> None:
    product = entered(at_desk)
    with room.db.read() as session:
        package_id = session.scalars(select(Package.id).where(Package.product_id == product)).one()
        drug = next(each[0].drug_id for each in unit_doses(session).values() if each[0].name == "acetaminophen liquid")
    fields = {**CUP, "package": package_id, "drug": drug}
    for field, value, why in (
        ("drug", "", "Choose the drug"),
        ("form", "", "Choose what the patient gets"),
        ("form", "sandwich", "not a form that the cart room gives out"),
        ("content", "", "without its strength no dose can be counted"),
        ("content", "0", "how much of the drug"),
        ("content", "some", ""),
        ("unit", "", "The unit is missing"),
        ("splits", "yes", "Only a scored tablet may be split"),
        ("half_of", str(package(room, "metoprolol")), "A half tablet names the tablet"),
        ("in_use_days", "soon", "whole number of days"),
        ("in_use_days", "28", "how many doses are in a container"),
        ("stored", "", "room temperature or in the refrigerator"),
    ):
        answer = at_desk.post(f"/formulary/products/{product}/unit-dose", **(fields | {field: value}))
        assert answer.status_code == 422 and why in words(answer.text), (field, words(answer.text)[:900])
        assert 'value="5"' in answer.text
    with room.db.read() as session:
        assert session.get(UnitDose, package_id) is None


def test_the_blister_inside_a_carton_is_given_out_by_its_own_ndc(at_desk: Desk, room: CartRoom) -> None:
    with room.db.read() as session:
        product = session.scalars(select(Package.product_id).where(Package.ndc == "0904-6326-61")).one()
        drug = next(each[0].drug_id for each in unit_doses(session).values() if each[0].name == "metformin")
    address = f"/formulary/products/{product}/unit-dose"
    form = at_desk.get(f"{address}?ndc=0904-6326-07")
    assert "NDC 0904-6326-07" in words(form) and 'value="500"' in form, "the maker's strength is offered"
    tablet = {"form": "tablet", "content": "500", "unit": "mg", "stored": "room", "drug": drug}
    at_desk.done(address, ndc="0904-6326-07", **tablet)
    assert "0904-6326-07" in words(at_desk.get("/formulary/unit-doses"))
    answer = at_desk.client.get(f"{address}?ndc=0615-6547-05")
    assert answer.status_code == 422 and "is no package of" in words(answer.text)
    assert at_desk.client.get(f"{address}?package=99999").status_code == 404


def test_a_controlled_product_entered_by_hand_goes_the_controlled_way(at_desk: Desk, room: CartRoom) -> None:
    wrong = at_desk.post(
        "/formulary/products", ndc="0406-0512-62", name="Oxycodone", labeler="SpecGx", form="TABLET",
        strength="10 mg/1", schedule="C9",
    )  # fmt: skip
    assert wrong.status_code == 422 and "Choose its schedule" in words(wrong.text)
    product = entered(at_desk, ndc="0406-0512-62", name="Oxycodone", form="TABLET", strength="10 mg/1", schedule="CII")
    with room.db.read() as session:
        package_id = session.scalars(select(Package.id).where(Package.product_id == product)).one()
        drug = next(each[0].drug_id for each in unit_doses(session).values() if each[0].name == "oxycodone")
    form = at_desk.get(f"/formulary/products/{product}/unit-dose?package={package_id}")
    assert "Controlled CII" in words(form)
    fields = {"form": "tablet", "content": "10", "unit": "mg", "stored": "room", "package": package_id, "drug": drug}
    at_desk.done(f"/formulary/products/{product}/unit-dose", **fields)
    order = room.order("oxycodone", ("10", "mg"), number="CS1", patient=4)
    fill = room.planned("6E")
    assert {line.reason for line in room.of_order(fill, order)} == {Reason.CS_ROUTE}


def test_a_technician_sees_unit_doses_and_is_told_who_decides(at_desk: Desk, room: CartRoom) -> None:
    enter(at_desk, "tina")
    page = at_desk.get("/formulary/unit-doses")
    assert "A pharmacist decides what is given out" in words(page) and "unit-dose?package" not in page
    answer = at_desk.client.get("/formulary/products/1/unit-dose?package=1")
    assert answer.status_code == 409 and "may not choose the product" in words(answer.text)
    assert at_desk.post("/formulary/products/1/unit-dose", **CUP, package="1", drug="1").status_code == 409
