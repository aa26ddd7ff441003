"""The formulary at the desk: a scanned package taken into use, displacement and densities with their second person."""

from datetime import date
from decimal import Decimal
from urllib.parse import quote

import pytest
from sqlalchemy import select

from app import demo
from app.formulary.models import Density, Package
from app.formulary.ndc import gtin_of_ndc10
from app.formulary.queries import package_in_use
from tests.conftest import NOW
from tests.desk import Desk, words

USE = {
    "package": "1", "drug": "1", "container": "powder vial", "content": "1,000", "unit": "mg", "volume_ml": "0",
    "displacement_ml": "0.7", "displacement_u_ml": "0.05", "displacement_source": "measured here, 10 vials",
    "gross_min_g": "25", "gross_max_g": "43.5",
}  # fmt: skip
DENSITY = {
    "state": "reconstituted", "g_per_ml": "1.016", "u_g_per_ml": "0.004", "source": "measured here, 12 draws at 21 °C",
}  # fmt: skip
HERE = "/formulary/products/1"
NEW = "0338-0049-03"
NEW_GTIN = gtin_of_ndc10("0338004903")


def other_size(desk: Desk) -> int:
    """A package of the bag's product that a directory lists and nobody uses."""
    with desk.parts.db.write(desk.house.who("pablo")) as tx:
        bag = tx.session.scalars(select(Package).where(Package.ndc == demo.good("bag").package)).one()
        tx.session.add(Package(product_id=bag.product_id, ndc=NEW, ndc10="0338004903", description="500 mL in 1 BAG"))
        return bag.product_id


def test_a_package_newly_read_is_taken_into_use_and_its_code_bound(desk: Desk) -> None:
    product_id = other_size(desk)
    said = words(desk.enter("tina").get(f"/stock?scan={NEW_GTIN}"))
    assert "500 mL in 1 BAG" in said and "Look it up in the formulary" not in said
    desk.enter("pablo")
    assert f"/formulary?scan={NEW_GTIN}" in desk.get(f"/stock?scan={NEW_GTIN}")
    led = desk.client.get(f"/formulary?scan={NEW_GTIN}")
    assert led.headers["location"] == f"/formulary/products/{product_id}?gtin={NEW_GTIN}"
    page = desk.get(led.headers["location"])
    assert f"You scanned {NEW_GTIN}." in words(page)
    address = f"/formulary/products/{product_id}/use"
    with desk.parts.db.read() as session:
        package = session.scalars(select(Package.id).where(Package.ndc == NEW)).one()
    form = desk.get(f"{address}?package={package}&gtin={NEW_GTIN}")
    assert f'value="{NEW_GTIN}"' in form and "sodium chloride 0.9 %" in words(form)
    fields = {"package": package, "drug": "5", "container": "bag", "volume_ml": "500", "gtin": NEW_GTIN}
    assert desk.done(address, **fields) == f"/formulary/products/{product_id}"
    with desk.parts.db.read() as session:
        used = package_in_use(session, package, NOW.date())
        assert used is not None and (used.sized, used.container) == ("Sodium Chloride 0.9 % 500 mL", "bag")
        assert session.get_one(Package, package).gtin14 == NEW_GTIN
    assert "Sodium Chloride 0.9 % 500 mL bag" in words(desk.get("/formulary"))
    assert '<option value="' + str(package) + '" selected>' in desk.get(f"/stock?scan={NEW_GTIN}")


def test_the_vial_inside_a_tray_is_taken_into_use_by_its_own_ndc(desk: Desk) -> None:
    desk.enter("pablo")
    form = desk.get(f"{HERE}/use?ndc=0409-6533-49")
    assert "NDC 0409-6533-49" in words(form)
    fields = {name: value for name, value in USE.items() if name != "package"} | {"ndc": "0409-6533-49"}
    assert desk.done(f"{HERE}/use", **fields) == HERE
    assert "0409-6533-49" in words(desk.get(HERE))
    for ndc, why in (("0338-0049-02", "is no package of Vancomycin"), ("04096533", "")):
        answer = desk.client.get(f"{HERE}/use", params={"ndc": ndc})
        assert answer.status_code == 422 and why in words(answer.text)
        assert desk.post(f"{HERE}/use", **(fields | {"ndc": ndc})).status_code == 422
    assert desk.client.get(f"{HERE}/use?package=3").status_code == 404


def test_what_is_known_is_shown_corrected_and_kept_by_doses_already_started(desk: Desk) -> None:
    work_id = desk.house.claim(desk.house.dose(desk.house.order("MFR-01")))
    before = desk.house.at(work_id).sheet.candidates["vial"][0].displacement_ml
    form = desk.enter("pablo").get(f"{HERE}/use?package=1")
    assert "Doses that are started already keep what was known" in words(form)
    for value in ("1,000", "0.6", "label concentration 50 mg/mL; site measurement pending", "24", "44"):
        assert f'value="{value}"' in form, value
    assert desk.done(f"{HERE}/use", **USE) == HERE
    assert "displaces 0.7 ± 0.05 mL : measured here, 10 vials" in words(desk.get(HERE))
    assert desk.house.at(work_id).sheet.candidates["vial"][0].displacement_ml == before == Decimal("0.6")


def test_everything_wrong_with_a_package_is_said_at_once(desk: Desk) -> None:
    desk.enter("pablo")
    bad = USE | {"drug": "", "content": "many", "volume_ml": "", "displacement_u_ml": "", "gross_max_g": "1.0000001"}
    answer = desk.post(f"{HERE}/use", **bad)
    assert answer.status_code == 422
    for said in ("Choose the drug", "is not a number", "0 for a powder", "enter both numbers", "at most six digits"):
        assert said in words(answer.text), said
    for changes, said in (
        ({"displacement_source": ""}, "Say where the displacement was read"),
        ({"volume_ml": "20"}, "A powder has no volume"),
        ({"gross_max_g": "20"}, "lower bound"),
        ({"unit": "gr"}, "grains or grams"),
        ({"gtin": "00304096533013"}, "check digit"),
        ({"container": "barrel"}, "is no container"),
    ):
        answer = desk.post(f"{HERE}/use", **(USE | changes))
        assert answer.status_code == 422 and said in words(answer.text), said
    assert "is in use for another drug" in words(desk.post(f"{HERE}/use", **(USE | {"drug": "2"})).text)


def test_a_density_waits_for_another_pharmacist_and_then_judges(desk: Desk) -> None:
    assert desk.enter("pablo").done(f"{HERE}/density", **(DENSITY | {"ends_on": "Mar-2027"})) == HERE
    said = words(desk.get(HERE))
    assert "Waits for a second person" in said and "1.016 ± 0.004 g/mL until 31-Mar-2027" in said
    assert "you entered it: another pharmacist approves it" in said
    with desk.parts.db.read() as session:
        number = session.scalars(select(Density.id).order_by(Density.id.desc())).first()
    answer = desk.post(f"/formulary/densities/{number}/approve")
    assert answer.status_code == 409 and "so another pharmacist must approve it" in words(answer.text)
    assert "Vancomycin Hydrochloride" in words(desk.enter("petra").get("/formulary").split("In use")[0])
    assert desk.done(f"/formulary/densities/{number}/approve") == "/formulary"
    said = words(desk.get(HERE))
    assert "In force 1.016 ± 0.004 g/mL" in said and "Replaced 1.014" in said
    with desk.parts.db.read() as session:
        used = package_in_use(session, 1, date(2027, 3, 31))
        assert used is not None and used.reconstituted is not None
        assert used.reconstituted.g_per_ml == Decimal("1.016")


def test_a_wrong_density_is_withdrawn_on_its_page(desk: Desk) -> None:
    desk.enter("pablo").done(f"{HERE}/density", **DENSITY)
    with desk.parts.db.read() as session:
        number = session.scalars(select(Density.id).order_by(Density.id.desc())).first()
    address = f"/formulary/densities/{number}/withdraw"
    assert address in desk.get(HERE)
    assert desk.post(address).status_code == 422
    assert desk.done(address, other="the comma was in the wrong place") == "/formulary"
    assert "Waits for a second person" not in words(desk.get(HERE))
    assert desk.post(address, other="again").status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("g_per_ml", "", "Enter it in g/mL"), ("g_per_ml", "10.16", "not plausible"),
        ("u_g_per_ml", "0", "lies above 0"),
        ("source", "", "Say where the density"), ("state", "", "is no state"), ("ends_on", "03/27", "31-Mar-2027"),
        ("g_per_ml", "1.0160001", "six digits"),
    ],
)  # fmt: skip
def test_a_density_that_can_not_be_is_refused_at_its_field(desk: Desk, field: str, value: str, said: str) -> None:
    answer = desk.enter("pablo").post(f"{HERE}/density", **(DENSITY | {field: value}))
    assert answer.status_code == 422 and said in words(answer.text)
    assert 'value="measured here, 12 draws at 21 °C"' in answer.text or field == "source"


def test_a_code_that_nobody_knows_leads_to_a_search_that_keeps_it(desk: Desk) -> None:
    unknown = "00312345678906"
    page = desk.get(f"/formulary?scan={unknown}")
    assert f"No package here carries the code {unknown}." in words(page)
    assert f'<input type="hidden" name="gtin" value="{unknown}">' in page
    assert f'href="/formulary/products/1?gtin={unknown}"' in desk.get(f"/formulary?words=vanco&gtin={unknown}")
    for scan, said in (("TRAY-01", "not the code of a product"), ("00304096533013", "check digit is wrong")):
        assert said in words(desk.get(f"/formulary?scan={quote(scan)}"))
    assert "No product has these words" in words(desk.get("/formulary?words=xyzzy"))


def test_a_product_and_a_drug_that_no_directory_lists_are_entered_and_used(desk: Desk) -> None:
    desk.enter("pablo")
    assert desk.done("/formulary/drugs", name="cefazolin", code="cefazolin", kind="drug") == "/formulary"
    product = {
        "ndc": "63323-237-10", "description": "1 vial", "name": "Cefazolin", "nonproprietary": "cefazolin sodium",
        "labeler": "Fresenius Kabi", "form": "Powder", "route": "Intravenous", "strength": "1 g",
    }  # fmt: skip
    to = desk.done("/formulary/products", **product)
    said = words(desk.get(to))
    assert "63323-237-10" in said and "not used here" in said and "No density was entered" in said
    for changes, why in (({"ndc": "63323237"}, ""), ({"name": ""}, "as it stands on the package"), ({}, "already")):
        answer = desk.post("/formulary/products", **(product | changes))
        assert answer.status_code == 422 and why in words(answer.text)
    answer = desk.post("/formulary/drugs", name="", code="cefazolin", kind="")
    assert answer.status_code == 422 and "Give the drug its name" in words(answer.text)
    with desk.parts.db.read() as session:
        package = session.scalars(select(Package.id).where(Package.ndc == product["ndc"])).one()
    vial = {"drug": "6", "container": "powder vial", "content": "1", "unit": "g", "volume_ml": "0"}
    assert desk.done(f"{to}/use", package=package, **vial) == to
    page = words(desk.get("/formulary"))
    assert "Cefazolin 1 g powder vial" in page
    assert "no approved density when reconstituted" in page and "no displacement" in page


def test_a_technician_reads_the_formulary_and_is_offered_nothing(desk: Desk) -> None:
    desk.enter("tina")
    assert "Take into use" not in desk.get(HERE) and "Enter a density" not in desk.get(HERE)
    assert "Add a drug" not in desk.get("/formulary")
    answer = desk.client.get(f"{HERE}/use?package=1")
    assert answer.status_code == 409 and "may not decide what the pharmacy uses" in words(answer.text)
    assert desk.client.get("/formulary/products/999").status_code == 404
