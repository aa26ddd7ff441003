"""Messages that contradict themselves or what is known here: an exception or a remark, never a choice for anyone."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.formulary.actions import map_code
from app.formulary.queries import drug_by_code
from app.orders.models import Patient
from app.orders.same_person import BIRTH, FAMILY, GIVEN, Named, differences, somebody_else
from tests.app.interop.heard import EHR, Ehr, adt, message
from tests.conftest import NOW
from tests.hospital import Hospital

LINE = b"RXE||11124^vancomycin^RXNORM|1000||mg"
ADDITIVE = b"RXC|A|11124^vancomycin^RXNORM|1000|mg\r"
TIMING = b"TQ1|1||Q12H||||"
JANE = Named("Doe", "Jane Q", date(1970, 4, 12))


@pytest.fixture
def ehr(house: Hospital) -> Ehr:
    return Ehr(house).knows()


def changed(old: bytes, new: bytes) -> bytes:
    raw = message(NOW)
    assert raw.count(old) == 1
    return raw.replace(old, new)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (changed(LINE, LINE.replace(b"1000", b"1500")), "says 1,500 mg, its component vancomycin 1,000 mg"),
        (changed(LINE, LINE.replace(b"1000||mg", b"100|500|mg")), "says 100 to 500 mg, its component vancomycin"),
        (changed(LINE, LINE.replace(b"1000||mg", b"10||g")), "says 10 g, its component vancomycin 1,000 mg"),
        (changed(ADDITIVE, b""), "for 'vancomycin', which is not among its components"),
        (changed(ADDITIVE, b"RXC|A|PHENY^phenylephrine^L|10|mg\r"), "for 'vancomycin', which is not among"),
        (changed(LINE, b"RXE||77^piperacillin^L|4500||mg").replace(ADDITIVE, b""), "add nothing to the base"),
        (changed(b"||R\r", b"|20261122080000-0500|R\r"), "ends before its first dose"),
        (changed(TIMING, b"TQ1|1||ONCE|0600~1800|||"), "are more than one, and the dose is given once"),
        (changed(b"|20261122090500-0500||R\r", b"|20260230||R\r"), "The start that the message gives could not be"),
        (changed(b"||R\r", b"|tomorrow|R\r"), "The end that the message gives could not be read"),
        (changed(TIMING, b"TQ1|1||Q12H|0600~2561|||"), "The times that the message gives could not be read"),
        (changed(TIMING, b"TQ1|1||Q12H@0600,ABC||||"), "The times that the message gives could not be read"),
        (changed(b"||R\r", b"||R|||||some\r"), "The number of doses that the message gives could not be read"),
        (changed(b"RXR|IV", b"TQ2|1|C|8802^EHR\rRXR|IV"), "follows or alternates with another one (TQ2)"),
        (message(NOW, extra="ZRX|A|8591^potassium^L|40|mEq\r"), "The line ZRX looks like a component"),
    ],
)  # fmt: skip
def test_an_order_that_contradicts_itself_is_an_exception(ehr: Ehr, raw: bytes, words: str) -> None:
    with ehr.house.db.write(ehr.house.who("pablo")) as tx:
        other = drug_by_code(tx.session, "potassium-chloride")
        assert other is not None
        map_code(tx, "EHR", "PHENY", "phenylephrine", other.drug_id)
    ((outcome, reason),) = ehr.send(raw)
    assert outcome == "exception" and words in reason
    assert ehr.orders() == [] and ehr.count(Patient) == 0


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (changed(LINE, b"RXO|11124^vancomycin^RXNORM|500||mg\r" + LINE), "asked for 500 mg, the pharmacy's order says"),
        (changed(LINE, LINE.replace(b"1000||mg", b"750|1000|mg")), "says 750 to 1,000 mg, its component vancomycin"),
        (changed(LINE, LINE.replace(b"1000||mg", b"15||mg/kg")), "says 15 mg per kg"),
        (changed(LINE, LINE.replace(b"1000||mg", b"2||bag")), "says 2 bags: check how much one dose is"),
        (changed(ADDITIVE, ADDITIVE.replace(b"1000|mg", b"20|mL")), "says 1,000 mg, its components vancomycin 20 mL"),
        (changed(TIMING, b"TQ1|1|2^Bag|Q12H||||"), "asks for '2 Bag' at a time"),
        (message(NOW, extra="RXV|1|S\r"), "has pump settings (RXV)"),
    ],
)  # fmt: skip
def test_what_is_said_twice_and_cannot_be_compared_is_remarked(ehr: Ehr, raw: bytes, words: str) -> None:
    assert ehr.send(raw) == [("applied", "order 8801: version 1")]
    assert any(words in each for each in ehr.orders()[0].warnings), ehr.orders()[0].warnings


def test_an_order_that_says_the_same_twice_is_not_remarked(ehr: Ehr) -> None:
    ehr.send(changed(LINE, b"RXO|11124^vancomycin^RXNORM|1||g\r" + LINE.replace(b"1000||mg", b"1|1|g")))
    assert ehr.orders()[0].warnings == ()


def test_a_single_dose_with_a_clock_time_is_due_at_it(ehr: Ehr) -> None:
    ehr.send(changed(TIMING, b"TQ1|1||ONCE|1800|||"))
    assert f"{ehr.orders()[0].first_due_at:%H:%M}" == "23:00"  # 18:00 in New York


@pytest.mark.parametrize(
    ("sent", "rate"),
    [
        (b"125|mL/hr", "125 mL/hr"),
        (b"125.0|ML/HR", "125 mL/hr"),
        (b".5|mL/hr", "0.5 mL/hr"),
        (b"1,000|UNT/hr", "1,000 units/hr"),
        (b"5|mcg/kg/min", "5 mcg/kg/min"),
        (b"TITRATE|", "TITRATE"),
    ],
)
def test_a_rate_is_worded_as_labels_may_carry_it(ehr: Ehr, sent: bytes, rate: str) -> None:
    ehr.send(changed(b"125|mL/hr", sent))
    assert ehr.orders()[0].rate == rate


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"name": "Brown^Bob", "patient": "19990101|M"}, "family name and given name and birth date"),
        ({"name": "Brown^Bob"}, "another family name and given name"),
        ({"patient": "19700413|F"}, "another birth date"),
        ({"name": "Doe^John", "patient": "20150101|M"}, "another given name and birth date"),
    ],
)
def test_an_order_under_the_record_number_of_somebody_else_belongs_to_nobody(ehr: Ehr, how: dict, words: str) -> None:
    ehr.send(adt(NOW - timedelta(days=1), "A01"))
    ((outcome, reason),) = ehr.send(message(NOW, **how))
    assert outcome == "exception" and words in reason and "whose order this is" in reason
    assert ehr.orders() == []


def test_one_other_name_alone_is_remarked_and_no_accent_or_further_name_is(ehr: Ehr) -> None:
    ehr.send(adt(NOW - timedelta(days=1), "A01"), message(NOW, name="Smith^Jane"))
    assert ehr.orders()[0].patient.family == "Doe"
    assert "another family name" in ehr.orders()[0].warnings[0]
    ehr.send(message(NOW, id="C2", number="8802", name="DOE^Jané-Ann^Quincy"))
    assert ehr.orders()[1].warnings == ()


def test_a_relative_of_the_same_name_is_not_written_over_a_chart(ehr: Ehr) -> None:
    ehr.send(adt(NOW, "A01"))
    ((outcome, reason),) = ehr.send(adt(NOW, "A08", id="A2", name="Doe^John", birth="20150101"))
    assert outcome == "exception" and "another given name and birth date" in reason
    assert ehr.send(adt(NOW, "A08", id="A3", name="Smith^Jane"))[0][0] == "applied"


@pytest.mark.parametrize(
    ("said", "differing"),
    [
        (Named("DOE", "jane", date(1970, 4, 12)), ()),
        (Named("Doé", "Jane-Mary", None), ()),
        (Named("", "", None), ()),
        (Named("Smith", "Jane", date(1970, 4, 12)), (FAMILY,)),
        (Named("Doe", "Joan", None), (GIVEN,)),
        (Named("Doe", "Jane", date(1970, 12, 4)), (BIRTH,)),
        (Named("Roe", "Jim", date(1971, 4, 12)), (FAMILY, GIVEN, BIRTH)),
    ],
)
def test_two_differences_make_another_person(said: Named, differing: tuple[str, ...]) -> None:
    assert differences(JANE, said) == differing
    assert somebody_else(differing) == (len(differing) > 1)


def test_the_record_numbers_of_another_hospital_are_not_ours(ehr: Ehr) -> None:
    ehr.connection = replace(EHR, mrn_authority="GH")
    raw = message(NOW)
    ((outcome, reason),) = ehr.send(raw.replace(b"100245^^^GH^MR", b"100245^^^WEST^MR"))
    assert outcome == "exception" and "no medical record number of GH" in reason
    assert ehr.send(message(NOW, id="C2"))[0][0] == "applied"
