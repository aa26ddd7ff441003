"""The command by which a pharmacy takes in the directory: a bar while it runs, every bad line, the sums."""

from pathlib import Path

from sqlalchemy import func, select
from typer.testing import CliRunner

from app.cli.formulary import formulary
from app.db.session import Db
from app.formulary.models import Package

PRODUCTS = (
    "PRODUCTNDC,PROPRIETARYNAME,PROPRIETARYNAMESUFFIX,NONPROPRIETARYNAME,DOSAGEFORMNAME,ROUTENAME,LABELERNAME,"
    "SUBSTANCENAME,ACTIVE_NUMERATOR_STRENGTH,ACTIVE_INGRED_UNIT,DEASCHEDULE\n"
    "63323-284,Vancomycin,,vancomycin,INJECTION,INTRAVENOUS,Fresenius Kabi,VANCOMYCIN,1,g/20mL,\n"
    "63323284,Vancomycin,,vancomycin,INJECTION,INTRAVENOUS,Fresenius Kabi,VANCOMYCIN,1,g/20mL,\n"
)
PACKAGES = "PRODUCTNDC,NDCPACKAGECODE,PACKAGEDESCRIPTION\n63323-284,63323-284-20,10 VIAL in 1 TRAY\n"


def test_the_command_takes_in_two_files_and_says_what_became_of_every_line(db: Db, tmp_path: Path) -> None:
    product, package = tmp_path / "product.csv", tmp_path / "package.csv"
    product.write_text(PRODUCTS)
    package.write_text(PACKAGES)
    command = ["import", str(product), str(package), "--database", db.url]

    first = CliRunner().invoke(formulary, command)
    second = CliRunner().invoke(formulary, command)

    assert first.exit_code == second.exit_code == 0, first.output + second.output
    assert first.stdout.splitlines() == [
        "product line 3: '63323284' is no NDC: its digits must stand as 4-4, 5-3, 5-4 or 6-4.",
        "Products: 1 (lines of the product file: 2)",
        "Packages: 1 (lines of the package file: 1)",
        "2 new, 0 changed, 0 unchanged, 1 bad line",
    ]
    assert second.stdout.splitlines()[-1] == "0 new, 0 changed, 2 unchanged, 1 bad line"
    assert "Products and packages" in first.stderr
    with db.read() as session:
        assert session.scalar(select(func.count()).select_from(Package)) == 1


def test_a_file_that_is_not_the_fdas_changes_nothing_and_fails(db: Db, tmp_path: Path) -> None:
    product, package = tmp_path / "product.csv", tmp_path / "package.csv"
    product.write_text(PACKAGES)
    package.write_text(PACKAGES)
    done = CliRunner().invoke(formulary, ["import", str(product), str(package), "--database", db.url])
    assert done.exit_code == 1
    assert "This is not the FDA's product file: its header lacks PROPRIETARYNAME" in done.stderr
    missing = CliRunner().invoke(formulary, ["import", str(product), str(tmp_path / "none"), "--database", db.url])
    assert missing.exit_code == 1
    with db.read() as session:
        assert session.scalar(select(func.count()).select_from(Package)) == 0


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    nowhere = tmp_path / "none.db"
    done = CliRunner().invoke(formulary, ["import", "product", "package", "--database", f"sqlite:///{nowhere}"])
    assert done.exit_code == 1
    assert "There is no database" in done.stderr
    assert not nowhere.exists()
