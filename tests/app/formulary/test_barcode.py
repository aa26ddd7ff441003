import json
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formulary.barcode import WORDS, Barcode, full_year, ndc10_of, read_barcode

TODAY = date(2026, 11, 22)
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "gs1.json").read_text(encoding="utf-8"))
GTIN = "0100301234567896"
FULL_WIDTH = "]d201" + "00301234567896".translate({ord("0") + i: 0xFF10 + i for i in range(10)})


def unescaped(text: str) -> str:
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), text)


def read(scan: str, today: date = TODAY, **how: str) -> Barcode:
    return read_barcode(scan, today=today, **how)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['id']} {vector['note']}")
@pytest.mark.parametrize("year", [2026, 2030, 2048])
def test_every_recorded_scan_is_read_as_expected(vector, year):
    code = read(unescaped(vector["scan"]), date(year, 6, 1))
    found = {name: getattr(code, name) for name in vector["expected"]}
    found["expiry"] = code.expiry.isoformat() if code.expiry else None
    assert found == vector["expected"]


# --- what the library leaves to us ---


@pytest.mark.parametrize("scan", ["]d20100301234567897", "]d202003012345678973725", "]C100003123450000000012",
                                  "https://id.gs1.org/01/00301234567897", "(01)00301234567897", "00301234567897",
                                  "]E00300930104018", "]I110300930104013"])  # fmt: skip
def test_a_wrong_check_digit_is_refused_wherever_it_stands(scan):
    assert read(scan) == Barcode("error", error="check_digit")


@pytest.mark.parametrize("place", range(14))
def test_any_single_misread_digit_of_a_gtin_is_noticed(place):
    right = "00301234567896"
    for digit in set("0123456789") - {right[place]}:
        assert read("]d201" + right[:place] + digit + right[place + 1 :]).error == "check_digit"


@pytest.mark.parametrize("scan", ["", " ", "\r\n", "\x1d", "]d2", "]C1\x1d", "]E0\r\n", "]C0"])
def test_nothing_is_no_code(scan):
    assert read(scan).error == "empty"


def test_one_place_cannot_say_two_things():
    assert read("]d210A\x1d10B").error == "conflict"
    assert read("]d2" + GTIN + "0100363323002107").error == "conflict"
    assert read("(10)A(10)B").error == "conflict"
    assert read("]d210A\x1d10A").lot == "A"


@pytest.mark.parametrize("prefix", ["]C0", "]d1", "]Q1", "]Q0", "]A0", "]L0", "]z0"])
def test_a_plain_symbol_is_one_of_our_own_codes_whatever_it_looks_like(prefix):
    for text in ("RX00731942-1", "300930104015", GTIN, "17261123"):
        assert read(prefix + text) == Barcode("other", text=text)


@pytest.mark.parametrize("text", ["RX00731942-1", "TRAY-0042", "4 East", "123456", "17261123", "0512", "12B", "Zoë"])
def test_without_a_prefix_our_own_codes_and_numbers_stay_what_they_are(text):
    assert read(text) == Barcode("other", text=text)


@pytest.mark.parametrize(
    "scan",
    ["0100301234567896172611", "0100301234567896\x1d05999", "10A\x1d1", "]d2HELLO", "]E0ABC", "]E0123",
     "]E0" + "1" * 14,
     "]d230", "]d210\x1d21X", "]d2" + GTIN + "30", FULL_WIDTH, "]d210\u00e4", "(10)", "(0A)x", "()", "(10)AB(C)D",
     "(9)X", "]d2" + "A" * 2000, "X" * 2000],
)  # fmt: skip
def test_damaged_text_is_malformed(scan):
    assert read(scan).error == "malformed"


def test_typed_text_may_have_blanks_but_loses_nothing():
    code = read(" (01) 0030 1234 5678 96 (17) 261123 (10) A7B3C ")
    assert (code.gtin14, code.expiry, code.lot) == ("00301234567896", date(2026, 11, 23), "A7B3C")


@pytest.mark.parametrize("prefix", ["", "]Q1", "]d1", "]Q3", "]d2"])
def test_a_digital_link_is_gs1_in_any_symbol(prefix):
    code = read(prefix + "https://example.com/some/path/01/00301234567896/10/A%2F7?17=261123&21=S1")
    assert (code.kind, code.gtin14, code.lot, code.serial) == ("gs1", "00301234567896", "A/7", "S1")
    assert code.expiry == date(2026, 11, 23)


@pytest.mark.parametrize("scan", ["https://example.com/leaflet", "http://[", "]Q1https://example.com/?q=1"])
def test_any_other_address_is_not_ours_to_read(scan):
    assert read(scan) == Barcode("other", text=scan.removeprefix("]Q1"))


@pytest.mark.parametrize("character", ["|", "^", "~", "\x1e"])
def test_a_scanner_may_send_another_character_for_the_separator(character):
    code = read(f"]d2{GTIN}10A7{character}21X", separators=character + "\x1d")
    assert (code.lot, code.serial) == ("A7", "X")


def test_without_the_setting_a_replaced_separator_is_not_guessed():
    assert read(f"]d2{GTIN}10A7|21X").error == "malformed"


# --- days and years ---


@pytest.mark.parametrize(
    ("ai", "value"),
    [("17", "260230"), ("17", "270229"), ("11", "261131"), ("15", "260431"), ("17", "260000"), ("7003", "2613231830"),
     ("7003", "2611232460"), ("7003", "2611232400"), ("7003", "2602301200")],
)  # fmt: skip
def test_a_day_outside_the_calendar_is_a_bad_date(ai, value):
    assert read(f"]d2{ai}{value}").error == "bad_date"


@pytest.mark.parametrize(
    ("value", "expiry"), [("270200", "2027-02-28"), ("280200", "2028-02-29"), ("271200", "2027-12-31")]
)
def test_day_zero_is_the_last_of_the_month(value, expiry):
    assert read(f"]d2{GTIN}17{value}").expiry == date.fromisoformat(expiry)


def test_of_two_expiries_the_earlier_counts():
    assert read("]d21726112370032611221830").expiry == date(2026, 11, 22)


@given(st.dates(min_value=date(1980, 1, 1), max_value=date(2400, 1, 1)), st.integers(min_value=0, max_value=99))
def test_a_two_digit_year_lies_from_49_back_to_50_ahead(today, two_digits):
    year = full_year(two_digits, today)
    assert year % 100 == two_digits
    assert today.year - 49 <= year <= today.year + 50


def test_the_century_turns_with_today_and_not_with_the_computer():
    assert read("]d217751231", date(2026, 1, 1)).expiry == date(2075, 12, 31)
    assert read("]d217771231", date(2026, 1, 1)).expiry == date(1977, 12, 31)
    assert read("]d217771231", date(2027, 1, 1)).expiry == date(2077, 12, 31)


# --- products ---


@pytest.mark.parametrize(
    ("gtin14", "ndc10"),
    [("00301234567896", "0123456789"), ("50303380049047", "0338004904"), ("04015630987658", None),
     ("03001234567893", None)],
)  # fmt: skip
def test_the_drug_code_lies_inside_a_us_product_number(gtin14, ndc10):
    assert ndc10_of(gtin14) == ndc10


def test_every_error_has_words_for_the_person_at_the_hood():
    errors = {vector["expected"]["error"] for vector in VECTORS} - {None}
    assert errors == set(WORDS)
    assert all(words.endswith(".") for words in WORDS.values())


# --- any text at all ---

LETTERS = list("0123456789ABCz()]d2CEQ/:.-+#%?=&\x1d\r\n\x00\u00e4\uff11 ")
ALPHABET = st.sampled_from([*LETTERS, "01", "17", "10", "http://", GTIN])


@given(st.lists(ALPHABET, max_size=40).map("".join) | st.text(max_size=60))
def test_any_text_is_read_or_refused_and_never_raises(scan):
    code = read(scan)
    assert (code.error is not None) == (code.kind == "error")
    assert (code.text is not None) == (code.kind == "other")
    assert bool(code.ais) == (code.kind == "gs1")
    assert code.gtin14 is None or re.fullmatch("[0-9]{14}", code.gtin14)


@given(
    st.text(alphabet="ABCabc019-_./", min_size=1, max_size=20),
    st.text(alphabet="XYZ789", min_size=1, max_size=20),
    st.dates(min_value=date(2026, 1, 1), max_value=date(2075, 12, 31)),
)
def test_what_was_encoded_is_what_is_read_in_any_order_and_form(lot, serial, expiry):
    day = expiry.strftime("%y%m%d")
    forms = [
        f"]d2{GTIN}17{day}10{lot}\x1d21{serial}",
        f"{GTIN}21{serial}\x1d10{lot}\x1d17{day}\r\n",
        f"]C110{lot}\x1d21{serial}\x1d17{day}{GTIN}",
        f"(01){GTIN[2:]}(17){day}(10){lot}(21){serial}",
    ]
    codes = [read(form) for form in forms]
    assert all(code == codes[0] for code in codes)
    assert (codes[0].lot, codes[0].serial, codes[0].expiry) == (lot, serial, expiry)
