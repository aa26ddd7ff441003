"""What may stand on a label and what may not; serials; texts that do not fit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.error_prone import ENTRIES, in_safe_words
from app.core.errors import Refused
from app.labels.content import Ingredient
from app.labels.dispense import CODE128, DISPENSE, INGREDIENTS, MATRIX, RULES, SERIAL
from app.labels.dispense import boxes as boxes_of
from app.labels.kinds import texts
from app.labels.layout import CAPITAL, Box, matrix_modules, text_width, wrap
from app.labels.problems import problems
from app.labels.render import render
from app.labels.serial import is_serial, new_serial, typed_serial
from tests.app.labels.bench import LABEL, OLD_SERIAL, THREE, TWO, with_drug

SIX = st.binary(min_size=6, max_size=6)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


# --- serials ---


@given(SIX)
def test_a_new_serial_is_a_serial(random_bytes):
    serial = new_serial(random_bytes)
    assert is_serial(serial)
    assert len(serial) == 12
    assert not set(serial[2:]) & set("ILOU")


@given(SIX, st.integers(2, 11), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(random_bytes, place, letter):
    serial = new_serial(random_bytes)
    wrong = serial[:place] + letter + serial[place + 1 :]
    assert is_serial(wrong) == (wrong == serial)


@given(SIX, st.integers(2, 10))
def test_two_neighbours_swapped_are_noticed(random_bytes, place):
    serial = new_serial(random_bytes)
    wrong = serial[:place] + serial[place + 1] + serial[place] + serial[place + 2 :]
    assert is_serial(wrong) == (wrong == serial)


@pytest.mark.parametrize(
    "text", ["", "L-", "L-0000000001", "L-000000000", "l-0000000000", "L-0000000000\n", "X-0000000000"]
)
def test_anything_else_is_no_serial(text):
    assert not is_serial(text)


def test_different_randomness_gives_different_serials():
    assert len({new_serial(number.to_bytes(6, "big")) for number in range(1000)}) == 1000


def test_too_little_randomness_is_refused():
    with pytest.raises(ValueError, match="6 random bytes"):
        new_serial(b"12345")


@given(SIX)
def test_a_typed_serial_forgives_small_letters_and_look_alikes(random_bytes):
    serial = new_serial(random_bytes)
    assert typed_serial(serial.lower()) == serial
    assert typed_serial(" " + serial[2:7] + " " + serial[7:]) == serial
    assert typed_serial(serial.replace("1", "I").replace("0", "O")) == serial
    assert typed_serial("L" + serial[2:].replace("1", "l")) == serial


# --- what may be printed ---


@pytest.mark.parametrize("label", [LABEL, TWO, THREE], ids=["one drug", "two", "three"])
def test_an_honest_label_has_no_problem(label):
    assert problems(label) == ()


@pytest.mark.parametrize(
    "field",
    [
        "patient_name",
        "mrn",
        "unit_bed",
        "route",
        "beyond_use",
        "storage",
        "prepared_by",
        "order_number",
    ],
)
def test_a_label_without_it_is_refused(field):
    assert any(
        "The label has no" in problem for problem in problems(replace(LABEL, **{field: " \N{ZERO WIDTH SPACE}"}))
    )


@pytest.mark.parametrize(
    ("label", "nth", "field", "words"),
    [
        (LABEL, 0, "drug", "The label has no drug."),
        (LABEL, 0, "amount", "The label has no ordered amount."),
        (TWO, 1, "drug", "The label has no name for drug 2."),
        (THREE, 2, "amount", "The label has no ordered amount for drug 3."),
    ],
)
def test_every_drug_of_a_label_has_its_name_and_its_amount(label, nth, field, words):
    (problem,) = problems(with_drug(label, nth, **{field: " \N{ZERO WIDTH SPACE}"}))
    assert problem.startswith(words)


def test_a_label_without_any_drug_is_refused():
    assert problems(replace(LABEL, ingredients=()))[0].startswith("The label has no drug.")


def test_more_than_three_drugs_are_refused_in_words():
    four = replace(THREE, ingredients=(*THREE.ingredients, Ingredient("thiamine", "100 mg")))
    assert problems(four) == (
        "The label has room for 3 drugs and this dose has 4. Set it aside and ask a pharmacist: it must be made as "
        "two bags, each with its own label.",
    )


def test_each_amount_stands_in_the_row_of_its_drug():
    written = texts(THREE)
    for nth, ingredient in enumerate(THREE.ingredients, 1):
        assert written[f"drug {nth}"] == ingredient.drug
        assert written[f"amount {nth}"] == ingredient.amount
        assert written[f"concentration {nth}"] == ingredient.concentration


def test_a_concentration_that_can_not_be_said_is_left_out():
    written = texts(with_drug(TWO, 0, concentration=""))
    assert "concentration 1" not in written
    assert written["concentration 2"] == "2 mg/mL"


def test_the_drawn_volume_of_a_single_drug_stands_beside_the_total():
    assert texts(with_drug(LABEL, volume="20 mL"))["total"] == "Total volume 250 mL, drug volume 20 mL"


def test_drawn_volumes_of_several_drugs_are_refused_not_left_out():
    (problem,) = problems(with_drug(TWO, 1, volume="4 mL"))
    assert "no room for the volume of each" in problem


@pytest.mark.parametrize("name", ["ARMSTRONG, Jane", "Ångström-Łukasiewicz-Montgomery, Zoë Maximiliane", "O^FS^XZ~JA"])
def test_a_name_takes_up_to_two_lines(name):
    lines = wrap(name, DISPENSE["patient"])
    assert lines is not None
    assert len(lines) <= 2
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")
    assert problems(replace(LABEL, patient_name=name)) == ()


@pytest.mark.parametrize(
    "name", ["WOLFESCHLEGELSTEINHAUSENBERGERDORFF-MONTGOMERY-WARWICKSHIRE, Hubert Maximilian", "W" * 60]
)
def test_a_name_that_needs_more_is_refused_in_words_and_never_shrunk(name):
    (problem,) = problems(replace(LABEL, patient_name=name))
    assert "too long for 2 lines" in problem
    assert name in problem


@pytest.mark.parametrize("field", ["diluent", "rate", "due", "beyond_use", "storage", "hospital"])
def test_an_overlong_text_is_refused_in_words(field):
    assert any("too long" in problem for problem in problems(replace(LABEL, **{field: "overlong text " * 12})))


@pytest.mark.parametrize("label", [LABEL, TWO, THREE], ids=["one drug", "two", "three"])
@pytest.mark.parametrize("field", ["drug", "amount", "concentration"])
def test_an_overlong_text_of_any_drug_is_refused_in_words(label, field):
    for nth in range(len(label.ingredients)):
        (problem,) = problems(with_drug(label, nth, **{field: "overlong text " * 5}))
        assert "too long for one line" in problem


def test_names_that_share_a_label_are_not_joined():
    joined = " + ".join(ingredient.drug for ingredient in TWO.ingredients)
    assert problems(with_drug(LABEL, drug=joined))


@pytest.mark.parametrize(
    "drug", ["potassium chloride", "potassium phosphates", "sodium bicarbonate", "calcium gluconate", "insulin regular",
             "methylPREDNISolone", "multivitamin, adult", "ascorbic acid", "levOCARNitine", "dexamethasone"],
)  # fmt: skip
@pytest.mark.parametrize("amount", ["1,000 mg", "20,000 units", "12.5 mg", "37.5 mmol", "1,250 mcg"])
def test_the_additives_of_a_pharmacy_have_room_in_every_row(drug, amount):
    for label in (TWO, THREE):
        for nth in range(len(label.ingredients)):
            assert problems(with_drug(label, nth, drug=drug, amount=amount, concentration="about 0.0267 mEq/mL")) == ()


@pytest.mark.parametrize("letter", ["李", "Ж", "א", "\N{GRINNING FACE}", "µg±√"[3]])
def test_a_letter_the_printer_cannot_draw_is_refused(letter):
    (problem,) = problems(replace(LABEL, patient_name=f"ARM{letter}STRONG, Jane"))
    assert "cannot draw" in problem
    assert letter in problem


@pytest.mark.parametrize(
    ("amount", "words"),
    [("1.0 mg", "trailing zero"), ("2.50 mg", "trailing zero"), (".5 mg", "lacks the zero"), ("500 µg", "mcg"),
     ("500 μg", "mcg"), ("10 U", "units"), ("10 IU", "units"), ("5 cc", "mL")],
)  # fmt: skip
def test_an_error_prone_dose_is_refused(amount, words):
    assert any(words in problem for problem in problems(with_drug(LABEL, amount=amount)))
    assert any(words in problem for problem in problems(with_drug(THREE, 2, amount=amount)))
    assert any(words in problem for problem in problems(with_drug(TWO, 1, concentration=amount)))


@pytest.mark.parametrize("amount", ["0.5 mg", "1,000 mg", "10 units", "100 mcg", "1.05 mg", "10 mL"])
def test_a_well_written_dose_passes(amount):
    assert problems(with_drug(LABEL, amount=amount)) == ()
    assert problems(with_drug(THREE, 2, amount=amount)) == ()


@pytest.mark.parametrize("sample", [sample for entry in ENTRIES for sample in entry.samples])
def test_no_error_prone_text_is_ever_printed(sample):
    for label in (
        replace(LABEL, auxiliary=(f"Mind {sample}",)),
        replace(LABEL, rate=sample),
        with_drug(LABEL, volume=sample),
        with_drug(TWO, 1, drug=sample),
    ):
        assert any("may not be printed" in problem for problem in problems(label))
        with pytest.raises(Refused):
            render(label)


@pytest.mark.parametrize("sample", [sample for entry in ENTRIES for sample in entry.samples if entry.certain])
def test_what_is_surely_meant_is_printed_in_safe_words(sample):
    label = replace(LABEL, auxiliary=(in_safe_words(f"Mind {sample}"),))
    assert problems(label) == ()


def test_names_of_people_and_places_are_nobodys_abbreviation():
    label = replace(LABEL, patient_name="MS, Od", unit_bed="5W-AS-1", prepared_by="IN Hs", hospital="St. U & Q.D.")
    assert problems(label) == ()


def test_a_reprint_names_the_label_it_replaces():
    again = replace(LABEL, reprint=1, copy_of=OLD_SERIAL)
    assert problems(again) == ()
    assert texts(again)["reprint"] == "REPRINT 1"
    assert texts(again)["replaced"] == OLD_SERIAL
    assert problems(replace(LABEL, reprint=1))
    assert problems(replace(LABEL, copy_of=OLD_SERIAL))
    assert problems(replace(LABEL, reprint=1, copy_of="L-1234567891"))


def test_a_wrong_serial_is_refused():
    assert problems(replace(LABEL, serial="L-1234567891"))


@pytest.mark.parametrize(
    ("code", "kind", "fine"),
    [
        ("", "code128", True),
        ("", "anything", True),
        ("A" * 16, "code128", True),
        ("A" * 17, "code128", False),
        ("abc", "code128", False),
        ("A>8B", "code128", False),
        ("a b/c_^~", "datamatrix", True),
        ("0" * 44, "datamatrix", True),
        ("0" * 45, "datamatrix", False),
        ("A" * 36, "datamatrix", True),
        ("W" * 36, "datamatrix", False),
        ("A" * 200, "datamatrix", False),
        ("A|1B", "datamatrix", False),
        ("é", "datamatrix", False),
        ("A", "qr", False),
    ],
)
def test_a_bedside_code_must_fit_and_be_of_its_alphabet(code, kind, fine):
    assert (problems(replace(LABEL, bedside_code=code, bedside_kind=kind)) == ()) == fine


def test_the_high_alert_band_needs_words():
    assert "alert" not in texts(LABEL)
    assert texts(replace(LABEL, high_alert=True))["alert"] == "HIGH ALERT"
    assert problems(replace(LABEL, high_alert=True, high_alert_words=""))


def test_a_trial_label_says_test():
    assert "TEST" in texts(replace(LABEL, test=True))["hospital"]


# --- the layout ---


DRUGS = pytest.mark.parametrize("drugs", sorted(INGREDIENTS))


def boxes(drugs: int) -> dict[str, Box]:
    return boxes_of({1: LABEL, 2: TWO, 3: THREE}[drugs])


def _places(drugs: int, without: set[str]) -> dict[str, tuple[int, int, int, int]]:
    texts = {name: (box.x, box.y, box.x + box.width, box.y + box.height) for name, box in boxes(drugs).items()}
    rules = {f"rule at {y}": (25, y, 855, y + 1) for y in RULES[drugs]}
    codes = {
        symbol.what: (symbol.x, symbol.y, symbol.x + symbol.width, symbol.y + symbol.height)
        for symbol in (SERIAL, MATRIX, CODE128)
    }
    return {name: place for name, place in (texts | rules | codes).items() if name not in without}


@DRUGS
@pytest.mark.parametrize("without", [{CODE128.what, "bedside"}, {MATRIX.what, "ward", "ward_caption", "ward_code"}])
def test_no_two_places_overlap_and_all_lie_inside_the_label(without, drugs):
    places = list(_places(drugs, without).items())
    for nth, (name, (left, top, right, bottom)) in enumerate(places):
        assert left >= 20, name
        assert top >= 10, name
        assert right <= 1000, name
        assert bottom <= 750, name
        for other, (left2, top2, right2, bottom2) in places[nth + 1 :]:
            assert right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top, (name, other)


@DRUGS
def test_no_capital_is_smaller_than_two_millimetres(drugs):
    assert all(box.type * CAPITAL >= 20 for box in boxes(drugs).values())


@DRUGS
def test_no_diluent_is_larger_than_its_drugs(drugs):
    places = boxes(drugs)
    for nth in range(1, drugs + 1):
        assert places[f"drug {nth}"].type == places[f"amount {nth}"].type > places["diluent"].type


@pytest.mark.parametrize("drugs", [2, 3])
def test_the_amounts_of_several_drugs_end_on_one_line_and_stand_in_their_rows(drugs):
    places = boxes(drugs)
    assert len({places[f"amount {nth}"].x + places[f"amount {nth}"].width for nth in range(1, drugs + 1)}) == 1
    for nth in range(1, drugs + 1):
        row = [places[f"{what} {nth}"] for what in ("drug", "amount", "concentration")]
        assert all(box.lines == 1 for box in row)
        baselines = [box.y + CAPITAL * box.type for box in row]
        assert max(baselines) - min(baselines) <= 0.5


def test_modules_are_large_enough_for_a_hand_scanner():
    for dots in (8, 12):
        assert SERIAL.module[dots] / dots >= 0.375 - 0.05
        assert MATRIX.module[dots] / dots >= 0.33
        assert CODE128.module[dots] / dots >= 0.25


def test_the_widest_serial_fits_wherever_a_serial_stands():
    for name in ("serial", "replaced"):
        assert wrap("L-" + "W" * 10, DISPENSE[name]) == ("L-" + "W" * 10,)


def test_a_number_is_never_parted_from_its_unit():
    box = Box("a trial", 0, 0, text_width("give at most 250", 30), 30, lines=2)
    assert wrap("give at most 250 mL", box) == ("give at most", "250 mL")


def test_a_word_longer_than_its_line_does_not_fit():
    assert wrap("incomprehensibility", Box("a trial", 0, 0, 100, 30, lines=9)) is None


@given(st.text(alphabet="ABC xyz-,", min_size=1, max_size=60))
def test_every_line_of_a_wrapped_text_fits(text):
    for name in ("patient", "auxiliary"):
        box = DISPENSE[name]
        lines = wrap(text, box)
        if lines is not None:
            assert len(lines) <= box.lines
            assert all(text_width(line, box.type) <= box.width for line in lines)
            assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_matrix_grows_with_its_text():
    assert [matrix_modules(length) for length in (1, 12, 13, 44, 144)] == [10, 16, 18, 26, 44]
    with pytest.raises(ValueError, match="too many"):
        matrix_modules(145)
