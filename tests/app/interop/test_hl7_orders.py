"""Orders and ADT out of messages: what is read, what is refused in words, and that nothing is guessed or lost."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from app.interop.order_groups import ASKS_NOTHING, CONTROLS
from app.interop.understood import AdtMessage, OrderMessage, Other, Unmappable
from tests.app.interop.samples import HEAD, PID, only, order, own, read

ORC = b"ORC|NW|1^EHR"
RXE = b"RXE||VANC^vancomycin|1000||mg"


def test_a_vancomycin_order_is_read_whole():
    it = only(own("vancomycin-new"))
    assert isinstance(it, OrderMessage)
    assert (it.control, it.control_code, it.stage, it.key) == ("new", "NW", "encoded", "8801^EHR")
    assert (it.placer_parts, it.filler.id, it.filler.authority) == (("8801", "EHR", "", ""), "R5501", "RX")
    assert (it.patient.mrn, it.patient.authority, it.patient.family, it.patient.given, it.patient.middle) == (
        "100245", "GH", "Doe", "Jane", "Q",
    )  # fmt: skip
    assert (it.patient.birth, it.patient.sex, it.patient.account, it.patient.visit) == (
        date(1970, 4, 12), "F", "ACC77", "V5501",
    )  # fmt: skip
    assert (it.location.unit, it.location.room, it.location.bed) == ("4W", "412", "B")
    assert it.allergies.said == "listed" and it.allergies.listed[0].substance.name == "Penicillin"
    assert it.allergies.listed[0].reactions == ("Hives", "Swelling")
    assert (it.weight.value, it.weight.unit, it.height.value) == (Decimal("81.5"), "kg", Decimal("178"))
    assert it.weight.at.instant == datetime(2026, 12, 3, 13, tzinfo=UTC)
    assert (it.drug.code, it.drug.name) == ("11124", "vancomycin")
    assert (it.dose.least, it.dose.unit, it.total_volume) == (Decimal(1000), "mg", None)
    assert [(c.kind, c.drug.name, c.amount.least, c.amount.unit) for c in it.components] == [
        ("base", "sodium chloride 0.9 %", Decimal(250), "mL"),
        ("additive", "vancomycin", Decimal(1000), "mg"),
    ]
    assert (it.route.route.code, it.route.method.code) == ("IV", "IVPB")
    assert (it.rate.least, it.rate.unit, it.rate.per) == (Decimal(125), "mL", "hour")
    timing = it.timing
    assert (timing.pattern, timing.explicit_times, timing.priority) == ("Q12H", (time(6), time(18)), "routine")
    assert timing.start.instant == datetime(2026, 12, 5, tzinfo=UTC) and timing.infusion.minutes == 90
    assert it.verified_by == "" and it.prescription == "RX5501" and it.prescriber == "Ana Ortega (1234)"
    assert [(note.place, note.text) for note in it.notes] == [
        ("RXE-7", "Infuse over 90 minutes"), ("RXE-21", "Protect from light"),
        ("NTE after RXE", "Trough before 4th dose"),
    ]  # fmt: skip
    # 125 mL/h for 90 minutes is 187.5 mL of a 250 mL bag.
    assert [w for w in it.warnings if "Rate times duration" in w] == list(it.warnings)


def test_a_stop_needs_no_drug_and_says_why():
    it = only(own("vancomycin-stop"))
    assert (it.control, it.key, it.reason, it.patient.mrn) == (
        "discontinue", "8801^EHR", "Course completed", "100245",
    )  # fmt: skip


def test_additive_before_base_and_total_volume_in_the_title_are_normal():
    it = only(own("potassium-new"))
    assert [c.kind for c in it.components] == ["additive", "base"]
    assert (it.total_volume.least, it.total_volume.unit) == (Decimal(1000), "mL")
    assert (it.dose.least, it.dose.unit) == (Decimal(20), "mEq")
    assert it.timing.priority == "STAT" and it.allergies.said == "none known" and it.warnings == ()


@pytest.mark.parametrize("code", sorted(CONTROLS))
def test_every_control_code_of_ours_is_read_as_what_it_asks(code):
    it = only(order(b"ORC|" + code.encode() + b"|1^EHR", RXE))
    assert isinstance(it, OrderMessage) and it.control == CONTROLS[code]


@pytest.mark.parametrize("code", sorted(ASKS_NOTHING))
def test_every_other_code_of_the_standard_is_counted_with_its_reason(code):
    it = only(order(b"ORC|" + code.encode() + b"|1^EHR", RXE))
    assert isinstance(it, Other) and code in it.why and it.alert == (code == "DE")


def test_replace_links_the_new_order_to_the_old_one():
    old, new = read(order(b"ORC|RP|1^EHR", b"ORC|RO|2^EHR", RXE))
    assert (old.control, new.control, new.replaces) == ("replaced", "replacement", "1^EHR")
    alone = only(order(b"ORC|RO|2^EHR", RXE))
    assert alone.replaces == "" and any("replaces" in w for w in alone.warnings)


REFUSED = {
    "no order number": ([b"ORC|NW", RXE], "ORC-2", "no number"),
    "no control code": ([b"ORC||1^EHR", RXE], "ORC-1", "empty"),
    "unknown control code": ([b"ORC|QQ|1^EHR", RXE], "ORC-1", "'QQ'"),
    "a parent order": ([b"ORC|PA|1^EHR", RXE], "ORC-1", "by hand"),
    "no drug line": ([ORC], "RXE", "no drug"),
    "no drug and no components": ([ORC, b"RXE|||1000||mg"], "RXE-2", "neither"),
    "no amount": ([ORC, b"RXE||VANC^vancomycin"], "RXE-3", "no amount"),
    "an amount in words": ([ORC, b"RXE||VANC^vancomycin|one gram||mg"], "RXE-3", "'one gram'"),
    "a European comma": ([ORC, b"RXE||VANC^vancomycin|1,5||g"], "RXE-3", "'1,5'"),
    "a unit missing": ([ORC, b"RXE||VANC^vancomycin|1000"], "RXE-5", "missing"),
    "a unit unknown": ([ORC, b"RXE||VANC^vancomycin|1||75 mg"], "RXE-5", "'75 mg'"),
    "a unit of two meanings": ([ORC, b"RXE||INS^insulin|5||MU"], "RXE-5", "'MU'"),
    "a unit said in two ways": ([ORC, b"RXE||VANC^vancomycin|1||mg^g"], "RXE-5", "differently"),
    "a unit with a lost character": ([ORC, b"RXE||FENT^fentanyl|50||?g"], "RXE-5", "'?g'"),
    "a range that runs backwards": ([ORC, b"RXE||VANC^vancomycin|1000|500|mg"], "RXE-3", "range"),
    "an additive without amount": ([ORC, RXE, b"RXC|A|KCL^potassium chloride"], "RXC-3", "no amount"),
    "a component without name": ([ORC, RXE, b"RXC|A||20|mEq"], "RXC-2", "no name"),
    "a component unit unknown": ([ORC, RXE, b"RXC|A|KCL^potassium|20|scoop"], "RXC-4", "'scoop'"),
    "two drug lines": ([ORC, RXE, RXE], "RXE", "two orders in one"),
    "a broken line": ([ORC, RXE, b"mycin|500|mg"], "RXE", "broken"),
    "a rate unit unknown": ([ORC, RXE + b"|" * 18 + b"100|drips/moon"], "RXE-24", "not known"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_missing_or_uncertain_is_an_exception_in_words_and_never_a_guess(name):
    segments, where, words = REFUSED[name]
    raw = order(*segments)
    it = only(raw)
    assert isinstance(it, Unmappable), it
    assert (it.where, words in it.reason) == (where, True), it
    assert it.reason.endswith((".", "]")) and 0 <= it.span[0] <= it.span[1] <= len(raw)


@pytest.mark.parametrize("name", [n for n, (s, _, _) in REFUSED.items() if s[0] == ORC and "line" not in n])
def test_a_stop_gets_through_however_odd_its_drug_is(name):
    segments, _, _ = REFUSED[name]
    it = only(order(b"ORC|DC|1^EHR", *segments[1:]))
    assert isinstance(it, OrderMessage) and it.control == "discontinue" and it.key == "1^EHR"


def test_the_bytes_to_mark_are_those_of_the_field_in_the_frame():
    frame = own("vancomycin-new") + order(ORC, b"RXE||VANC^vancomycin|1||75 mg")
    start, end = read(frame)[1].span
    assert frame[start:end] == b"75 mg"


def test_a_lost_character_in_a_name_of_a_drug_or_number_is_never_text():
    assert "lost" in only(order(ORC, b"RXE||V^vancom\x81cin|1||g")).reason
    assert "lost" in only(order(ORC, RXE, b"RXC|A|K^pot\x81|1|g")).reason
    assert "lost" in only(order(ORC, RXE, pid=b"PID|1||10\x81245^^^GH^MR\r")).reason


AMOUNTS = {
    b"25,000||UNIT": (Decimal(25000), None, "unit"), b".5||mL": (Decimal("0.5"), None, "mL"),
    b"5.||MG": (Decimal(5), None, "mg"), b"325-650||mg": (Decimal(325), Decimal(650), "mg"),
    b"1|2|gm": (Decimal(1), Decimal(2), "g"), b"500|500|mg": (Decimal(500), None, "mg"),
    b"50||\xb5g": (Decimal(50), None, "mcg"), b"10||43^mg": (Decimal(10), None, "mg"),
    b"1||EA": (Decimal(1), None, "each"), b"3||cc": (Decimal(3), None, "mL"),
}  # fmt: skip


@pytest.mark.parametrize("sent", AMOUNTS, ids=repr)
def test_amounts_and_units_are_read_as_real_feeds_write_them(sent):
    it = only(order(ORC, b"RXE||X^drug|" + sent))
    assert (it.dose.least, it.dose.most, it.dose.unit) == AMOUNTS[sent]


def test_a_dose_may_be_a_rate():
    it = only(order(ORC, b"RXE||NIC^nicardipine|5||mg/hr"))
    assert (it.dose.unit, it.dose.per) == ("mg", "hour")
    assert only(order(ORC, b"RXE||N^norepinephrine|0.05||mcg/kg/min")).dose.per == "kg min"


def test_two_component_lists_are_never_added_together():
    it = only(order(ORC, b"RXO|V^vancomycin|1||g", b"RXC|A|V^vancomycin|1|g", RXE, b"RXC|B|NS^saline|250|mL",
                    b"RXC|A|V^vancomycin|1000|mg"))  # fmt: skip
    assert [c.drug.code for c in it.components] == ["NS", "V"]
    assert [(c.drug.code, c.listed) for c in it.other_components] == [("V", "requested")]
    asked = only(order(ORC, b"RXO|V^vancomycin|1||g", b"RXC|A|V^vancomycin|1|g", RXE))
    assert [c.listed for c in asked.components] == ["requested"] and asked.other_components == ()


def test_the_title_repeated_as_one_dose_leaves_the_recipe_but_not_the_record():
    it = only(order(ORC, b"RXE||KCL20^KCl in saline|1000||mL", b"RXC|A|KCL20^KCl in saline|1|DOSE",
                    b"RXC|B|NS^saline|1000|mL", b"RXC|A|KCL^potassium chloride|20|mEq"))  # fmt: skip
    assert [c.repeats_title for c in it.components] == [True, False, False]
    assert [c.drug.code for c in it.recipe] == ["NS", "KCL"]


def test_a_base_without_amount_or_mark_is_kept_and_remarked():
    it = only(order(ORC, RXE, b"RXC|B|NS^saline", b"RXC|A|V^vancomycin|1|g"))
    assert it.components[0].amount is None
    unmarked = only(order(ORC, RXE, b"RXC|A|NS^saline|250|mL", b"RXC|A|V^vancomycin|1|g"))
    assert any("base" in w for w in unmarked.warnings)


def volumes(title: bytes, *amounts: bytes, tail: bytes = b"", overfill: bool = False):
    segments = [b"RXC|" + amount for amount in amounts]
    it = only(order(ORC, b"RXE||X^mixture|" + title + b"||mL" + tail, *segments), overfill=overfill)
    return [w for w in it.warnings if "add up" in w or "Rate times" in w]


RATE = b"|" * 17 + b"%b|%b|mL/hr"


def test_component_volumes_total_and_rate_are_compared():
    chemo = (b"A|A^etoposide|1.44|mL", b"A|B^doxorubicin|4.8|mL", b"B|NS^saline|233.76|mL")
    assert volumes(b"240", *chemo, tail=RATE % (b"48.00", b"5")) == []
    assert volumes(b"240", *chemo, tail=RATE % (b"H48", b"5")) == []
    assert len(volumes(b"240", *chemo, tail=RATE % (b"24.00", b"5"))) == 1
    assert len(volumes(b"340", *chemo)) == 1
    assert volumes(b"250", b"B|NS^saline|250|mL", b"A|V^vancomycin|1|g") == []
    assert volumes(b"270", b"B|NS^saline|250|mL", b"A|V^vancomycin|1|g") == []
    assert len(volumes(b"500", b"B|NS^saline|250|mL", b"A|V^vancomycin|1|g")) == 1
    assert volumes(b"1000", b"B|NS^saline|1000|mL", tail=RATE % (b"H1", b"125")) == []
    assert len(volumes(b"1000", b"B|NS^saline|1,058|mL")) == 1
    assert volumes(b"1000", b"B|NS^saline|1,058|mL", overfill=True) == []


def test_the_order_s_key_is_its_number_with_its_namespace_else_the_sender_else_the_filler():
    assert only(order(b"ORC|NW|7^OE^1.2.3^ISO|9^RX", RXE)).key == "7^OE"
    assert only(order(b"ORC|NW|7|9^RX", RXE)).key == "7^EHR"
    assert only(order(b"ORC|NW||9^RX", RXE)).key == "filler 9^RX"
    assert only(order(b"ORC|NW|7^OE^1.2.3^ISO", RXE)).placer_parts == ("7", "OE", "1.2.3", "ISO")


def test_a_feed_that_numbers_doses_names_its_order_elsewhere():
    it = only(order(b"ORC|NW|L77^RX|L77^RX|5001^RX", RXE), orc2_is="dose")
    assert (it.key, it.dose_number) == ("5001^RX", "L77")
    lost = only(order(b"ORC|NW|L77^RX|L77^RX", RXE), orc2_is="dose")
    assert isinstance(lost, Unmappable) and "besides the dose" in lost.reason


def test_the_bags_of_one_order_are_counted_and_two_orders_under_one_number_are_refused():
    bags = read(order(b"ORC|NW|5^EHR||5_001", RXE, b"ORC|NW|5^EHR||5_002", RXE))
    assert [bag.bag for bag in bags] == [1, 2]
    twice = read(order(ORC, RXE, ORC, b"RXE||X^other|1||mg"))
    assert all(isinstance(it, Unmappable) and "same number" in it.reason for it in twice)
    assert [it.bag for it in read(order(ORC, RXE, b"ORC|NW|2^EHR", RXE))] == [None, None]


def test_timing_follows_its_order_of_precedence_and_a_contradiction_is_remarked():
    tq1, rxe1, orc7 = b"TQ1|1||Q8H", b"RXE|^Q6H|V^vancomycin|1||g", b"ORC|NW|1^EHR|||||^Q24H"
    assert only(order(orc7, RXE)).timing.pattern == "Q24H"
    it = only(order(orc7, rxe1))
    assert it.timing.pattern == "Q6H" and any("disagree" in w for w in it.warnings)
    assert only(order(orc7, tq1, rxe1)).timing.pattern == "Q8H"
    assert only(order(orc7, tq1, rxe1, b"TQ1|1||Q12H")).timing.pattern == "Q12H"


def test_one_schedule_spelled_in_two_ways_is_no_contradiction():
    it = only(order(b"ORC|NW|1^EHR|||||^DAILY&0900", b"RXE|^DAILY@0900|V^vancomycin|1||g"))
    assert it.timing.explicit_times == (time(9),) and it.warnings == ()


def test_what_one_source_leaves_empty_comes_from_the_next():
    it = only(order(b"ORC|NW|1^EHR|||||10^BID^D4^^^R", b"RXE|^^^20261205080000|V^vancomycin|1||g"))
    assert (it.timing.pattern, it.timing.priority, it.timing.duration.minutes) == ("BID", "routine", 5760)
    assert it.timing.start.text == "20261205080000" and it.timing.read_from == "RXE-1, ORC-7"


def test_text_in_the_timing_field_is_a_note():
    it = only(order(ORC, b"RXE|Do not crush or chew|V^vancomycin|1||g"))
    assert it.timings == () and ("RXE-1", "Do not crush or chew") in [(n.place, n.text) for n in it.notes]
    assert only(order(ORC, b"RXE|Q6H|V^vancomycin|1||g")).timing.pattern == "Q6H"


def test_as_needed_and_several_timings_are_kept():
    prn = only(order(ORC, RXE, b"TQ1|1||Q6HPRN~HS||||||S~PRN|for pain||A||3")).timings
    assert [(t.pattern, t.prn, t.priority, t.condition, t.occurrences) for t in prn] == [
        ("Q6HPRN", True, "STAT", "for pain", 3), ("HS", True, "STAT", "for pain", 3)
    ]  # fmt: skip
    assert only(order(b"ORC|NW|1^EHR|||||^Q6H PRN", RXE)).timing.prn
    assert [t.pattern for t in only(order(b"ORC|NW|1^EHR|||||^Q6H~^HS", RXE)).timings] == ["Q6H", "HS"]


def test_several_routes_are_a_choice_for_the_pharmacist_and_never_a_default():
    it = only(order(ORC, RXE, b"RXR|IV", b"RXR|IT^Intrathecal"))
    assert it.route is None and len(it.routes) == 2 and any("route" in w for w in it.warnings)
    differ = only(order(ORC, b"RXO|V^vancomycin|1||g", b"RXR|IT", RXE, b"RXR|IV"))
    assert differ.route.route.code == "IV" and any("differ" in w for w in differ.warnings)


def test_a_delete_mark_is_empty_on_a_new_order_and_clears_on_a_change():
    fields = b'RXE||V^vancomycin|1||g|""|""'
    assert only(order(ORC, fields)).form.name == "" and only(order(ORC, fields)).cleared == ()
    assert only(order(b"ORC|XO|1^EHR", fields)).cleared == ("RXE-6", "RXE-7")


def test_a_prescriber_s_order_is_not_a_pharmacy_order():
    head = HEAD.replace(b"RDE^O11", b"OMP^O09")
    it = only(order(ORC, b"RXO|V^vancomycin|1||g", head=head))
    assert (it.stage, it.drug.name) == ("prescribed", "vancomycin")
    scan = only(order(ORC, b"OBR|1|||CT", head=HEAD.replace(b"RDE^O11", b"ORM^O01")))
    assert isinstance(scan, Other) and "not for a drug" in scan.why


def test_a_note_that_was_broken_over_a_line_is_put_together():
    it = only(order(ORC, RXE, b"NTE|1|P|keep in the", b"fridge"))
    assert it.notes[-1].text == "keep in the\nfridge"


def test_the_record_number_is_ours_or_the_message_is_an_exception():
    pid = b"PID|1||111^^^OTHER^MR~222^^^GH^MR~333^^^^SS\r"
    assert only(order(ORC, RXE, pid=pid), mrn_authority="GH").patient.mrn == "222"
    assert "more than one" in only(order(ORC, RXE, pid=pid)).reason
    assert "no medical record number of XX" in only(order(ORC, RXE, pid=pid), mrn_authority="XX").reason
    bare = only(order(ORC, RXE, pid=b"PID|1||444\r"), mrn_authority="GH").patient
    assert (bare.mrn, bare.authority) == ("444", "GH")
    assert only(order(ORC, RXE, pid=b"PID|1|555|\r")).patient.mrn == "555"
    assert isinstance(only(order(ORC, RXE, pid=b"PID|1||333^^^^SS\r")), Unmappable)
    assert isinstance(only(order(ORC, RXE, pid=b"PID|1||A1^5^M11^GH^HOSPITAL~333^^^^^X\r")), Unmappable)
    assert isinstance(only(order(ORC, RXE, pid=b"")), Unmappable)


def test_two_patients_in_one_frame_keep_their_own_orders():
    first, second = read(own("vancomycin-new") + own("potassium-new"))
    assert (first.patient.mrn, first.drug.name) == ("100245", "vancomycin")
    assert (second.patient.mrn, second.total_volume.least) == ("200777", 1000)


def test_two_patients_in_one_message_are_an_exception():
    raw = order(ORC, RXE, b"PID|1||999^^^GH^MR", b"ORC|NW|2^EHR", RXE)
    assert "two patients" in only(raw).reason
    odd = own("vancomycin-new") + own("potassium-new").replace(b"|", b"!")
    assert "other separators" in only(odd).reason


def test_a_broken_identity_line_is_never_half_an_identity():
    assert "broken" in only(HEAD + b"PID|1||12\n345^^^GH^MR\r" + ORC + b"\r" + RXE + b"\r").reason


def test_drug_lines_before_any_order_belong_to_none():
    assert "before any order" in only(HEAD + PID + RXE + b"\r" + ORC + b"\r" + RXE + b"\r").reason
    assert "no order" in only(HEAD + PID).reason


@pytest.mark.parametrize("kind", ["RDS^O13", "RGV^O15", "ACK", "ORU^R01", "RDE^O25", "ORR^O02", "SIU^S12"])
def test_messages_that_order_nothing_are_counted_with_their_reason(kind):
    it = only(order(head=HEAD.replace(b"RDE^O11", kind.encode())))
    assert isinstance(it, Other) and it.why.endswith(".")


def test_an_order_under_an_unknown_message_type_is_not_lost():
    for kind in (b"ZZZ^Z01", b""):
        assert isinstance(only(order(ORC, RXE, head=HEAD.replace(b"RDE^O11", kind))), Unmappable)


def test_a_test_message_stays_out_of_a_production_connection():
    it = only(order(ORC, RXE, head=HEAD.replace(b"|P|", b"|T|")), processing=frozenset({"P"}))
    assert isinstance(it, Other) and "test message" in it.why and it.alert


def test_a_batch_that_lost_a_message_is_noticed():
    raw = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + own("transfer") + own("vancomycin-stop") + b"BTS|%d\rFTS|1\r"
    assert [type(it) for it in read(raw % 2)] == [AdtMessage, OrderMessage]
    assert "3 messages, but 2" in read(raw % 3)[-1].reason
    two_batches = raw % 2 + raw.replace(b"BTS|%d", b"BTS|2")
    assert not any(isinstance(it, Unmappable) for it in read(two_batches))


def test_a_resent_event_has_the_same_key_and_a_changed_one_another():
    first = only(own("vancomycin-new"))
    again = only(own("vancomycin-new").replace(b"C000001", b"C000999"))
    other = only(own("vancomycin-new").replace(b"|1000||mg", b"|1250||mg"))
    assert first.event_key == again.event_key != other.event_key


def test_a_transfer_tells_where_from_and_where_to():
    it = only(own("transfer"))
    assert (it.event, it.patient.mrn, it.location.unit, it.location.bed) == ("A02", "100245", "ICU", "A")
    assert (it.prior_location.unit, it.event_time.instant) == ("4W", datetime(2026, 12, 4, 18, 55, tzinfo=UTC))


def test_in_a_merge_the_patient_of_pid_survives_and_all_pairs_are_kept():
    it = only(own("merge"))
    assert [(m.what, m.survivor.id, m.retired.id, m.moves) for m in it.merges] == [
        ("patient", "100245", "300111", False), ("patient", "200777", "300222", False)
    ]  # fmt: skip


def adt(event: bytes, *segments: bytes, **changes):
    head = HEAD.replace(b"RDE^O11", b"ADT^" + event)
    return only(head + b"".join(segment + b"\r" for segment in segments), **changes)


def test_a_merge_that_is_not_certain_is_an_exception():
    pid = b"PID|1||1^^^GH^MR"
    assert "no MRG" in adt(b"A40", pid).reason
    assert "twice" in adt(b"A40", pid, b"MRG|1^^^GH^MR").reason
    assert "before PID" in adt(b"A40", b"MRG|2^^^GH^MR", pid).reason
    assert "two authorities" in adt(b"A40", pid, b"MRG|2^^^OTHER^MR").reason
    assert "two patients" in adt(b"A08", pid, b"PID|1||2^^^GH^MR").reason


def test_moves_of_accounts_and_visits_are_marked_as_moves():
    it = adt(b"A45", b"PID|1||1^^^GH^MR" + b"|" * 15 + b"ACC1", b"PV1|1|I" + b"|" * 17 + b"V9",
             b"MRG|2^^^GH^MR||ACC2||V9")  # fmt: skip
    assert [(m.what, m.survivor.id, m.retired.id, m.moves) for m in it.merges] == [
        ("patient", "1", "2", True), ("account", "ACC1", "ACC2", True), ("visit", "V9", "V9", True)
    ]  # fmt: skip


def test_allergies_are_listed_none_known_or_not_sent_and_never_mixed_up():
    pid = b"PID|1||1^^^GH^MR"
    assert adt(b"A08", pid).allergies.said == "not sent"
    nka = adt(b"A60", pid, b"IAM|1|DA|^NO KNOWN ALLERGIES").allergies
    assert (nka.said, nka.listed, nka.statement) == ("none known", (), "NO KNOWN ALLERGIES")
    both = adt(b"A08", pid, b"AL1|1|DA|^NKDA", b"AL1|2|FA|P^Peanut")
    assert both.allergies.said == "listed" and any("which is true" in w for w in both.warnings)
    update = adt(b"A60", pid, b"IAM|1|DA|P^Penicillin|SV|Hives|D^Delete")
    assert update.allergies.listed[0].action == "D"


def test_a_weight_in_a_foreign_unit_is_remarked_and_birth_weight_is_no_weight():
    it = adt(b"A08", b"PID|1||1^^^GH^MR", b"OBX|1|NM|29463-7^Weight||180|stone", b"OBX|2|NM|^Birth weight||3.2|kg",
             b"OBX|3|NM|^Weight||n/a|kg", b"OBX|4|NM|29463-7||81|kg|||||X")  # fmt: skip
    assert [(m.value, m.unit) for m in it.measurements] == [(Decimal(180), "")]
    assert len(it.warnings) == 2


def test_a_message_of_thousands_of_orders_is_one_exception_and_not_a_hang():
    it = only(order(*[b"AL1|1|DA|P^Penicillin"] * 3000, *[ORC] * 3000))
    assert isinstance(it, Unmappable) and "3,000 orders" in it.reason
