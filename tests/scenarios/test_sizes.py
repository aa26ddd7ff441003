"""One product in several sizes: only the size that the recipe wants gets past the hood, on both databases."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app import demo
from app.core.errors import Refused
from app.db.session import Db
from app.formulary import actions as formulary
from app.formulary.models import Package, Product
from app.formulary.ndc import gtin_of_ndc10
from app.formulary.queries import drug_by_code
from app.inventory import actions as stock
from app.inventory.models import Lot, Movement
from compounding.record_queries import story
from compounding.records import Asked, Scanned, Stopped
from tests.hospital import HOOD, Hospital

SMALL, LARGE = demo.good("bag"), demo.good("litre")
BACK = "Put it back and scan the right one."


def scan_text(package: str, lot: str = "Z1") -> str:
    return f"]d201{gtin_of_ndc10(package.replace('-', ''))}1727033110{lot}"


def saline(house: Hospital) -> int:
    with house.db.read() as session:
        found = drug_by_code(session, "nacl-0.9")
    assert found is not None
    return found.drug_id


def bookings(db: Db) -> tuple[int | None, int | None]:
    """How many movements and lots the books hold."""
    with db.read() as session:
        return (
            session.scalar(select(func.count()).select_from(Movement)),
            session.scalar(select(func.count()).select_from(Lot)),
        )


def stopped(house: Hospital, work_id: int, text: str) -> Stopped:
    """Scan what must be stopped; the stop, after seeing that nothing else has changed."""
    before, booked = house.at(work_id), bookings(house.db)
    house.scan(work_id, text)
    after = house.at(work_id)
    stop = after.records[-1].facts
    assert isinstance(stop, Stopped)
    assert len(after.records) == len(before.records) + 1
    assert (after.where.done, after.where.bound, after.where.current) == (
        before.where.done,
        before.where.bound,
        before.where.current,
    )
    assert after.where.stop == stop
    assert after.where.blockers == before.where.blockers
    assert bookings(house.db) == booked
    return stop


def test_the_pretend_pharmacy_uses_two_sizes_of_one_product(house: Hospital) -> None:
    assert (SMALL.ndc, SMALL.name, SMALL.labeler) == (LARGE.ndc, LARGE.name, LARGE.labeler)
    with house.db.read() as session:
        rows = session.execute(
            select(Package.ndc, Package.volume_ml, Product.id)
            .join(Product, Product.id == Package.product_id)
            .where(Product.ndc == SMALL.ndc)
            .order_by(Package.ndc)
        ).all()
    assert [(ndc, volume) for ndc, volume, _ in rows] == [(SMALL.package, Decimal(250)), (LARGE.package, Decimal(1000))]
    assert len({product_id for *_, product_id in rows}) == 1


def test_the_litre_of_the_same_product_is_stopped_where_250_ml_is_wanted_and_nothing_changes(house: Hospital) -> None:
    work_id = house.claim(house.dose(house.order("MFR-01")))
    house.until(work_id, "scan-bag")
    stop = stopped(house, work_id, demo.barcode("litre", serial="L1"))
    assert stop == Stopped(
        "Wrong size",
        "Sodium Chloride 0.9 % 1,000 mL bag (0338-0049-04)",
        "sodium chloride 0.9 % 250 mL bag",
        BACK,
    )
    house.scan(work_id, demo.barcode("bag", serial="B1"))
    at = house.at(work_id)
    assert at.where.current is not None
    assert at.where.current.key == "bag-before"
    assert at.where.stop is None
    assert (at.where.bound["bag"].name, at.where.bound["bag"].ndc) == ("Sodium Chloride 0.9 % 250 mL", SMALL.package)


@pytest.mark.parametrize("recipe", ["MFR-06", "MFR-28"])
def test_a_recipe_for_a_litre_refuses_the_250_ml_bag(house: Hospital, recipe: str) -> None:
    work_id = house.claim(house.dose(house.order(recipe)))
    key = next(step.key for step in house.at(work_id).sheet.recipe.steps if getattr(step, "slot", "") == "bag")
    house.until(work_id, key)
    stop = stopped(house, work_id, demo.barcode("bag", serial="B1"))
    assert (stop.what, stop.scanned, stop.wanted) == (
        "Wrong size",
        "Sodium Chloride 0.9 % 250 mL bag (0338-0049-02)",
        "sodium chloride 0.9 % 1,000 mL bag",
    )
    house.scan(work_id, demo.barcode("litre", serial="L1"))
    bound = house.at(work_id).where.bound["bag"]
    assert (bound.name, bound.volume_ml, bound.gross_min_g) == (
        "Sodium Chloride 0.9 % 1,000 mL",
        Decimal(1000),
        Decimal(1020),
    )


def test_another_drug_is_stopped_with_its_strength_and_size(house: Hospital) -> None:
    work_id = house.claim(house.dose(house.order("MFR-01")))
    stop = stopped(house, work_id, demo.barcode("potassium", serial="K1"))
    assert (stop.what, stop.scanned, stop.wanted) == (
        "Wrong product",
        "Potassium Chloride 149 mg/mL, 40 mEq in 20 mL (0409-6653-18)",
        "vancomycin 1,000 mg powder vial",
    )


def test_a_size_that_nobody_took_into_use_is_stopped_by_its_description(house: Hospital) -> None:
    with house.db.write(house.who("pablo")) as tx:
        product = tx.session.scalars(select(Product).where(Product.ndc == SMALL.ndc)).one()
        middle = Package(product_id=product.id, ndc="0338-0049-03", description="500 mL in 1 BAG")
        middle.ndc10, middle.gtin14 = "0338004903", gtin_of_ndc10("0338004903")
        tx.session.add(middle)
    work_id = house.claim(house.dose(house.order("MFR-01")))
    house.until(work_id, "scan-bag")
    stop = stopped(house, work_id, scan_text("0338-0049-03"))
    assert (stop.what, stop.scanned, stop.wanted) == (
        "This package is not in use",
        "Sodium Chloride 0.9 %, 500 mL in 1 BAG (0338-0049-03)",
        "sodium chloride 0.9 % 250 mL bag",
    )


def test_a_maker_that_came_into_use_after_the_plan_is_not_let_into_the_frozen_worksheet(house: Hospital) -> None:
    work_id = house.claim(house.dose(house.order("MFR-01")))
    house.until(work_id, "scan-bag")
    with house.db.write(house.who("pablo")) as tx:
        formulary.add_product(
            tx, "0409-7983", "Sodium Chloride 0.9 %", nonproprietary="SODIUM CHLORIDE", labeler="Hospira, Inc.",
            form="INJECTION, SOLUTION", route="INTRAVENOUS", strength="9 g/1000mL", packages={"0409-7983-02": "1 bag"},
        )  # fmt: skip
        formulary.take_into_use(
            tx, "0409-7983-02", saline(house), container="bag", content=None, volume_ml=Decimal(250)
        )
    stop = stopped(house, work_id, scan_text("0409-7983-02"))
    assert stop.what == "Not planned for this dose"
    assert stop.scanned == "Sodium Chloride 0.9 % 250 mL bag (0409-7983-02)"
    later = house.claim(house.dose(house.order("MFR-01", number="RX1002", patient=1)), "TRAY-02")
    assert {each.ndc for each in house.at(later).sheet.candidates["bag"]} == {SMALL.package, "0409-7983-02"}


def test_the_code_without_lot_keeps_its_size_through_the_question(house: Hospital) -> None:
    staged(house, SMALL)
    work_id = house.claim(house.dose(house.order("MFR-01")))
    house.until(work_id, "scan-bag")
    assert stopped(house, work_id, f"]d201{LARGE.gtin}").what == "Wrong size"
    house.scan(work_id, f"]d201{SMALL.gtin}")
    question = house.at(work_id).where.question
    assert isinstance(question, Asked)
    assert question.lot == SMALL.lot
    house.scan(work_id, "CARD-YES")
    taken = house.at(work_id).where.done["scan-bag"].facts
    assert isinstance(taken, Scanned)
    assert (taken.package_id, taken.how) == (question.package_id, "staged")
    assert house.at(work_id).where.bound["bag"].ndc == SMALL.package


def test_a_carton_of_another_size_at_the_hood_does_not_answer_for_the_wanted_one(house: Hospital) -> None:
    staged(house, LARGE)
    work_id = house.claim(house.dose(house.order("MFR-01")))
    house.until(work_id, "scan-bag")
    assert stopped(house, work_id, f"]d201{SMALL.gtin}").what == "Lot and expiry are not known"
    staged(house, SMALL, "P000001")
    house.scan(work_id, f"]d201{SMALL.gtin}")
    question = house.at(work_id).where.question
    assert question is not None
    assert question.lot == "P000001"


def staged(house: Hospital, size: demo.Good, number: str = "") -> None:
    """Bring a carton of a size to the hood."""
    with house.db.write(house.who("tina")) as tx:
        package_id = tx.session.scalars(select(Package.id).where(Package.ndc == size.package)).one()
        stock.stage(
            tx, HOOD, package_id=package_id, number=number or size.lot, expiry=date(2027, 3, 31), quantity=Decimal(24)
        )


def test_the_record_says_the_size_of_every_container(house: Hospital) -> None:
    work_id = house.claim(house.dose(house.order("MFR-01")))
    house.until(work_id, "scan-bag")
    house.scan(work_id, demo.barcode("litre", serial="L1"))
    house.scan(work_id, demo.barcode("bag", serial="B1"))
    with house.db.read() as session:
        told = [each.words for each in story(session, house.at(work_id))]
    assert any(words.startswith("scanned Vancomycin Hydrochloride 1,000 mg (0409-6533-01), lot") for words in told)
    assert any(words.startswith("scanned Sodium Chloride 0.9 % 250 mL (0338-0049-02), lot") for words in told)
    assert (
        "was stopped. Wrong size: scanned Sodium Chloride 0.9 % 1,000 mL bag (0338-0049-04); "
        "wanted sodium chloride 0.9 % 250 mL bag"
    ) in told


def test_a_dose_can_not_be_planned_when_only_another_size_is_in_use(house: Hospital) -> None:
    dose_id = house.dose(house.order("MFR-01"))
    with house.db.write(house.who("pablo")) as tx:
        # The pharmacy finds that its 250 mL bag was entered wrongly: it is corrected to what it holds, 500 mL.
        formulary.take_into_use(tx, SMALL.package, saline(house), container="bag", content=None, volume_ml=Decimal(500))
    with pytest.raises(Refused, match=r"no package is in use for a bag of nacl-0\.9 250 mL"):
        house.claim(dose_id)
