"""A label from its words to what a scanner and a reader see, on both sizes of printer."""

import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageChops, ImageOps

from app.core.errors import Refused
from app.labels.dispense import DISPENSE, RULES
from app.labels.layout import text_width
from app.labels.media import in_dots
from app.labels.problems import problems
from app.labels.render import render
from app.labels.serial import new_serial
from app.labels.zpl import audit_job, commands
from tests.app.labels.bench import (
    LABEL,
    OLD_SERIAL,
    SERIAL,
    THREE,
    TWO,
    Read,
    ink_stays_in_place,
    picture,
    scanned,
    with_drug,
    written,
)

GOLDEN = Path(__file__).parent / "golden"
FULL = replace(
    with_drug(LABEL, volume="20 mL"),
    high_alert=True,
    test=True,
    reprint=1,
    copy_of=OLD_SERIAL,
    bedside_kind="datamatrix",
)
BOTH = pytest.mark.parametrize("dots", [8, 12])


@BOTH
@pytest.mark.parametrize("label", [LABEL, FULL, TWO, THREE], ids=["plain", "everything", "two", "three"])
def test_a_scanner_reads_what_was_meant(label, dots):
    bedside = Read("]C0" if label.bedside_kind == "code128" else "]d1", b"RX00731942-1")
    assert scanned(picture(render(label, dots), dots)) == {Read("]d1", SERIAL.encode()), bedside}


@BOTH
@pytest.mark.parametrize(
    ("code", "kind", "symbology"),
    [
        ("A" * 16, "code128", "]C0"),
        ("Z-9", "code128", "]C0"),
        ("Qz" * 18, "datamatrix", "]d1"),
        ("a_^~b 5E", "datamatrix", "]d1"),
    ],
)
def test_the_longest_and_the_oddest_bedside_codes_are_read_back(code, kind, symbology, dots):
    label = replace(LABEL, bedside_code=code, bedside_kind=kind)
    assert Read(symbology, code.encode()) in scanned(picture(render(label, dots), dots))


@pytest.mark.parametrize("seed", range(12))
def test_every_serial_is_read_back(seed):
    serial = new_serial(bytes([seed * 19 % 256, seed * 7, 255 - seed, seed, seed * 3, seed * 11]))
    label = replace(LABEL, serial=serial, bedside_code="")
    assert scanned(picture(render(label))) == {Read("]d1", serial.encode())}


@BOTH
@pytest.mark.parametrize("name", ["O^FS^XZ~JA", "Zoë Ångström-Łukasiewicz"])
def test_a_difficult_patient_prints_as_text(name, dots):
    job = render(replace(LABEL, patient_name=name), dots)
    assert job.isascii()
    assert name in " ".join(written(job))
    assert [command.name for command in commands(job)].count("XA") == 1
    assert scanned(picture(job, dots)) == {Read("]d1", SERIAL.encode()), Read("]C0", b"RX00731942-1")}


def test_accents_are_utf_8_under_ci28():
    job = render(replace(LABEL, patient_name="Zoë Ångström-Łukasiewicz"))
    assert job.startswith(b"^XA\n^CI28\n")
    assert b"Zo_C3_AB _C3_85ngstr_C3_B6m-_C5_81ukasiewicz" in job


HOSTILE = st.lists(
    st.sampled_from(["^XA", "^XZ", "~JA", "^FS", "^FD", "_", "\\&", "! U1 ", "\x02", "\x03", "\n", "‮", "é", "{{", "%"])
    | st.characters(codec="utf-8"),
    max_size=6,
).map("".join)


@settings(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_hostile_texts_are_refused_or_printed_as_text(name, drug, note):
    label = with_drug(replace(TWO, patient_name=name, auxiliary=(note,), order_number=name), 1, drug=drug)
    if problems(label):
        with pytest.raises(Refused):
            render(label)
        return
    job = render(label)
    audit_job(job)
    expected = ["XA", "CI", "FX", "FS", "PW", "LL", "LH", "LS", "PO"]
    assert [command.name for command in commands(job)][:9] == expected


@pytest.mark.parametrize(
    "field", ["hospital", "patient_name", "mrn", "unit_bed", "diluent", "rate", "due", "beyond_use", "storage",
              "prepared_by", "made_at", "order_number", "route"]
)  # fmt: skip
def test_no_field_can_carry_a_command(field):
    job = render(replace(LABEL, **{field: "A^XZ~JA_"}))
    assert any("A^XZ~JA_" in text for text in written(job))
    assert picture(job)


@pytest.mark.parametrize(
    ("label", "nth", "field"),
    [(LABEL, 0, field) for field in ("drug", "amount", "concentration", "volume")]
    + [(THREE, nth, field) for nth in range(3) for field in ("drug", "amount", "concentration")],
)
def test_no_text_of_a_drug_can_carry_a_command(label, nth, field):
    job = render(with_drug(label, nth, **{field: "A^XZ~JA"}))
    assert any("A^XZ~JA" in text for text in written(job))
    assert picture(job)


def test_a_drug_is_followed_by_its_own_amount():
    fields = written(render(THREE))
    for ingredient in THREE.ingredients:
        at = fields.index(ingredient.drug)
        assert fields[at : at + 3] == [ingredient.drug, ingredient.amount, ingredient.concentration]


@BOTH
@pytest.mark.parametrize("drugs", [FULL, TWO, THREE], ids=["one drug", "two", "three"])
def test_every_text_stays_in_its_box(drugs, dots):
    """Each line alone is drawn and its ink is found inside the room that the layout gives it."""
    wide = replace(drugs, patient_name="WWWWWWWWWWWW-WWWWWWWWWW, Mmmm", auxiliary=("Mind " * 20,), unit_bed="WMWM-MWM")
    assert problems(wide) == ()
    ink_stays_in_place(wide, dots)


def test_our_measure_is_never_less_than_the_ink():
    for text in ("Zimmermann-Wyttenbach, Quirin", "0123456789", "(){}[]@#%&", "~^_|\\/<>"):
        box = DISPENSE["hospital"]
        label = replace(LABEL, hospital=text)
        field = next(part for part in render(label).split(b"\n") if f"^FO20,{round(box.y * 0.8)}^".encode() in part)
        left, _, right, _ = ImageOps.invert(picture(b"^XA^CI28" + field + b"^XZ")).getbbox()
        assert right - left <= text_width(text, box.type) * 8 / 10


def test_the_high_alert_band_is_white_on_black():
    plain, alert = picture(render(LABEL)), picture(render(replace(LABEL, high_alert=True)))
    band = alert.crop((18, 154, 794, 180))
    black = sum(pixel < 128 for pixel in band.tobytes()) / (band.width * band.height)
    assert 0.7 < black < 0.98
    changed = ImageChops.difference(plain, alert).getbbox()
    assert changed is not None
    assert changed[1] >= 150
    assert changed[3] <= 184


@BOTH
@pytest.mark.parametrize("label", [TWO, THREE], ids=["two", "three"])
def test_the_rule_between_two_drugs_touches_no_letter(label, dots):
    full = replace(label, ingredients=tuple(replace(each, drug="jpqy ÅBDHKl") for each in label.ingredients))
    image = picture(render(full, dots), dots)
    for rule in RULES[len(label.ingredients)]:
        top, left, right = (in_dots(tenths, dots) for tenths in (rule, 26, 854))
        assert max(image.crop((left, top, right, top + 1)).tobytes()) < 128
        for beside in (top - 1, top + 1):
            assert min(image.crop((left, beside, right, beside + 1)).tobytes()) > 128


def test_a_trial_label_is_striped_and_says_test():
    label = replace(LABEL, test=True)
    image = picture(render(label))
    for edge in (image.crop((2, 40, 10, 590)), image.crop((802, 40, 811, 590))):
        black = sum(pixel < 128 for pixel in edge.tobytes()) / (edge.width * edge.height)
        assert 0.4 < black < 0.6
    assert any(text.startswith("TEST") for text in written(render(label)))
    assert not any("TEST" in text for text in written(render(LABEL)))


def test_a_label_with_a_problem_is_refused_with_all_its_reasons():
    with pytest.raises(Refused, match="no drug.*no ordered amount"):
        render(with_drug(LABEL, drug="", amount=""))


def test_another_resolution_is_refused():
    with pytest.raises(ValueError, match="8 or 12"):
        render(LABEL, 6)


def test_a_label_says_what_it_is_laid_out_for():
    assert b"^FX 12 dots/mm ^FS" in render(LABEL, 12)
    assert b"^PW1200^LL900" in render(LABEL, 12)
    assert b"^PW812^LL609" in render(LABEL, 8)


def test_two_dates_of_birth_differ_on_the_label():
    other = replace(LABEL, birth_date=date(1961, 3, 2))
    assert "MRN 00123456   born 02-Mar-1961" in written(render(other))


@BOTH
@pytest.mark.parametrize(
    ("label", "name"), [(LABEL, "plain"), (FULL, "everything"), (TWO, "two-drugs"), (THREE, "three-drugs")]
)
def test_the_bytes_are_those_last_looked_at(label, name, dots):
    """A change of the layout shows here; look at the picture, then write anew with LAMINAR_WRITE_GOLDEN=1."""
    kept = GOLDEN / f"dispense-{name}-{dots}.zpl"
    if os.environ.get("LAMINAR_WRITE_GOLDEN"):
        kept.write_bytes(render(label, dots))
    assert render(label, dots) == kept.read_bytes()
