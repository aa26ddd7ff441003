"""Cartons, deliveries, lots and recalls at the desk."""

from datetime import date
from urllib.parse import quote

import pytest
from sqlalchemy import select

from app import demo
from app.core.days import read_day
from app.formulary.models import Package
from app.formulary.ndc import gtin_of_ndc10
from tests.desk import Desk, words

CARTON = {"package": "1", "lot": "7G900", "expiry": "31-Mar-2027", "quantity": "10", "station": "1"}


def test_a_scan_with_lot_and_expiry_fills_all_three(desk: Desk) -> None:
    code = demo.barcode("vial", lot="7G555", expiry=date(2027, 5, 31), serial="9")
    page = desk.get(f"/stock?scan={quote(code)}")
    assert 'value="7G555"' in page and 'value="31-May-2027"' in page
    assert '<option value="1" selected>Vancomycin' in page


def test_a_code_without_lot_fills_the_container_in_its_size_alone(desk: Desk) -> None:
    page = desk.get(f"/stock?scan={demo.good('bag').gtin}")
    assert '<option value="3" selected>Sodium Chloride 0.9 % 250 mL bag, Baxter' in page
    assert 'name="lot" autocomplete="off" spellcheck="false" aria-describedby="hint-lot" value=""' in page


def test_the_code_round_the_vials_leaves_the_choice_to_eyes_among_the_sizes_of_its_product(desk: Desk) -> None:
    """A carton has an NDC of its own; which container is in it, and whether it is used here, only a person sees."""
    with desk.parts.db.write(desk.house.who("pablo")) as tx:
        bag = tx.session.scalars(select(Package).where(Package.ndc == demo.good("bag").package)).one()
        carton = Package(product_id=bag.product_id, ndc="0338-0049-48", description="24 BAG in 1 CARTON")
        carton.ndc10, carton.gtin14 = "0338004948", gtin_of_ndc10("0338004948")
        tx.session.add(carton)
    page = desk.get(f"/stock?scan={gtin_of_ndc10('0338004948')}")
    assert "24 BAG in 1 CARTON. Choose what is in the carton" in words(page)
    choices = page.split('name="package"')[1].split("</select>")[0]
    assert "250 mL" in words(choices) and "1,000 mL" in words(choices) and "Vancomycin" not in choices
    assert "selected" not in choices


def test_a_code_that_fills_nothing_says_why(desk: Desk) -> None:
    for scan, said in {
        "TRAY-01": "This is not the code of a product",
        "00304096533013": "The check digit is wrong",
        "00312345678906": "Nobody has entered a product with the code 00312345678906",
    }.items():
        answer = desk.client.get("/stock", params={"scan": scan})
        assert answer.status_code == 422
        assert said in words(answer.text)


def test_a_carton_is_staged_and_taken_away(desk: Desk) -> None:
    assert desk.enter("tina").done("/stock/stage", **CARTON) == "/stock"
    said = words(desk.get("/stock"))
    assert (
        "Hood 1 Vancomycin Hydrochloride 1,000 mg powder vial lot 7G900" in said
        and "Tina Technician, 22-Nov-2026 09:05" in said
    )
    assert desk.done("/stock/staged/1/end") == "/stock"
    assert "Nothing is staged" in words(desk.get("/stock"))
    assert "taken away from this hood already" in words(desk.post("/stock/staged/1/end").text)


def test_the_same_post_twice_stages_once(desk: Desk) -> None:
    for _ in range(2):
        answer = desk.client.post("/stock/stage", data={"once": "one-carton-only", **CARTON})
        assert answer.status_code == 303
    assert "31-Mar-2027 10 left Take away" in words(desk.get("/stock"))


def test_everything_wrong_with_a_carton_is_said_at_once(desk: Desk) -> None:
    answer = desk.post("/stock/stage", package="", lot="", expiry="03/27", quantity="half", station="")
    assert answer.status_code == 422
    for said in ("Scan the carton, or choose", "Choose the hood", "Give the lot number", "is not a day", "Count the"):
        assert said in words(answer.text)


def test_what_may_not_be_staged_is_refused_in_words(desk: Desk) -> None:
    for name, value, said in (
        ("expiry", "31-Oct-2026", "Lot 7G900 expired on 31-Oct-2026"),
        ("station", "2", "is no hood"),
        ("package", "999", "does not use this container"),
    ):
        answer = desk.post("/stock/stage", **(CARTON | {name: value}))
        assert answer.status_code in (404, 409)
        assert said in words(answer.text)


def test_a_delivery_is_received_and_seen_when_it_expires_soon(desk: Desk) -> None:
    fields = {name: value for name, value in CARTON.items() if name != "station"} | {"expiry": "Dec-2026"}
    assert desk.enter("tina").done("/stock/receive", **fields) == "/stock"
    assert "31-Dec-2026 Vancomycin Hydrochloride 1,000 mg powder vial lot 7G900 stock room 10" in words(
        desk.get("/stock")
    )


def test_a_recall_stops_the_lot_and_finds_every_dose(desk: Desk) -> None:
    work_id = desk.house.made()
    desk.house.finish(work_id)
    patient = desk.house.at(work_id).order.patient
    said = words(desk.get("/stock/lots/1"))
    assert f"{patient.name} MRN {patient.mrn}" in said and "waits for its check" in said and "find it" not in said
    assert "Say why the lot is recalled" in words(desk.post("/stock/lots/1/recall", reason="").text)
    assert desk.enter("pablo").done("/stock/lots/1/recall", reason="other", other="particles, maker's letter") == (
        "/stock/lots/1"
    )
    said = words(desk.get("/stock/lots/1"))
    assert "Recalled: particles, maker's letter" in said and "find it" in said
    assert "Lot 7g123 was recalled" in words(desk.post("/stock/stage", **(CARTON | {"lot": "7g123"})).text)
    assert "recalled particles" in words(desk.get("/stock/lots?words=7G123"))


def test_a_lot_that_nobody_knows_is_not_there(desk: Desk) -> None:
    assert desk.client.get("/stock/lots/99").status_code == 404
    assert "No lot is known by these words" in words(desk.get("/stock/lots?words=nothing"))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("31-Mar-2027", date(2027, 3, 31)), ("1 mar 2027", date(2027, 3, 1)), ("Feb-2028", date(2028, 2, 29)),
        ("2027-03-31", date(2027, 3, 31)), ("2027-02", date(2027, 2, 28)), ("2027-03-00", date(2027, 3, 31)),
    ],
)  # fmt: skip
def test_a_day_is_read_as_people_write_it(text: str, day: date) -> None:
    assert read_day(text) == day


@pytest.mark.parametrize("text", ["", "03/04/2027", "30-Feb-2027", "0-Mar-2027", "31-Mrz-2027", "2027-13", "Mar-1999"])
def test_a_day_that_means_two_things_or_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="31-Mar-2027"):
        read_day(text)
