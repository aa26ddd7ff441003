"""Look-alike names: every set is written apart, and knows its others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.look_alikes import SETS, SOURCES, TALL, alike, look_alikes
from app.core.wording import tall_man

ALL = sorted({name for each in SETS for name in each.names})


def test_the_list_is_long_enough_and_every_set_names_its_source():
    assert len(SETS) >= 60
    assert {each.source for each in SETS} == set(SOURCES)
    assert all(len(each.names) >= 2 for each in SETS)


def test_no_name_is_written_in_two_ways():
    assert len({name.lower() for name in ALL}) == len(ALL)


@pytest.mark.parametrize("names", [each.names for each in SETS], ids="-".join)
def test_every_set_is_shown_apart_however_it_is_typed(names):
    for name in names:
        for typed in (name.lower(), name.upper(), name.title()):
            if name != name.lower():
                assert tall_man(f"{typed} 10 mg") == f"{name} 10 mg"
    assert len({tall_man(name.lower()) for name in names}) == len(names)


@pytest.mark.parametrize("names", [each.names for each in SETS], ids="-".join)
def test_every_name_of_a_set_knows_the_others_and_not_itself(names):
    for name in names:
        others = {other.lower() for other in names} - {name.lower()}
        assert others <= look_alikes(name.upper())
        assert name.lower() not in look_alikes(name)
        assert all(alike(name, other) and alike(other, name) for other in others)
        assert not alike(name, name)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("metformin hydrochloride 500 mg", "metronidazole", True),
        ("glipizide-metformin", "glyburide", True),
        ("hydrochlorothiazide-lisinopril", "hydroxyzine pamoate", True),
        ("Depo-Medrol", "SOLU-MEDROL", True),
        ("vancomycin", "vecuronium", False),
        ("norepinephrine", "ephedrine", False),
        ("potassium chloride", "potassium phosphate", False),
        ("", "metformin", False),
    ],
)
def test_each_word_of_a_name_counts_and_only_whole_words(one, other, expected):
    assert alike(one, other) is expected
    assert alike(other, one) is expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("glipizide-metformin", "glipiZIDE-metFORMIN"), ("depo-medrol", "DEPO-Medrol"), ("MORPHINE", "MORPHINE"),
        ("Celexa", "CeleXA"), ("levoleucovorin", "LEVOleucovorin"), ("amoxicillin-clavulanate",) * 2,
    ],
)  # fmt: skip
def test_names_in_parts_and_names_without_tall_letters(name, text):
    assert tall_man(name) == text


@given(st.text(max_size=60))
def test_tall_letters_change_nothing_but_capitals_and_settle_at_once(text):
    assert tall_man(text).lower() == text.lower()
    assert tall_man(tall_man(text)) == tall_man(text)


def test_every_tall_name_is_found_again():
    assert all(TALL[name.lower()] == name for name in TALL.values())
