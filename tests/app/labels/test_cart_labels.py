"""The labels of the cart room: what stands on each, what is refused, and what a scanner and a reader see."""

import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.error_prone import ENTRIES
from app.core.errors import Refused
from app.core.look_alikes import SETS
from app.core.wording import tall_man
from app.labels.content import Content, DoseLabel
from app.labels.kind import SQUARE
from app.labels.kinds import kind_of, texts
from app.labels.layout import BAND_ABOVE, BAND_BELOW, CAPITAL, LEAST_TYPE
from app.labels.media import in_dots
from app.labels.problems import problems
from app.labels.render import lines, render
from app.labels.zpl import audit_job, commands
from tests.app.labels.bench import (
    CART_LABELS,
    COLD,
    DOSE,
    DRAWER_LABEL,
    FLAG_LABEL,
    HALF,
    OLD_SERIAL,
    SERIAL,
    SYRINGE,
    TALL_LABEL,
    TOTE_LABEL,
    Read,
    ink_stays_in_place,
    picture,
    scanned,
    written,
)

GOLDEN = Path(__file__).parent / "golden"
BOTH = pytest.mark.parametrize("dots", [8, 12])
EVERY = pytest.mark.parametrize("label", CART_LABELS.values(), ids=CART_LABELS)
FOR_A_PATIENT = {name: label for name, label in CART_LABELS.items() if name != "tote"}
PATIENTS = pytest.mark.parametrize("label", FOR_A_PATIENT.values(), ids=FOR_A_PATIENT)
DOSES = {name: label for name, label in CART_LABELS.items() if isinstance(label, DoseLabel)}
OF_A_DOSE = pytest.mark.parametrize("label", DOSES.values(), ids=DOSES)
SAMPLES = [sample for entry in ENTRIES for sample in entry.samples]
LONG_NAME = "WOLFESCHLEGELSTEINHAUSENBERGERDORFF-MONTGOMERY-WARWICKSHIRE, Hubert Maximilian"
HARD_NAMES = ["O^FS^XZ~JA", "Zoë Ångström-Łukasiewicz"]


def shown(label):
    """A label's words as they are printed, without the blanks at which lines broke."""
    return "".join("".join(written(render(label))).split())


def again(label):
    return replace(label, reprint=1, copy_of=OLD_SERIAL)


def in_test(label):
    return replace(label, test=True)


# --- what is meant is what is seen ---


@EVERY
def test_an_honest_label_has_no_problem(label):
    assert problems(label) == ()


@BOTH
@EVERY
@pytest.mark.parametrize("variant", [lambda label: label, again, in_test, lambda label: again(in_test(label))])
def test_a_scanner_reads_what_was_meant(label, variant, dots):
    label = variant(label)
    meant = {
        Read("]d2" if code.how == "gs1" else "]d1", code.text.encode()) for code in kind_of(label).codes(label)
    }
    image = picture(render(label, dots), dots, kind_of(label).media)
    assert scanned(image) == meant


@pytest.mark.parametrize(
    ("label", "size"),
    [
        (DOSE, {8: (457, 254), 12: (675, 375)}), (FLAG_LABEL, {8: (812, 102), 12: (1200, 150)}),
        (COLD, {8: (812, 609), 12: (1200, 900)}), (DRAWER_LABEL, {8: (812, 609), 12: (1200, 900)}),
        (TALL_LABEL, {8: (812, 1218), 12: (1200, 1800)}), (TOTE_LABEL, {8: (812, 609), 12: (1200, 900)}),
    ],
)  # fmt: skip
def test_every_label_has_the_size_of_its_stock(label, size):
    for dots, (width, length) in size.items():
        assert f"^PW{width}^LL{length}^".encode() in render(label, dots)


@PATIENTS
def test_the_patient_is_bold_and_named_by_two_identifiers(label):
    fields = written(render(label))
    assert fields.count("ARMSTRONG, Jane") == 2
    assert any("MRN 00123456" in field for field in fields)
    if label is not FLAG_LABEL:
        assert any("born 03-Feb-1961" in field for field in fields)


@PATIENTS
def test_the_location_says_that_it_is_where_the_patient_was_when_printed(label):
    if label is not FLAG_LABEL:
        fields = " ".join(written(render(label)))
        assert "7W-712-A" in fields
        assert "at print" in fields


@OF_A_DOSE
def test_the_dose_stands_before_its_volume_and_the_due_time_has_its_date(label):
    words = texts(replace(label, dose="160 mg", volume="5 mL"))
    assert words["dose"] == "160 mg (5 mL)"
    assert words["due"].lower() == "due 04-dec-2026 08:00"


def test_half_a_tablet_is_said_in_words_on_a_black_ground():
    box = kind_of(HALF).boxes(HALF)["give"]
    assert box.band
    assert texts(HALF)["give"] == "Give half tablet of 25 mg"
    assert any("words for how" in problem for problem in problems(replace(HALF, give="")))


@pytest.mark.parametrize("label", [SYRINGE, FLAG_LABEL], ids=["label", "flag"])
def test_an_oral_syringe_says_that_it_is_for_the_mouth_only(label):
    assert "ORAL ONLY" in texts(label).values()


@pytest.mark.parametrize("label", [SYRINGE, FLAG_LABEL], ids=["label", "flag"])
@pytest.mark.parametrize("route", ["IV", "IV push", "subcut", "inhaled"])
def test_an_oral_syringe_is_never_labelled_for_another_way(label, route):
    assert any("for the mouth only" in problem for problem in problems(replace(label, route=route)))


def test_a_flag_prints_nothing_on_its_tail_and_keeps_its_faces():
    for dots in (8, 12):
        image = picture(render(FLAG_LABEL, dots), dots, kind_of(FLAG_LABEL).media)
        tail = image.crop((in_dots(386, dots), 0, in_dots(630, dots), image.height))
        assert set(tail.tobytes()) == {255}
        faces = {code.place.what: code.place for code in kind_of(FLAG_LABEL).codes(FLAG_LABEL)}
        assert all(place.x + place.width <= 381 or place.x >= 635 for place in faces.values())


def test_the_banner_and_the_high_alert_share_one_band():
    assert texts(COLD)["alert"] == "REFRIGERATE   HIGH ALERT"
    assert kind_of(COLD).boxes(COLD)["alert"].band


def test_a_tote_is_scanned_by_its_own_code_and_still_has_a_serial():
    assert scanned(picture(render(TOTE_LABEL))) == {Read("]d1", b"TOTE-07")}
    assert SERIAL in written(render(TOTE_LABEL))


def test_a_list_that_was_left_out_is_said_to_be():
    assert "Scan this label to see it." in " ".join(written(render(replace(TALL_LABEL, contents=()))))


def test_a_list_needs_the_tall_label():
    assert any("Print it as 4 × 6" in each for each in problems(replace(TALL_LABEL, tall=False)))


def test_a_list_that_has_no_room_is_refused_and_never_cut():
    many = replace(TALL_LABEL, contents=TALL_LABEL.contents * 4)
    assert any("has no room" in problem for problem in problems(many))


# --- marks ---


@EVERY
def test_a_reprint_says_so_and_names_the_label_it_replaces(label):
    copy = again(label)
    assert problems(copy) == ()
    assert "REPRINT1" in shown(copy)
    if label is not FLAG_LABEL:
        assert OLD_SERIAL in shown(copy)
    assert "REPRINT" not in shown(label)
    assert problems(replace(label, reprint=1))


@EVERY
def test_a_trial_label_says_test(label):
    assert "TEST" in shown(in_test(label))
    assert "TEST" not in shown(label)


# --- what is refused ---


@PATIENTS
@pytest.mark.parametrize("field", ["patient_name", "mrn", "unit_bed"])
def test_a_label_without_it_is_refused(label, field):
    assert any("The label has no" in each for each in problems(replace(label, **{field: " \N{ZERO WIDTH SPACE}"})))


@OF_A_DOSE
@pytest.mark.parametrize("field", ["drug", "dose", "route", "due", "use_by", "prepared_by"])
def test_a_dose_without_it_is_refused(label, field):
    assert any("The label has no" in each for each in problems(replace(label, **{field: ""})))


@OF_A_DOSE
def test_more_than_two_auxiliary_texts_are_refused(label):
    assert any("2 auxiliary texts at most" in each for each in problems(replace(label, auxiliary=("A", "B", "C"))))


@OF_A_DOSE
@pytest.mark.parametrize("field", ["dose", "drug"])
def test_no_error_prone_text_is_ever_printed(label, field):
    for sample in SAMPLES:
        wrong = replace(label, **{field: sample})
        assert any("may not be printed" in problem for problem in problems(wrong)), sample
        with pytest.raises(Refused):
            render(wrong)


def test_no_error_prone_text_gets_into_a_list_or_onto_a_tote():
    for sample in SAMPLES:
        listed = replace(TALL_LABEL, contents=(Content(f"metFORMIN {sample}", "by mouth", "08:00"),))
        assert any("may not be printed" in problem for problem in problems(listed)), sample
        assert any("may not be printed" in each for each in problems(replace(TOTE_LABEL, holds=(sample,)))), sample


@pytest.mark.parametrize("names", [each.names for each in SETS], ids="-".join)
def test_look_alike_names_are_printed_apart(names):
    drawn = [written(render(replace(DOSE, drug=tall_man(name.lower())))) for name in names]
    for name, fields in zip(names, drawn, strict=True):
        assert name in fields
    assert len({tuple(fields) for fields in drawn}) == len(names)


@EVERY
@pytest.mark.parametrize("code", ["A" * 60, "A|1B", "é"])
def test_a_bedside_code_that_can_not_be_read_back_is_refused(label, code):
    if isinstance(label, DoseLabel):
        assert problems(replace(label, bedside_code=code))


@pytest.mark.parametrize("code", ["0100300937370011", "01003009373700", DOSE.bedside_code[:24] + "17270230", "99"])
def test_a_product_code_that_no_reader_would_take_is_refused(code):
    assert any("read back" in problem for problem in problems(replace(DOSE, bedside_code=code)))


def test_bars_have_no_place_on_the_small_label():
    assert problems(replace(DOSE, bedside_code="010030093737001", bedside_kind="code128"))


def test_a_label_that_prints_can_be_printed_again():
    crowded = replace(
        DOSE, patient_name="Ångström-Łukasiewicz, Zoë Maximiliane", drug="sulfamethoxazole-trimethoprim forte",
        high_alert=True,
    )  # fmt: skip
    for label in (crowded, replace(crowded, auxiliary=()), replace(crowded, give="")):
        assert bool(problems(label)) == bool(problems(again(label)))


# --- hostile names, and any text at all ---


@BOTH
@PATIENTS
@pytest.mark.parametrize("name", HARD_NAMES)
def test_a_difficult_patient_prints_as_text(label, name, dots):
    job = render(replace(label, patient_name=name), dots)
    assert job.isascii()
    assert "".join(name.split()) in "".join("".join(written(job)).split())
    assert [command.name for command in commands(job)].count("XA") == 1
    assert len(scanned(picture(job, dots, kind_of(label).media))) == len(kind_of(label).codes(label))


@PATIENTS
def test_a_name_that_has_no_room_is_refused_in_words_and_never_shrunk_beyond_reading(label):
    (problem, *_) = problems(replace(label, patient_name=LONG_NAME))
    assert "too long" in problem or "no room" in problem


TEXT = st.lists(
    st.sampled_from(
        ["^XA", "^XZ", "~JA", "^FS", "_", "\\&", "! U1 ", "\x02", "\n", "é", "{{", "Ångström-Łukasiewicz",
         "half tablet", "metoprolol", "levETIRAcetam", "1,000 mg", "7.5 mL", "by mouth", "Wyttenbach",
         "W" * 9, "i", " "]
    )
    | st.characters(codec="utf-8"),
    max_size=6,
).map(" ".join)  # fmt: skip
LABELS = st.sampled_from(list(DOSES.values()))


@settings(max_examples=150, deadline=None)
@given(LABELS, TEXT, TEXT, TEXT, TEXT, TEXT, st.booleans(), st.booleans())
def test_any_text_is_printed_whole_or_refused(label, name, drug, dose, give, note, high_alert, test):
    label = replace(
        label, patient_name=name, drug=drug, dose=dose, give=give, auxiliary=(note,), high_alert=high_alert, test=test
    )
    if problems(label):
        with pytest.raises(Refused):
            render(label)
        return
    job = render(label)
    audit_job(job)
    printed = lines(label)
    whole = "".join("".join(line.text for line in printed).split())
    for text in texts(label).values():
        assert "".join(text.split()) in whole
    assert all(line.type >= LEAST_TYPE for line in printed)
    assert all(line.x >= 0 and line.y >= 0 for line in printed)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=14), TEXT)
def test_any_list_is_printed_whole_or_refused(rows, elsewhere):
    label = replace(TALL_LABEL, contents=tuple(Content(*row) for row in rows), elsewhere=(elsewhere,))
    if problems(label):
        with pytest.raises(Refused):
            render(label)
        return
    whole = "".join("".join(line.text for line in lines(label)).split())
    for text in texts(label).values():
        assert "".join(text.split()) in whole


# --- the layout ---


def places(label):
    """Every place of a label's texts, bands and codes that are printed, as left, top, right, bottom."""
    boxes = kind_of(label).boxes(label)
    found = {}
    for name in texts(label):
        box = boxes[name]
        above, below = (BAND_ABOVE, BAND_BELOW) if box.band else (0, 0)
        found[name] = (box.x, box.y - above, box.x + box.width, box.y + box.height + below)
    for code in kind_of(label).codes(label):
        place = code.place
        found[place.what] = (place.x, place.y, place.x + place.width, place.y + place.height)
    return found


@EVERY
@pytest.mark.parametrize("variant", [lambda label: label, again, in_test])
def test_no_two_places_overlap_and_all_lie_inside_the_label(label, variant):
    label = variant(label)
    width, length = kind_of(label).media.tenths
    found = list(places(label).items())
    for nth, (name, (left, top, right, bottom)) in enumerate(found):
        assert left >= 10, name
        assert top >= 2, name
        assert right <= width - 5, name
        assert bottom <= length - 2, name
        for other, (left2, top2, right2, bottom2) in found[nth + 1 :]:
            assert right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top, (name, other)


@EVERY
def test_no_capital_is_smaller_than_two_millimetres(label):
    assert all(box.type * CAPITAL >= 20 for box in kind_of(label).boxes(label).values())


@EVERY
def test_modules_are_large_enough_for_a_hand_scanner(label):
    for code in kind_of(label).codes(label):
        assert code.how in SQUARE
        assert code.place.module[8] / 8 >= 0.375
        assert code.place.module[12] / 11.811 >= 0.338


@BOTH
@EVERY
def test_every_text_stays_in_its_box(label, dots):
    ink_stays_in_place(label, dots)


@BOTH
@pytest.mark.parametrize("label", [DOSE, FLAG_LABEL, COLD, DRAWER_LABEL], ids=["small", "flag", "bag", "drawer"])
def test_the_widest_texts_stay_in_their_boxes(label, dots):
    wide = replace(label, patient_name="WWWWWWWWW-WWWWWWWWW, Mm", unit_bed="WMWM-MWM")
    assert problems(wide) == ()
    ink_stays_in_place(wide, dots)


@BOTH
@pytest.mark.parametrize("label", [HALF, SYRINGE, replace(DOSE, high_alert=True)], ids=["half", "syringe", "alert"])
def test_no_black_ground_touches_a_letter_of_another_row(label, dots):
    rows = sorted((top, bottom) for top, bottom in {(line.y, line.y + line.type) for line in lines(label)})
    assert all(above[0] < below[0] for above, below in pairwise(rows))
    ground = [box for box in kind_of(label).boxes(label).values() if box.band]
    assert ground
    for box in ground:
        for line in lines(label):
            beside = line.x + line.width <= box.x - 5 or line.x >= box.x + box.width + 5
            above = line.y + line.type <= box.y - BAND_ABOVE or line.y >= box.y + box.height + BAND_BELOW
            assert line.band or beside or above, (box.what, line.text)


def test_a_small_label_takes_the_largest_type_that_fits():
    little = replace(DOSE, give="", auxiliary=(), bedside_code="")
    crowded = replace(DOSE, patient_name="Ångström-Łukasiewicz, Zoë Maximiliane")
    largest, smaller = (kind_of(label).boxes(label)["patient"].type for label in (little, crowded))
    assert largest == 36
    assert LEAST_TYPE <= smaller < largest


@BOTH
@pytest.mark.parametrize("name", CART_LABELS)
def test_the_bytes_are_those_last_looked_at(name, dots):
    """A change of the layout shows here; look at the picture, then write anew with LAMINAR_WRITE_GOLDEN=1."""
    kept = GOLDEN / f"{name}-{dots}.zpl"
    if os.environ.get("LAMINAR_WRITE_GOLDEN"):
        kept.write_bytes(render(CART_LABELS[name], dots))
    assert render(CART_LABELS[name], dots) == kept.read_bytes()
