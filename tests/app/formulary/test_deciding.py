"""What people decide about drugs, products, densities and codes, and who may."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.audit import queries as audit
from app.audit.models import AuditEvent
from app.core.errors import Invalid, Missing, Refused
from app.core.quantity import Quantity
from app.db.session import Db, Tx
from app.formulary.actions import (
    add_drug,
    add_product,
    approve_density,
    enter_density,
    map_code,
    take_into_use,
    withdraw_density,
)
from app.formulary.ndc import gtin_of_ndc10, read_package_ndc
from app.formulary.product import Ambiguous, Displacement, FoundPackage, PackageInUse, density_faults
from app.formulary.queries import (
    drug_by_code,
    drugs,
    find_package,
    meaning_of,
    package_in_use,
    packages_in_use,
    search,
    waiting_densities,
)

TODAY = date(2026, 11, 22)
VIAL = "63323-284-01"
ONE_GRAM = Quantity(Decimal(1), "g")
DISPLACED = Displacement(Decimal("0.6"), Decimal("0.1"), "label of the maker")


@dataclass(frozen=True)
class Scan:
    gtin14: str | None = None
    ndc10: str | None = None


def vancomycin(tx: Tx, **changes: object) -> int:
    """Enter vancomycin 1 g and take it into use."""
    drug = drug_by_code(tx.session, "vancomycin")
    drug_id = drug.drug_id if drug else add_drug(tx, "vancomycin", "vancomycin", "drug")
    product_id = add_product(
        tx,
        "63323-284",
        "Vancomycin",
        nonproprietary="vancomycin hydrochloride",
        labeler="Fresenius Kabi",
        form="powder",
        route="INTRAVENOUS",
        strength="1 g per 20 mL",
        packages={"63323-284-20": "10 vials", "63323-284-01": "20 mL in 1 VIAL"},
    )
    facts: dict[str, object] = {
        "container": "powder vial",
        "content": ONE_GRAM,
        "volume_ml": Decimal(0),
        "displacement": DISPLACED,
    }
    package = str(changes.pop("package", VIAL))
    take_into_use(tx, package, drug_id, **(facts | changes))  # type: ignore[arg-type]
    return product_id


def known(db: Db, on: date = TODAY, package: str = VIAL) -> PackageInUse:
    """What is known on a day about a package in use, found by its NDC."""
    with db.read() as session:
        code = read_package_ndc(package)
        found = find_package(session, Scan(None, code.ndc10))
        assert isinstance(found, FoundPackage)
        used = package_in_use(session, found.package_id, on)
    assert used is not None
    return used


def test_a_package_in_use_is_known_with_all_that_was_said_of_it(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        product_id = vancomycin(tx, gross_min_g=Decimal("14.5"), gross_max_g=Decimal("21"))
    with db.read() as session:
        drug = drug_by_code(session, "vancomycin")
        assert drug is not None
        (vial,) = packages_in_use(session, drug.drug_id, TODAY)
        assert vial == package_in_use(session, vial.package_id, TODAY) == known(db)
        assert (vial.product_id, vial.ndc, vial.sized) == (product_id, VIAL, "Vancomycin 1 g")
        assert (vial.drug, vial.container, vial.content) == (drug, "powder vial", ONE_GRAM)
        assert (vial.volume_ml, vial.displacement) == (Decimal(0), DISPLACED)
        assert (vial.gross_min_g, vial.gross_max_g) == (Decimal("14.5"), Decimal(21))
        assert (vial.as_supplied, vial.reconstituted) == (None, None)
        assert [each.action for each in audit.of_subject(session, f"product {product_id}")] == [
            "entered",
            "taken into use",
        ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"container": "bucket"}, "container"),
        ({"volume_ml": Decimal(20)}, "volume_ml"),
        ({"container": "liquid vial", "displacement": None}, "volume_ml"),
        ({"container": "liquid vial", "volume_ml": Decimal(10)}, "displacement"),
        ({"content": None}, "content"),
        ({"content": Quantity(Decimal(0), "g")}, "content"),
        ({"displacement": Displacement(Decimal("0.6"), Decimal("0.1"), " ")}, "displacement"),
        ({"displacement": Displacement(Decimal("-0.6"), Decimal("0.1"), "label")}, "displacement"),
        ({"gross_min_g": Decimal(10)}, "gross"),
        ({"gross_min_g": Decimal(20), "gross_max_g": Decimal(10)}, "gross"),
        ({"gtin": "00363323284016"}, "gtin"),
        ({"gtin": "00363323002107"}, "gtin"),
        ({"package": "63323-285-01"}, "ndc"),
        ({"package": "6332328401"}, "ndc"),
    ],
)
def test_what_cannot_be_true_of_a_package_is_refused_by_field(  # type: ignore[no-untyped-def]
    db: Db, cast, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as refused, db.write(cast.pablo) as tx:
        vancomycin(tx, **changes)
    assert list(refused.value.fields) == [field]
    with db.read() as session:
        assert search(session, "") == ()


def test_a_product_never_becomes_another_drug(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        vancomycin(tx)
        other = add_drug(tx, "cefazolin", "cefazolin", "drug")
    with pytest.raises(Refused, match="in use for another drug"), db.write(cast.pablo) as tx:
        take_into_use(tx, "63323-284-20", other, container="powder vial", content=ONE_GRAM, volume_ml=Decimal(0))


def test_the_sizes_of_one_product_are_known_apart_and_share_its_density(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        drug_id = add_drug(tx, "nacl-0.9", "sodium chloride 0.9 %", "diluent")
        product_id = add_product(
            tx, "0338-0049", "Sodium Chloride 0.9 %", nonproprietary="sodium chloride", labeler="Baxter", form="bag",
            route="IV", strength="9 g per 1000 mL",
            packages={"0338-0049-02": "250 mL in 1 BAG", "0338-0049-03": "500 mL in 1 BAG",
                      "0338-0049-04": "1000 mL in 1 BAG"},
        )  # fmt: skip
        for package, volume, light, heavy in (("0338-0049-02", 250, 262, 300), ("0338-0049-04", 1000, 1020, 1130)):
            take_into_use(
                tx, package, drug_id, container="bag", content=None, volume_ml=Decimal(volume),
                gross_min_g=Decimal(light), gross_max_g=Decimal(heavy),
            )  # fmt: skip
        density_id = enter_density(tx, product_id, "as supplied", Decimal("1.005"), Decimal("0.001"), "tables")
    with db.write(cast.petra) as tx:
        approve_density(tx, density_id)
    with db.read() as session:
        small, large = packages_in_use(session, drug_id, TODAY)
        middle = find_package(session, Scan(None, "0338004903"))
        assert isinstance(middle, FoundPackage)
        assert middle.drug_id == drug_id
        assert package_in_use(session, middle.package_id, TODAY) is None
    assert (small.sized, large.sized) == ("Sodium Chloride 0.9 % 250 mL", "Sodium Chloride 0.9 % 1,000 mL")
    assert (small.product_id, small.gross_max_g, large.gross_min_g) == (large.product_id, Decimal(300), Decimal(1020))
    assert small.as_supplied == large.as_supplied is not None
    with pytest.raises(Missing), db.write(cast.pablo) as tx:
        take_into_use(tx, 999, drug_id, container="bag", content=None, volume_ml=Decimal(500))


def test_only_a_pharmacist_decides_about_products(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    acts: list[Callable[[Tx], object]] = [
        lambda tx: add_drug(tx, "x", "x", "drug"),
        vancomycin,
        lambda tx: take_into_use(
            tx, 1, 1, container="powder vial", content=ONE_GRAM, volume_ml=Decimal(0)
        ),
        lambda tx: approve_density(tx, 1),
        lambda tx: map_code(tx, "EHR", "1", "x", 1),
    ]
    for act in acts:
        for who in (cast.tina, cast.nina):
            with pytest.raises(Refused, match="pharmacist"), db.write(who) as tx:
                act(tx)


def test_a_drug_has_one_code(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        add_drug(tx, "vancomycin", "vancomycin", "drug", high_alert=True)
    for wrong in (("vancomycin", "again", "drug"), ("", "x", "drug"), ("x", " ", "drug"), ("x", "x", "poison")):
        with pytest.raises(Invalid), db.write(cast.pablo) as tx:
            add_drug(tx, *wrong)
    with db.read() as session:
        assert [(each.code, each.high_alert) for each in drugs(session)] == [("vancomycin", True)]


def test_a_density_judges_nothing_until_another_pharmacist_approves_it(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        product_id = vancomycin(tx)
        density_id = enter_density(
            tx, product_id, "reconstituted", Decimal("1.014"), Decimal("0.006"), "partial volumes"
        )
    assert known(db).reconstituted is None
    with db.read() as session:
        assert [each.density_id for each in waiting_densities(session)] == [density_id]
    with pytest.raises(Refused, match="You entered this density"), db.write(cast.pablo) as tx:
        approve_density(tx, density_id)
    with db.write(cast.petra) as tx:
        approve_density(tx, density_id)
    with db.read() as session:
        vial = known(db)
        assert vial.as_supplied is None
        assert vial.reconstituted is not None
        assert vial.reconstituted.g_per_ml == Decimal("1.014")
        assert vial.reconstituted.approved_by == cast.petra.person_id
        assert waiting_densities(session) == ()
    with pytest.raises(Refused, match="already"), db.write(cast.petra) as tx:
        approve_density(tx, density_id)
    with pytest.raises(Missing), db.write(cast.petra) as tx:
        approve_density(tx, 999)


def test_a_density_ends_with_its_last_day_and_the_latest_approved_one_counts(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        product_id = vancomycin(tx)
        entered = [
            enter_density(tx, product_id, "reconstituted", Decimal(value), Decimal("0.006"), "measured", ends)
            for value, ends in (("1.010", None), ("1.020", TODAY))
        ]
    for density_id in entered:
        with db.write(cast.petra) as tx:
            approve_density(tx, density_id)
    used = [known(db, day).reconstituted for day in (TODAY, TODAY + timedelta(days=1))]
    seen = [each.g_per_ml for each in used if each is not None]
    assert seen == [Decimal("1.020"), Decimal("1.010")]


@pytest.mark.parametrize("value", ["0.59", "1.91", "10.14", "0.1014", "NaN", "Infinity", "-1"])
def test_an_implausible_density_is_refused(value: str) -> None:
    assert "g_per_ml" in density_faults(Decimal(value), Decimal("0.006"), "measured")


def test_plausible_densities_uncertainties_and_sources_are_the_only_ones_taken(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    assert density_faults(Decimal("0.6"), Decimal("0.001"), "s") == {}
    assert density_faults(Decimal("1.9"), Decimal("0.1"), "s") == {}
    with db.write(cast.pablo) as tx:
        product_id = vancomycin(tx)
    for state, u, source in (("frozen", "0.01", "s"), ("as supplied", "0", "s"), ("as supplied", "0.01", " ")):
        with pytest.raises(Invalid), db.write(cast.pablo) as tx:
            enter_density(tx, product_id, state, Decimal(1), Decimal(u), source)
    with pytest.raises(Refused), db.write(cast.tina) as tx:
        enter_density(tx, product_id, "as supplied", Decimal(1), Decimal("0.01"), "s")


def test_a_density_that_waits_is_withdrawn_by_its_author_or_a_pharmacist_with_the_reason(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        product = vancomycin(tx)

    def entered(by) -> int:  # type: ignore[no-untyped-def]
        with db.write(by) as tx:
            return enter_density(tx, product, "as supplied", Decimal("1.1"), Decimal("0.01"), "typed wrongly")

    mine = entered(cast.pablo)
    with pytest.raises(Invalid, match="what is wrong"), db.write(cast.pablo) as tx:
        withdraw_density(tx, mine, " ")
    with pytest.raises(Refused, match="technician may not enter a density"), db.write(cast.tina) as tx:
        withdraw_density(tx, mine, "a typing slip")
    for density_id, by in ((mine, cast.pablo), (entered(cast.pablo), cast.petra)):
        with db.write(by) as tx:
            withdraw_density(tx, density_id, "a typing slip")
        with pytest.raises(Missing, match="withdrawn already"), db.write(by) as tx:
            withdraw_density(tx, density_id, "a typing slip")
        with pytest.raises(Missing), db.write(cast.petra) as tx:
            approve_density(tx, density_id)
    with db.read() as session:
        assert waiting_densities(session) == ()
        said = session.scalars(select(AuditEvent).where(AuditEvent.action == "density withdrawn")).all()
        assert len(said) == 2 and all("a typing slip" in each.text and "1.1" in each.text for each in said)


def test_a_density_that_judges_is_not_withdrawn(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        density_id = enter_density(tx, vancomycin(tx), "as supplied", Decimal(1), Decimal("0.01"), "measured")
    with db.write(cast.petra) as tx:
        approve_density(tx, density_id)
    with pytest.raises(Refused, match="is approved and judges doses"), db.write(cast.pablo) as tx:
        withdraw_density(tx, density_id, "a better one")


def test_two_pharmacists_who_approve_at_once_approve_once(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        density_id = enter_density(tx, vancomycin(tx), "as supplied", Decimal(1), Decimal("0.01"), "measured")
    others = [cast.petra, cast.petra]
    gate, outcomes = threading.Barrier(len(others)), []

    def approve(who) -> None:  # type: ignore[no-untyped-def]
        gate.wait()
        try:
            with db.write(who) as tx:
                approve_density(tx, density_id)
            outcomes.append("approved")
        except Refused:
            outcomes.append("refused")

    threads = [threading.Thread(target=approve, args=(who,)) for who in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["approved", "refused"]


def test_a_barcode_finds_its_package_by_gtin_or_by_the_ten_digits(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        product_id = vancomycin(tx)
    with db.read() as session:
        vial = find_package(session, Scan("00363323284015", "6332328401"))
        assert isinstance(vial, FoundPackage)
        assert (vial.product_id, vial.ndc, vial.description) == (product_id, "63323-284-01", "20 mL in 1 VIAL")
        # A case of the same package carries another indicator, and the same ten digits.
        assert find_package(session, Scan("50363323284010", "6332328401")) == vial
        assert find_package(session, Scan(None, "6332328401")) == vial
        assert find_package(session, Scan("04012345678901", None)) is None
        assert find_package(session, Scan()) is None


def test_a_bound_gtin_is_found_and_belongs_to_one_package(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    imported = "04012345678901"
    with db.write(cast.pablo) as tx:
        vancomycin(tx, package="63323-284-77", gtin=imported)
        drug = drug_by_code(tx.session, "vancomycin")
    assert drug is not None
    with db.read() as session:
        found = find_package(session, Scan(imported))
        assert isinstance(found, FoundPackage)
        assert found.ndc == "63323-284-77"
    with pytest.raises(Refused, match="belongs to package 63323-284-77"), db.write(cast.pablo) as tx:
        take_into_use(
            tx,
            VIAL,
            drug.drug_id,
            container="powder vial",
            content=ONE_GRAM,
            volume_ml=Decimal(0),
            gtin=imported,
        )


def test_digits_that_two_ndcs_share_are_ambiguous_until_a_pharmacist_binds_one(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    words = {
        "nonproprietary": "x",
        "labeler": "x",
        "form": "x",
        "route": "x",
        "strength": "x",
    }
    with db.write(cast.pablo) as tx:
        drug_id = add_drug(tx, "x", "x", "drug")
        add_product(tx, "63323-002", "one", packages={"63323-002-10": "box"}, **words)
        other = add_product(tx, "63323-0021", "other", packages={"63323-0021-0": "box"}, **words)
    with db.read() as session:
        answer = find_package(session, Scan(None, "6332300210"))
        assert isinstance(answer, Ambiguous)
        assert "63323-002-10 (one)" in answer.why
        assert "63323-0021-0 (other)" in answer.why
        answer = find_package(session, Scan("00363323002107", "6332300210"))
        assert isinstance(answer, Ambiguous)
    with db.write(cast.pablo) as tx:
        take_into_use(
            tx,
            "63323-0021-0",
            drug_id,
            container="powder vial",
            content=ONE_GRAM,
            volume_ml=Decimal(0),
            gtin="00363323002107",
        )
    with db.read() as session:
        found = find_package(session, Scan("00363323002107", "6332300210"))
        assert isinstance(found, FoundPackage)
        assert found.product_id == other


def test_no_damaged_code_ever_finds_a_package(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        vancomycin(tx)
    known = {"6332328401", "6332328420"}
    right = read_package_ndc("63323-284-01")
    digits = right.ndc10 or ""
    with db.read() as session:

        @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(st.integers(0, 9), st.sampled_from("0123456789"), st.sampled_from(["slip", "cut", "pad", "front"]))
        def damaged(place: int, digit: str, how: str) -> None:
            wrong = {
                "slip": digits[:place] + digit + digits[place + 1 :],
                "cut": digits[:place],
                "pad": digits + digit,
                "front": digit + digits,
            }[how]
            if wrong in known:
                return
            assert find_package(session, Scan(None, wrong)) is None
            gtin = gtin_of_ndc10(wrong) if len(wrong) == 10 else "003" + wrong
            if gtin != right.gtin14:
                assert find_package(session, Scan(gtin, wrong)) is None

        damaged()


def test_a_code_means_a_drug_only_together_with_its_text(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        vancomycin_id = add_drug(tx, "vancomycin", "vancomycin", "drug")
        cefazolin_id = add_drug(tx, "cefazolin", "cefazolin", "drug")
        map_code(tx, "EHR", "1234", "Vancomycin  1 g inj", vancomycin_id)
    with db.read() as session:
        found = meaning_of(session, "EHR", "1234", " Vancomycin 1 g inj")
        assert found is not None
        assert found.code == "vancomycin"
        for sender, code, text in (
            ("EHR", "1234", "Cefazolin 1 g inj"),
            ("EHR", "1234", "vancomycin 1 g inj"),
            ("LAB", "1234", "Vancomycin 1 g inj"),
            ("EHR", "123", "Vancomycin 1 g inj"),
        ):
            assert meaning_of(session, sender, code, text) is None
    with db.write(cast.petra) as tx:
        map_code(tx, "EHR", "1234", "Vancomycin 1 g inj", cefazolin_id)
        map_code(tx, "EHR", "1234", "Vancomycin 1 g inj", cefazolin_id)
    with db.read() as session:
        found = meaning_of(session, "EHR", "1234", "Vancomycin 1 g inj")
        assert found is not None
        assert found.code == "cefazolin"
        decisions = [each for each in audit.page(session) if each.action == "mapped"]
        assert [(each.facts["before"], each.facts["drug"]) for each in decisions] == [
            (vancomycin_id, "cefazolin"),
            (None, "vancomycin"),
        ]
    with pytest.raises(Invalid), db.write(cast.petra) as tx:
        map_code(tx, "EHR", " ", "", cefazolin_id)
    with pytest.raises(Missing), db.write(cast.petra) as tx:
        map_code(tx, "EHR", "1", "", 999)


def test_a_search_needs_every_word_and_takes_signs_as_they_are(db: Db, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        vancomycin(tx)
        add_product(
            tx, "0338-0049", "Sodium Chloride", nonproprietary="sodium chloride", labeler="Baxter",
            form="bag", route="IV", strength="0.9 %",
        )  # fmt: skip
    with db.read() as session:
        assert [each.drug for each in search(session, "")] == ["vancomycin", None]
        assert [each.ndc for each in search(session, "KABI vanco")] == ["63323-284"]
        assert [each.ndc for each in search(session, "%")] == ["0338-0049"]
        assert search(session, "vanco baxter") == ()
        assert len(search(session, "", limit=1)) == 1
