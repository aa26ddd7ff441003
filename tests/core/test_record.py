"""Canonical text, its hash, the chain, and the codes that the product prints itself."""

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.canonical import canonical, sha256
from app.core.chain import GENESIS, Link, broken_at, next_hash
from app.core.codes import Card, card_of, read_code, tote_code, ward_code

facts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), facts))
def test_the_order_in_which_facts_were_gathered_does_not_change_their_text(gathered: dict[str, object]) -> None:
    assert canonical(gathered) == canonical(dict(reversed(gathered.items())))


@pytest.mark.parametrize("value", [1.5, float("nan"), {"weight": 0.1}, [1.0], object(), b"bytes"])
def test_what_has_no_exact_text_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


def test_an_instant_is_written_in_utc_and_one_without_a_zone_is_refused() -> None:
    there = datetime(2026, 11, 22, 9, 5, tzinfo=timezone(timedelta(hours=-5)))
    assert canonical(there) == '"2026-11-22T14:05:00.000000+00:00"'
    with pytest.raises(ValueError, match="without a zone"):
        canonical(datetime(2026, 11, 22))


def test_decimals_keep_their_digits_and_days_stay_days() -> None:
    assert canonical({"g": Decimal("28.410"), "on": date(2027, 3, 31)}) == '{"g":"28.410","on":"2027-03-31"}'


def chain_of(texts: list[str]) -> list[Link]:
    links, prev = [], GENESIS
    for seq, text in enumerate(texts, start=1):
        links.append(Link(seq, prev, text, next_hash(prev, text)))
        prev = links[-1].hash
    return links


@given(st.lists(st.text(), max_size=8))
def test_an_untouched_chain_holds(texts: list[str]) -> None:
    assert broken_at(chain_of(texts)) is None


@given(st.lists(st.text(), min_size=1, max_size=8), st.data())
def test_a_changed_missing_or_swapped_entry_breaks_the_chain(texts: list[str], data: st.DataObject) -> None:
    links = chain_of(texts)
    at = data.draw(st.integers(0, len(links) - 1))
    changed = Link(links[at].seq, links[at].prev, links[at].text + "x", links[at].hash)
    assert broken_at([*links[:at], changed, *links[at + 1 :]])
    if at < len(links) - 1:
        assert broken_at([*links[:at], *links[at + 1 :]])
        assert broken_at([*links[:at], links[at + 1], links[at], *links[at + 2 :]])


def test_the_hash_of_a_text_is_that_of_its_bytes() -> None:
    assert sha256("Łukasiewicz") == sha256("Łukasiewicz".encode())


@pytest.mark.parametrize(
    ("scan", "kind"),
    [
        ("TRAY-17", "tray"),
        ("]d1TRAY-17", "tray"),
        (" CARD-YES\r\n", "card"),
        ("BADGE-TINA2026", "badge"),
        ("L-0123456789", "label"),
        ("]d1LOC-A-02-13-4", "location"),
        ("LOC-7", "location"),
        ("TOTE-07", "tote"),
        ("WARD-7W", "ward"),
        ("WARD-ICU-2", "ward"),
        ("LOC-", None),
        ("LOC-A-", None),
        ("LOC-a", None),
        ("TOTE-", None),
        ("TOTE-0-7", None),
        ("WARD-7 W", None),
        ("WARD-" + "A" * 25, None),
        ("CARD-MAYBE", None),
        ("TRAY-", None),
        ("tray-17", None),
        ("L-01234567I9", None),
        ("TRAY-１７", None),
        ("01003012345678961726112310A7B3C", None),
        ("", None),
    ],
)
def test_our_own_codes_are_told_by_their_prefix_and_nothing_else_is_one(scan: str, kind: str | None) -> None:
    code = read_code(scan)
    assert (code.kind if code else None) == kind


@pytest.mark.parametrize(("make", "kind"), [(tote_code, "tote"), (ward_code, "ward")])
def test_a_code_that_was_made_is_read_as_what_it_was_made_for(make: Callable[[str], str], kind: str) -> None:
    code = read_code(make("A12"))
    assert code is not None
    assert (code.kind, code.name) == (kind, "A12")
    for name in ("", "a", "Ä1", "A 1", "A_1", "A" * 30):
        with pytest.raises(ValueError, match="can not be"):
            make(name)


@pytest.mark.parametrize("card", Card)
def test_every_card_of_the_sheet_is_read_as_itself(card: Card) -> None:
    code = read_code(f"CARD-{card}")
    assert code is not None
    assert card_of(code) is card
