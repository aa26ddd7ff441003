"""Taking in a directory: bad lines reported, nothing doubled, nothing of the pharmacy's overwritten."""

import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from app.audit import queries as audit
from app.core.errors import Invalid, Missing
from app.core.quantity import Quantity
from app.db.session import SYSTEM, Db
from app.formulary.actions import add_drug, add_product, take_into_use
from app.formulary.directory_actions import Imported, import_directory
from app.formulary.models import Package, Product

PRODUCT_HEADER = (
    "PRODUCTNDC\tPROPRIETARYNAME\tPROPRIETARYNAMESUFFIX\tNONPROPRIETARYNAME\tDOSAGEFORMNAME\tROUTENAME\tLABELERNAME\t"
    "SUBSTANCENAME\tACTIVE_NUMERATOR_STRENGTH\tACTIVE_INGRED_UNIT\tDEASCHEDULE"
)
VANCOMYCIN = (
    "63323-284\tVancomycin\t\tvancomycin\tINJECTION\tINTRAVENOUS\tFresenius Kabi\tVANCOMYCIN HYDROCHLORIDE\t1\tg/20mL\t"
)
SALINE = "0338-0049\tSodium Chloride\t\tsodium chloride\tINJECTION\tINTRAVENOUS\tBaxter\tSODIUM CHLORIDE\t9\tmg/mL\t"
PACKAGE_HEADER = "PRODUCTNDC\tNDCPACKAGECODE\tPACKAGEDESCRIPTION"
TRAY = "63323-284\t63323-284-20\t10 VIAL in 1 TRAY (63323-284-20)  > 20 mL in 1 VIAL (63323-284-01) "
BAG = "0338-0049\t0338-0049-02\t24 BAG in 1 CARTON (0338-0049-02)"


def take_in(db: Db, folder: Path, products: list[str], packages: list[str]) -> Imported:
    product_file, package_file = folder / "product.txt", folder / "package.txt.gz"
    product_file.write_bytes("\r\n".join([PRODUCT_HEADER, *products]).encode("cp1252"))
    package_file.write_bytes(gzip.compress("\n".join([PACKAGE_HEADER, *packages]).encode("cp1252")))
    return import_directory(db, SYSTEM, product_file, package_file)


def packages_of(db: Db) -> dict[str, str | None]:
    with db.read() as session:
        return {each.ndc: each.gtin14 for each in session.scalars(select(Package))}


def test_every_bad_line_is_reported_and_every_good_one_taken_in(db: Db, tmp_path: Path) -> None:
    result = take_in(
        db,
        tmp_path,
        [VANCOMYCIN, "\tnameless ndc" + "\t" * 9, "6332-1\tX" + "\t" * 9, "0338-0049\tshort", SALINE],
        [TRAY, "63323-284\t6332328420\tno hyphens", "9999-9999\t9999-9999-01\tof an unknown product", BAG],
    )
    assert [(each.file, each.line) for each in result.bad] == [
        ("product", 3),
        ("product", 4),
        ("product", 5),
        ("package", 3),
        ("package", 4),
    ]
    assert "product 9999-9999 is not known" in result.bad[-1].why
    assert (result.new, result.changed, result.unchanged) == (5, 0, 0)
    assert packages_of(db) == {
        "63323-284-20": "00363323284206",
        "63323-284-01": "00363323284015",
        "0338-0049-02": "00303380049028",
    }


def test_a_second_run_says_what_changed_and_doubles_nothing(db: Db, tmp_path: Path) -> None:
    take_in(db, tmp_path, [VANCOMYCIN, SALINE], [TRAY, BAG])
    again = take_in(
        db, tmp_path, [VANCOMYCIN.replace("Fresenius Kabi", "Fresenius Kabi USA"), SALINE], [TRAY, BAG + " "]
    )
    assert (again.new, again.changed, again.unchanged) == (0, 1, 4)
    with db.read() as session:
        names = set(session.scalars(select(Product.labeler)))
        entries = audit.of_subject(session, "formulary")
    assert names == {"Fresenius Kabi USA", "Baxter"}
    assert [each.facts["counts"]["changed"] for each in entries] == [0, 1]
    assert all(len(digest) == 64 for each in entries for digest in each.facts["sha256"].values())
    assert entries[0].facts["sha256"]["product file"] != entries[1].facts["sha256"]["product file"]


def test_what_the_pharmacy_set_is_never_touched(db: Db, tmp_path: Path, cast) -> None:  # type: ignore[no-untyped-def]
    take_in(db, tmp_path, [VANCOMYCIN], [TRAY])
    with db.write(cast.pablo) as tx:
        drug_id = add_drug(tx, "vancomycin", "vancomycin", "drug")
        product_id = tx.session.scalars(select(Product.id)).one()
        take_into_use(
            tx,
            "63323-284-01",
            drug_id,
            container="powder vial",
            content=Quantity(Decimal(1), "g"),
            volume_ml=Decimal(0),
            gtin="04012345678901",
        )
    with db.read() as session:
        before = dict(session.get_one(Product, product_id).__dict__)
        vial = select(Package).where(Package.ndc == "63323-284-01")
        vial_before = dict(session.scalars(vial).one().__dict__)
    again = take_in(db, tmp_path, [VANCOMYCIN.replace("\tVancomycin\t", "\tVancocin\t")], [TRAY])
    with db.read() as session:
        after = dict(session.get_one(Product, product_id).__dict__)
        vial_after = dict(session.scalars(vial).one().__dict__)
    assert vial_after | {"_sa_instance_state": None} == vial_before | {"_sa_instance_state": None}
    assert vial_after["container"] == "powder vial"
    assert {name for name in after if name != "_sa_instance_state" and after[name] != before[name]} == {"name"}
    assert (again.changed, again.unchanged) == (1, 2)
    assert packages_of(db)["63323-284-01"] == "04012345678901"


def test_a_product_entered_by_hand_is_taken_over_not_doubled(db: Db, tmp_path: Path, cast) -> None:  # type: ignore[no-untyped-def]
    with db.write(cast.pablo) as tx:
        product_id = add_product(
            tx,
            "63323-284",
            "Vanco",
            nonproprietary="vancomycin",
            labeler="?",
            form="powder",
            route="INTRAVENOUS",
            strength="1 g",
            packages={"63323-284-20": "tray"},
        )
    result = take_in(db, tmp_path, [VANCOMYCIN], [TRAY])
    assert (result.new, result.changed) == (1, 2)
    with db.read() as session:
        assert session.get_one(Product, product_id).source == "FDA NDC directory"


def test_two_ndcs_with_the_same_ten_digits_get_no_barcode(db: Db, tmp_path: Path) -> None:
    twin = VANCOMYCIN.replace("63323-284", "63323-2842")
    tray, other = "63323-284\t63323-284-20\ttray", "63323-2842\t63323-2842-0\tbox"
    result = take_in(db, tmp_path, [VANCOMYCIN, twin], [tray, other])
    assert [each.line for each in result.bad] == [2, 3]
    assert packages_of(db) == {"63323-284-20": None, "63323-2842-0": None}


def test_a_newcomer_with_the_same_ten_digits_takes_the_barcode_from_an_unused_package(
    db: Db,
    tmp_path: Path,
) -> None:
    twin = VANCOMYCIN.replace("63323-284", "63323-2842")
    tray, other = "63323-284\t63323-284-20\ttray", "63323-2842\t63323-2842-0\tbox"
    take_in(db, tmp_path, [VANCOMYCIN], [tray])
    assert packages_of(db) == {"63323-284-20": "00363323284206"}
    result = take_in(db, tmp_path, [twin], [other])
    assert len(result.bad) == 1
    assert packages_of(db) == {"63323-284-20": None, "63323-2842-0": None}


def test_the_package_in_use_keeps_its_barcode_and_another_size_of_it_does_not(db: Db, tmp_path: Path, cast) -> None:  # type: ignore[no-untyped-def]
    take_in(db, tmp_path, [VANCOMYCIN], ["63323-284\t63323-284-20\ttray", "63323-284\t63323-284-30\ttray"])
    with db.write(cast.pablo) as tx:
        drug_id = add_drug(tx, "vancomycin", "vancomycin", "drug")
        gram = Quantity(Decimal(1), "g")
        take_into_use(tx, "63323-284-20", drug_id, container="powder vial", content=gram, volume_ml=Decimal(0))
    twin = VANCOMYCIN.replace("63323-284", "63323-2842")
    third = VANCOMYCIN.replace("63323-284", "63323-2843")
    boxes = ["63323-2842\t63323-2842-0\tbox", "63323-2843\t63323-2843-0\tbox"]
    result = take_in(db, tmp_path, [twin, third], boxes)
    assert len(result.bad) == 2
    assert packages_of(db) == {
        "63323-284-20": "00363323284206",
        "63323-284-30": None,
        "63323-2842-0": None,
        "63323-2843-0": None,
    }


def test_a_file_that_is_not_there_or_damaged_or_another_is_refused(db: Db, tmp_path: Path) -> None:
    good, damaged = tmp_path / "good.txt", tmp_path / "damaged.gz"
    good.write_text(PRODUCT_HEADER + "\n" + SALINE)
    damaged.write_bytes(gzip.compress(PACKAGE_HEADER.encode())[:-9])
    with pytest.raises(Missing, match="nowhere.txt cannot be opened"):
        import_directory(db, SYSTEM, good, tmp_path / "nowhere.txt")
    with pytest.raises(Invalid, match="damaged.gz is damaged"):
        import_directory(db, SYSTEM, good, damaged)
    with pytest.raises(Invalid, match="not the FDA's package file"):
        import_directory(db, SYSTEM, good, good)
    with db.read() as session:
        assert session.scalars(select(Product)).all() == []
