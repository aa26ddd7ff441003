"""Error-prone text: every line of the list is found, said in words, and rewritten only where that is certain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.error_prone import ENTRIES, SOURCES, error_prone, in_safe_words

EACH = pytest.mark.parametrize(
    ("entry", "sample"),
    [(entry, sample) for entry in ENTRIES for sample in entry.samples],
    ids=[sample for entry in ENTRIES for sample in entry.samples],
)


def harms(text):
    return [problem.harm for problem in error_prone(text)]


def test_every_line_names_its_source():
    assert {entry.source for entry in ENTRIES} == set(SOURCES)
    assert len(ENTRIES) >= 60


@EACH
def test_every_entry_is_found_wherever_it_stands_and_says_what_to_write(entry, sample):
    for text in (sample, f"give {sample}", f"give {sample}, then wait"):
        if entry.find.search(text) or text == sample:
            assert entry.harm in harms(text)
    problem = next(each for each in error_prone(sample) if each.harm == entry.harm)
    assert problem.said in sample
    assert problem.words == f"“{problem.said}” {entry.harm}. Write {entry.write}."


@EACH
def test_what_is_certain_is_rewritten_and_all_else_is_left_for_a_person(entry, sample):
    safe = in_safe_words(sample)
    if entry.certain:
        assert entry.harm not in harms(safe)
        assert error_prone(safe) == ()
    else:
        assert entry.harm in harms(safe)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("Vancomycin 1.0g QD", "Vancomycin 1 g daily"),
        ("heparin 25000U in 250 cc", "heparin 25,000 units in 250 mL"),
        ("1 U", "1 unit"), ("1.50 mg", "1.5 mg"), ("10.0 mL", "10 mL"), ("NaCl 0.90 %", "NaCl 0.9 %"),
        (".25 mg", "0.25 mg"), ("125 mg/5 mL", "125 mg per 5 mL"), ("500mcg SQ QOD", "500 mcg subcut every other day"),
        ("½ tab PO QHS PRN", "half tablet by mouth at bedtime as needed"), ("2.5 tablets", "2 and a half tablets"),
        ("1/2 tablet", "half tablet"), ("q 6 pm", "daily at 6 PM"), ("Q4AM", "daily at 4 AM"),
        ("keep at <25 °C", "keep at less than 25 °C"), ("if SBP >=100 give", "if SBP at least 100 give"),
        ("1234567 units", "1,234,567 units"), ("µg", "mcg"), ("Tegretol300 mg", "Tegretol 300 mg"),
        ("5 mg.", "5 mg"), ("250 mL at 100 mL/hour", "250 mL at 100 mL/hour"), ("  two   blanks ", "two blanks"),
    ],
)  # fmt: skip
def test_inbound_text_is_rewritten_like_this(text, safe):
    assert in_safe_words(text) == safe
    assert error_prone(safe) == ()


@pytest.mark.parametrize(
    "text",
    ["1 g", "0.5 mg", "1.05 mg", "100 mg", "1,000 mg", "10,000 units", "half tablet (12.5 mg)", "draw 7.5 mL",
     "0.02 mEq/mL", "5 mcg/kg/min", "about 0.978 mg/mL", "4 mg per mL", "Refrigerate 2 to 8 °C", "20 °C", "-20 °F",
     "250 mL per hour over 60 min", "sulfamethoxazole/trimethoprim", "carbidopa-levodopa 25 mg-100 mg",
     "insulin 70/30", "TAKE AS NEEDED", "PUT IN THE FRIDGE", "Take as directed, in water",
     "Give with 250 mL. Then wait", "Give 5 mL.", "dextrose 5 % in sodium chloride 0.45 %",
     "vitamin B12 1,000 mcg", "cyanocobalamin", "factor VIII",
     "IV push", "IV infusion", "subcut", "by mouth", "Central line only", "sterile water for injection USP",
     "every 12 hours", "daily", "at bedtime", "2 × capsule (20 mg)", "ratio 20:1", "co-trimoxazole", ""],
)  # fmt: skip
def test_well_written_text_passes_and_is_left_as_it_is(text):
    assert error_prone(text) == ()
    assert in_safe_words(text) == text


@given(st.text(max_size=60))
def test_any_text_is_judged_and_rewritten_once_for_all(text):
    for problem in error_prone(text):
        assert problem.said in text
    assert in_safe_words(in_safe_words(text)) == in_safe_words(text)


TOKENS = st.sampled_from(
    [sample for entry in ENTRIES for sample in entry.samples] + ["vancomycin", "give", "1,000 mg", "0.5 mL", "12", "."]
)


@given(st.lists(TOKENS, max_size=6).map(" ".join))
def test_rewriting_never_leaves_what_it_can_mend_and_never_makes_new_harm(text):
    before, after = set(harms(text)), set(harms(in_safe_words(text)))
    assert after <= before
