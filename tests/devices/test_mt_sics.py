"""MT-SICS lines: the recorded ones, the damaged ones, and the promise that nothing is read that was not sent."""

import json
import string
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.mt_sics import COMMANDS, answer_id, more_follows, parse_line, quoted, render_weight, texts, wire
from devices.protocols import PROTOCOLS, protocol_named, scale_results, unescape

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "scale.json").read_text("utf-8"))
MT_SICS = [case for case in VECTORS if case["protocol"] == "mtsics"]


@pytest.mark.parametrize("case", MT_SICS, ids=lambda case: case["id"])
def test_every_recorded_line_is_read_as_it_was_meant(case):
    assert scale_results(case) == case.get("expected_all", [case["expected"]])


@pytest.mark.parametrize("case", MT_SICS, ids=lambda case: case["id"])
def test_where_the_bytes_are_cut_never_changes_what_was_read(case):
    raw = "".join(case.get("chunks", [case["bytes"]]))
    whole = unescape(raw)
    # An entry without chunks ended with the link.
    told = {**case, "closed": case.get("closed", False) or "chunks" not in case}
    cuts = [[whole[:i], whole[i:]] for i in range(len(whole) + 1)]
    cuts.append([whole[i : i + 1] for i in range(len(whole))])
    for chunks in cuts:
        escaped = ["".join(f"\\x{byte:02x}" for byte in chunk) for chunk in chunks]
        assert scale_results({**told, "chunks": escaped}) == case.get("expected_all", [case["expected"]])


def test_a_lost_byte_is_never_a_weight():
    for line in (b"S S     123.45 g", b"S D     -12.34 kg", b"S S  220.00900 g", b"TI D      45.63 mg"):
        assert parse_line(line).kind == "weight"
        unit_at = line.rindex(b" ") + 1
        for i in range(len(line)):
            shorter = line[:i] + line[i + 1 :]
            # Losing a letter of a two-letter unit is the one loss that a fixed width cannot show; kg and mg
            # then read as "g" or as something foreign; the conversation refuses a unit that changes (test_dialogue).
            if i >= unit_at and len(line) - unit_at > 1:
                continue
            reading = parse_line(shorter)
            same = reading.kind == "weight" and reading.value == parse_line(line).value
            assert reading.kind == "fault" or same, shorter


@pytest.mark.parametrize("number", ["NaN", "Infinity", "inf", "1e9", "1_000", "0x1F", "+12.34", "012.34", ".5",
                                    "5.", "--5.0", "- 5.0", "1 000.0", "٣.00", "１.00", ""])  # fmt: skip
def test_nothing_but_plain_digits_is_a_number(number):
    line = f"S S {number:>10} g".encode()
    assert parse_line(line).error == "unparseable"


@pytest.mark.parametrize("unit", ["lb", "oz", "PCS", "ct", "%", "GN", "ozt", "KG", "G", "t"])
def test_a_foreign_unit_is_a_fault_and_not_a_weight(unit):
    assert parse_line(f"S S     100.00 {unit}".encode()).error == "wrong_mode"


def test_trailing_space_and_a_second_line_are_refused():
    for line in (b"S S     100.00 g ", b" S S     100.00 g", b"S S     100.00 g\n", b"S S     100.00  g"):
        assert parse_line(line).error == "unparseable"


def test_an_error_code_in_the_weight_field_is_never_a_weight_whatever_the_status():
    for line in (b"S S     Error 10b", b"S D     Error 1t", b"T S     Error 14b"):
        assert parse_line(line).error == "device_error"


def test_each_answer_of_the_sheet_has_its_kind():
    expected = {
        b"TA S      45.67 g": "weight", b"ZI A": "ack", b"D R": "ack", b"K A": "ack", b"C B": "pending",
        b"C A": "ack", b"M21 A": "ack", b'M28 B 1 21.8': "info", b'I0 A 1 "TAC"': "info", b"I4 I": "fault",
        b"ZI +": "fault", b"T -": "fault", b"TAC L": "fault", b"I4 A": "fault", b'I4 A "B20': "fault",
        b"TAC S": "fault", b"Z S": "fault", b"T D      45.63 g": "fault", b"S A      45.63 g": "fault",
        b"XX A": "fault",
    }  # fmt: skip
    assert {line: parse_line(line).kind for line in expected} == expected


@given(
    word=st.sampled_from([("S", "S"), ("S", "D"), ("SI", "S"), ("T", "S"), ("TI", "D"), ("TA", "A")]),
    units=st.integers(-99_999_999, 999_999_999),
    places=st.integers(0, 7),
    unit=st.sampled_from(["g", "kg", "mg"]),
)
def test_each_weight_that_fits_is_read_back_exactly(word, units, places, unit):
    value = Decimal(units).scaleb(-places)
    try:
        line = render_weight(*word, value, unit)
    except ValueError:
        assert len(format(value, "f")) > 10
        return
    reading = parse_line(line)
    assert (reading.kind, format(reading.value, "f"), reading.unit) == ("weight", format(value, "f"), unit)


weightlike = st.tuples(
    st.sampled_from([b"S", b"SI", b"T", b"TI", b"TA", b"s", b"X", b""]),
    st.sampled_from([b"S", b"D", b"A", b"I", b"+", b"X", b""]),
    st.text(" 0123456789.-+,eE", min_size=8, max_size=12).map(str.encode),
    st.text(string.ascii_letters + " %1", max_size=6).map(str.encode),
).map(b" ".join)


@given(st.one_of(weightlike, st.binary(max_size=40), st.text(" SDgk0123456789.-", max_size=20).map(str.encode)))
@example(b"S S      -0.00 g")
@example(b"S S 1234567890 g")
def test_each_accepted_weight_renders_to_the_very_line_it_came_from(line):
    reading = parse_line(line)
    assert reading.raw == line
    if reading.kind != "weight":
        return
    word, status = line.split(b" ")[:2]
    again = render_weight(word.decode(), status.decode(), reading.value, reading.unit)
    # Minus zero is read as zero: the one difference that is allowed.
    assert again == line or (reading.value == 0 and again == line.replace(b" -", b"  "))


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_fall(line):
    assert parse_line(line).kind in ("weight", "ack", "pending", "info", "fault")


def test_ids_texts_and_unfinished_answers_are_told_apart():
    assert [answer_id(line) for line in (b"S S       1.00 g", b'I4 A "X"', b"ES", b"\x00S S", b"")] == [
        "S", "I4", "ES", None, None,
    ]  # fmt: skip
    assert texts(b'I1 A "01" "2.30" "" ""') == ("01", "2.30", "", "")
    assert more_follows(b'I0 B 0 "SI"') and not more_follows(b'I0 A 0 "SI"') and not more_follows(b"ES")


def test_a_command_cannot_smuggle_a_second_one():
    assert wire("D", quoted('ADD 5 mL "NS" µ\r\nT')) == b"D \"ADD 5 mL 'NS' ???T\"\r\n"
    for word, parameters in (("C3", ()), ("M01", ("1",)), ("TA", ("1\r\nZ",)), ("TA", ("",))):
        with pytest.raises(ValueError, match="."):
            wire(word, *parameters)
    assert set(COMMANDS) == set("@ I0 I1 I2 I3 I4 I5 S SI SIR Z ZI D DW K SR T TI TA TAC C SC TC ZC".split())


def test_an_unknown_protocol_or_shape_is_refused_in_a_sentence():
    for case in (
        {"protocol": "morse", "bytes": ""}, {"bytes": "x"}, {"protocol": "mtsics"},
        {"protocol": "mtsics", "bytes": "\\q"}, {"protocol": "mtsics", "bytes": "€"},
        {"protocol": "mtsics", "bytes": "x\\"}, {"protocol": "mtsics", "chunks": "x"},
        {"protocol": "mtsics", "bytes": "x", "closed": "yes"},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"\.$"):
            scale_results(case)
    assert protocol_named("mtsics") is protocol_named("mt-sics") is PROTOCOLS["mt-sics"]
