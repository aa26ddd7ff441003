"""The directory's files and an NDC's digits: read exactly, or named as bad with line and reason."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.formulary.ndc import (
    PACKAGE_COLUMNS,
    PRODUCT_COLUMNS,
    BadLine,
    PackageRow,
    ProductRow,
    inner_packages,
    merged,
    read_gtin,
    read_package_ndc,
    read_packages,
    read_product_ndc,
    read_products,
    strength_text,
)

PUBLISHED = "\t".join(
    ("PRODUCTID", *PRODUCT_COLUMNS[:5], "STARTMARKETINGDATE", *PRODUCT_COLUMNS[5:], "NDC_EXCLUDE_FLAG")
).encode()


def product_line(**values: str) -> bytes:
    """A line of product.txt as published, with the columns between ours filled in."""
    columns = {
        "PRODUCTNDC": "63323-284",
        "PROPRIETARYNAME": "Vancomycin",
        "NONPROPRIETARYNAME": "vancomycin hydrochloride",
        "DOSAGEFORMNAME": "INJECTION, POWDER",
        "ROUTENAME": "INTRAVENOUS",
        "LABELERNAME": "Fresenius Kabi",
        "SUBSTANCENAME": "VANCOMYCIN HYDROCHLORIDE",
        "ACTIVE_NUMERATOR_STRENGTH": "1",
        "ACTIVE_INGRED_UNIT": "g/20mL",
    } | values
    cells = [columns.get(name, "") for name in PRODUCT_COLUMNS]
    return "\t".join(["63323-284_x", *cells[:5], "20010101", *cells[5:], "N"]).encode("latin-1")


def only(line: bytes) -> ProductRow | BadLine:
    (read,) = read_products([PUBLISHED, line])
    return read


@pytest.mark.parametrize(
    ("text", "ndc10", "gtin14"),
    [
        ("0409-1183-30", "0409118330", "00304091183308"),
        ("63323-002-10", "6332300210", "00363323002107"),
        ("63323-0021-0", "6332300210", "00363323002107"),
        ("012345-6789-01", None, None),
    ],
)
def test_each_shape_of_an_ndc_gives_its_ten_digits_and_gtin(text: str, ndc10: str | None, gtin14: str | None) -> None:
    ndc = read_package_ndc(f" {text} ")
    assert (ndc.text, ndc.ndc10, ndc.gtin14) == (text, ndc10, gtin14)
    assert ndc.product_ndc == text.rsplit("-", 1)[0]


@pytest.mark.parametrize(
    "text",
    [
        "6332300210",
        "63323-0021-00",
        "63323-021-1",
        "0409-118-330",
        "63323-00A-10",
        "63323--0210",
        "６3323-002-10",
        "x" * 80,
    ],
)
def test_a_split_is_never_guessed(text: str) -> None:
    with pytest.raises(Invalid, match="is no NDC"):
        read_package_ndc(text)


def test_the_ndc_of_a_product_has_two_segments() -> None:
    assert [read_product_ndc(text) for text in ("0409-1183", "63323-284", "63323-0021", "012345-6789")]
    for wrong in ("63323-28", "63323-284-20", "63323284", ""):
        with pytest.raises(Invalid):
            read_product_ndc(wrong)


def test_no_single_wrong_digit_of_a_gtin_passes() -> None:
    right = "00363323002107"
    assert read_gtin(right) == right
    for place, digit in enumerate(right):
        for wrong in set("0123456789") - {digit}:
            with pytest.raises(Invalid, match="check digit"):
                read_gtin(right[:place] + wrong + right[place + 1 :])
    for wrong in (right[1:], "0" + right, "0036332300210X", ""):
        with pytest.raises(Invalid, match="14 digits"):
            read_gtin(wrong)


def test_a_published_line_is_read_by_header_name() -> None:
    assert only(product_line(PROPRIETARYNAMESUFFIX="Novaplus", DEASCHEDULE="CII")) == ProductRow(
        line=2,
        ndc="63323-284",
        name="Vancomycin Novaplus",
        nonproprietary="vancomycin hydrochloride",
        labeler="Fresenius Kabi",
        form="INJECTION, POWDER",
        route="INTRAVENOUS",
        strength="1 g per 20 mL",
        schedule="CII",
    )


def test_the_csv_extract_is_read_by_header_name_in_any_order() -> None:
    header = ",".join(reversed(PACKAGE_COLUMNS)).encode()
    line = b'"1 VIAL, SINGLE-USE in 1 CARTON ""A""",63323-284-20,63323-284\r\n'
    (row,) = read_packages([b"\xef\xbb\xbf" + header, b"", line])
    assert row == PackageRow(3, read_package_ndc("63323-284-20"), '1 VIAL, SINGLE-USE in 1 CARTON "A"')


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"Dr.Reddy\x92s", "Dr.Reddy’s"),
        (b"Laborat\xf3rios", "Laboratórios"),
        ("Laboratórios".encode(), "Laboratórios"),
        ("Queen\x92s".encode(), "Queen’s"),
    ],
    ids=["Windows-1252", "Latin-1", "UTF-8", "Latin-1 saved as UTF-8"],
)
def test_letters_survive_every_way_the_directory_was_ever_saved(sent: bytes, read: str) -> None:
    row = only(product_line(LABELERNAME="@@").replace(b"@@", sent))
    assert isinstance(row, ProductRow)
    assert row.labeler == read


BAD = {
    "missing NDC": (product_line(PRODUCTNDC=""), "The NDC is missing."),
    "wrong segments": (product_line(PRODUCTNDC="6332-284"), "'6332-284' is no NDC"),
    "no hyphen": (product_line(PRODUCTNDC="63323284"), "is no NDC"),
    "short row": (b"63323-284_x\t63323-284\tVancomycin", "3 columns where the header has 14"),
    "long row": (product_line() + b"\tmore", "15 columns where the header has 14"),
    "byte that is no letter": (product_line(LABELERNAME="@").replace(b"@", b"\x81"), "U+0081"),
    "control byte": (product_line(LABELERNAME="@").replace(b"@", b"\x00"), "U+0000"),
    "foreign letter": (product_line(LABELERNAME="@").replace(b"@", "Ж".encode()), "U+0416"),
    "unknown schedule": (product_line(DEASCHEDULE="II"), "'II' is no DEA schedule"),
    "no name": (product_line(PROPRIETARYNAME="", NONPROPRIETARYNAME=""), "no name"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_named_with_its_number_and_its_neighbours_are_read(name: str) -> None:
    line, why = BAD[name]
    before, bad, after = read_products([PUBLISHED, product_line(), line, product_line()])
    assert isinstance(before, ProductRow)
    assert isinstance(after, ProductRow)
    assert isinstance(bad, BadLine)
    assert (bad.file, bad.line) == ("product", 3)
    assert why in bad.why


def test_a_quotation_mark_without_its_partner_swallows_no_other_line() -> None:
    header = ",".join(PACKAGE_COLUMNS).encode()
    good = b"63323-284,63323-284-20,10 VIAL in 1 TRAY"
    first, bad, last = read_packages([header, good, b'63323-284,63323-284-21,"10 VIAL', good])
    assert isinstance(first, PackageRow)
    assert isinstance(last, PackageRow)
    assert isinstance(bad, BadLine)
    assert bad.line == 3


def test_quotation_marks_in_the_tab_file_are_only_letters() -> None:
    row = only(product_line(PROPRIETARYNAME='"Sterile" 5" water'))
    assert isinstance(row, ProductRow)
    assert row.name == '"Sterile" 5" water'


def test_a_package_under_another_product_is_bad() -> None:
    (bad,) = read_packages([b"\t".join(n.encode() for n in PACKAGE_COLUMNS), b"63323-285\t63323-284-20\ttray"])
    assert isinstance(bad, BadLine)
    assert "cannot belong to product '63323-285'" in bad.why


def test_another_file_is_refused_as_a_whole() -> None:
    with pytest.raises(Invalid, match="its header lacks NDCPACKAGECODE, PACKAGEDESCRIPTION"):
        list(read_packages([PUBLISHED, product_line()]))
    with pytest.raises(Invalid, match="The product file is empty"):
        list(read_products([b"", b"\r\n"]))


@pytest.mark.parametrize(
    ("substances", "amounts", "units", "text"),
    [
        ("VANCOMYCIN", "1", "g/20mL", "1 g per 20 mL"),
        ("DULAGLUTIDE", ".75", "mg/.5mL", "0.75 mg per 0.5 mL"),
        ("DIGOXIN", ".125", "mg/1", "0.125 mg"),
        ("FENTANYL", "50", "ug/mL", "50 mcg per mL"),
        ("HEPARIN", "5000", "[USP'U]/mL", "5,000 USP units per mL"),
        ("SODIUM CHLORIDE", "900.0", "mg/100mL", "900 mg per 100 mL"),
        ("DEXTROSE; KCL", "50; 2.24", "g/L; g/L", "dextrose 50 g per L; kcl 2.24 g per L"),
        ("A; B", "1", "g/1; mg/1", "A; B 1 g/1; mg/1"),
        ("", "", "", ""),
    ],
)
def test_a_strength_reads_safely(substances: str, amounts: str, units: str, text: str) -> None:
    assert strength_text(substances, amounts, units) == text


def test_a_product_listed_twice_keeps_what_its_lines_say_differently() -> None:
    one = only(product_line(ROUTENAME="INTRAVENOUS; EPIDURAL"))
    two = only(
        product_line(ROUTENAME="EPIDURAL; ORAL", DOSAGEFORMNAME="injection, powder", DEASCHEDULE="CIV")
    )
    three = only(product_line(ACTIVE_NUMERATOR_STRENGTH="500", ACTIVE_INGRED_UNIT="mg/10mL", DEASCHEDULE="CII"))
    assert isinstance(one, ProductRow)
    assert isinstance(two, ProductRow)
    assert isinstance(three, ProductRow)
    together = merged([one, two, three])
    assert together.route == "INTRAVENOUS; EPIDURAL; ORAL"
    assert together.strength == "1 g per 20 mL or 500 mg per 10 mL"
    assert together.form.casefold() == "injection, powder"
    assert together.schedule == "CII"


def test_the_vial_in_the_tray_is_a_package_and_a_kits_other_part_is_not() -> None:
    described = "10 VIAL in 1 TRAY (63323-284-20)  > 20 mL in 1 VIAL (63323-284-01) "
    tray = PackageRow(7, read_package_ndc("63323-284-20"), described)
    assert inner_packages(tray) == (PackageRow(7, read_package_ndc("63323-284-01"), "20 mL in 1 VIAL"),)
    described = "1 KIT in 1 CARTON (0002-7335-11)  *  5 mL in 1 VIAL (0002-7349-01)"
    kit = PackageRow(8, read_package_ndc("0002-7335-11"), described)
    assert inner_packages(kit) == ()


@given(st.lists(st.binary(max_size=60).filter(lambda raw: b"\n" not in raw and b"\r" not in raw), max_size=6))
def test_whatever_the_bytes_every_line_is_a_row_or_a_bad_line_with_its_number(lines: list[bytes]) -> None:
    read = list(read_packages([",".join(PACKAGE_COLUMNS).encode(), *lines]))
    numbers = [n for n, raw in enumerate(lines, start=2) if raw.strip()]
    assert [each.line for each in read] == numbers
    assert all(re.search(r"\w", each.why) for each in read if isinstance(each, BadLine))
